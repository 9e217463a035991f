// The voxels of a NIfTI file in two orders: the file's, in which labels are saved, and RAS, in which NiiVue draws.

/** Between a voxel (x, y, z) in RAS order and its place in the file. */
export class VoxelOrder {
  /** @param image an NVImage; its `permRAS` says which axis of the file runs along R, A, S, negative where reversed. */
  constructor(image) {
    const shape = image.hdr.dims.slice(1, 4)
    const strides = [1, shape[0], shape[0] * shape[1]]
    const axes = image.permRAS.map((axis) => Math.abs(axis) - 1)
    this.shape = axes.map((axis) => shape[axis])
    this.spacingMm = axes.map((axis) => image.hdr.pixDims[axis + 1])
    this.steps = axes.map((axis, i) => (image.permRAS[i] < 0 ? -strides[axis] : strides[axis]))
    this.origin = axes.reduce((sum, axis, i) => sum + (image.permRAS[i] < 0 ? (shape[axis] - 1) * strides[axis] : 0), 0)
    this.size = shape[0] * shape[1] * shape[2]
  }

  /** The place in the file of a RAS voxel. */
  inFile(x, y, z) {
    return this.origin + x * this.steps[0] + y * this.steps[1] + z * this.steps[2]
  }

  /** The place in RAS order of a RAS voxel. */
  inRas(x, y, z) {
    return x + this.shape[0] * (y + this.shape[1] * z)
  }

  /** Whether another file of voxels lies as this one does. */
  equals(other) {
    const axes = [0, 1, 2].every((axis) => this.shape[axis] === other.shape[axis] && this.steps[axis] === other.steps[axis])
    return axes && this.origin === other.origin
  }

  holds(x, y, z) {
    return [x, y, z].every((index, axis) => index >= 0 && index < this.shape[axis])
  }

  /** Values of the file, in RAS order. */
  toRas(values) {
    return this.#reordered(values, (out, ras, file) => (out[ras] = values[file]))
  }

  /** Values in RAS order, in the file's. */
  toFile(values) {
    return this.#reordered(values, (out, ras, file) => (out[file] = values[ras]))
  }

  #reordered(values, copy) {
    const out = new values.constructor(this.size)
    const [width, height, depth] = this.shape
    for (let z = 0, ras = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        let file = this.inFile(0, y, z)
        for (let x = 0; x < width; x++, ras++, file += this.steps[0]) copy(out, ras, file)
      }
    }
    return out
  }
}

/** Reads a decompressed NIfTI file into an NVImage. */
export async function toImage(buffer, name, options = {}) {
  return niivue.NVImage.loadFromUrl({ url: `${name}.nii`, name: `${name}.nii`, buffer, ...options })
}

/**
 * Takes what was not measured (NaN) out of an image, so that it is drawn as empty at any window.
 *
 * @returns {Uint8Array} 1 where measured, in the order of the file
 */
export function emptyWhereNotMeasured(image) {
  const values = image.img
  const measured = Uint8Array.from(values, (value) => (Number.isFinite(value) ? 1 : 0))
  let [low, high] = [Infinity, -Infinity]
  for (let i = 0; i < values.length; i++) {
    if (measured[i] === 0) continue
    if (values[i] < low) low = values[i]
    if (values[i] > high) high = values[i]
  }
  if (low > high) [low, high] = [0, 1]
  for (let i = 0; i < values.length; i++) if (measured[i] === 0) values[i] = low - 1000 * Math.max(1, high - low)
  return measured
}

/**
 * The grey window that shows a part of an image well: its 1st and 99.5th percentile, or what there is of range.
 *
 * @param box [first, last] RAS voxel along each axis
 * @returns {[number, number]} low and high, low < high
 */
export function windowOf(image, measured, order, box) {
  const inBox = []
  for (let z = box[2][0]; z <= box[2][1]; z++) {
    for (let y = box[1][0]; y <= box[1][1]; y++) {
      for (let x = box[0][0]; x <= box[0][1]; x++) {
        const place = order.inFile(x, y, z)
        if (measured[place] === 1) inBox.push(image.img[place])
      }
    }
  }
  const sorted = Float32Array.from(inBox).sort()
  if (sorted.length === 0) return [0, 1]
  const [low, high] = [0.01, 0.995].map((share) => sorted[Math.floor(share * (sorted.length - 1))])
  if (high > low) return [low, high]
  return sorted.at(-1) > sorted[0] ? [sorted[0], sorted.at(-1)] : [Math.min(0, low), Math.max(1, low)]
}
