// The label volume that is being corrected: brush strokes, undo, and how many voxels each zone has.

const BACKGROUND = 0
const NOT_ANNOTATED = 255

export class LabelMap {
  /**
   * @param {Uint8Array} codes in the order of the file
   * @param {VoxelOrder} order of the file
   */
  constructor(codes, order) {
    this.order = order
    this.codes = order.toRas(codes)
    this.shown = this.codes.slice() // what is drawn: hidden zones are left out
    this.hidden = new Set([NOT_ANNOTATED])
    this.counts = new Uint32Array(256)
    for (const code of this.codes) this.counts[code]++
    this.undone = []
    this.done = []
    this.stroke = null
    this.savedAt = 0
    this.#redraw()
  }

  /** Whether there is anything that was not saved. */
  get dirty() {
    return this.savedAt !== this.done.length
  }

  codeAt(x, y, z) {
    return this.codes[this.order.inRas(x, y, z)]
  }

  setHidden(code, hidden) {
    if (hidden) this.hidden.add(code)
    else this.hidden.delete(code)
    this.#redraw()
  }

  /** The codes in the order of the file. */
  toFile() {
    return this.order.toFile(this.codes)
  }

  /** Where the correction stands, for `markSaved` once this state is known to be saved. */
  mark() {
    return { at: this.done.length, stroke: this.done.at(-1) }
  }

  /** The state of that mark was saved; strokes since then were not, and it may be undone or replaced by now. */
  markSaved({ at, stroke }) {
    const reachable = at === 0 || this.done[at - 1] === stroke || this.undone.includes(stroke)
    this.savedAt = reachable ? at : -1
  }

  beginStroke() {
    this.stroke = new Map() // place in RAS order -> the code that was there
  }

  /**
   * Paints a disc in a plane of the voxel grid.
   *
   * @param {number[]} centre RAS voxel
   * @param {number[]} plane the two axes of the plane
   * @param {number} radiusMm voxels whose centres lie within it are painted; that of the centre always
   * @param {number} code what to paint; 0 erases
   * @param {boolean} onlyBackground whether zones that are there stay
   */
  paintDisc(centre, plane, radiusMm, code, onlyBackground) {
    const [first, second] = plane
    const [stepFirst, stepSecond] = plane.map((axis) => this.order.spacingMm[axis])
    const reachFirst = Math.floor(radiusMm / stepFirst)
    const reachSecond = Math.floor(radiusMm / stepSecond)
    const voxel = centre.slice()
    for (let i = -reachFirst; i <= reachFirst; i++) {
      for (let j = -reachSecond; j <= reachSecond; j++) {
        if (Math.hypot(i * stepFirst, j * stepSecond) > radiusMm) continue
        voxel[first] = centre[first] + i
        voxel[second] = centre[second] + j
        if (this.order.holds(...voxel)) this.#paint(this.order.inRas(...voxel), code, onlyBackground)
      }
    }
  }

  /** Paints along the line between two voxels of one plane, so that a quick hand leaves no gaps. */
  paintLine(from, to, plane, radiusMm, code, onlyBackground) {
    const steps = Math.max(1, ...to.map((index, axis) => Math.abs(index - from[axis])))
    for (let step = 1; step <= steps; step++) {
      const at = from.map((index, axis) => Math.round(index + ((to[axis] - index) * step) / steps))
      this.paintDisc(at, plane, radiusMm, code, onlyBackground)
    }
  }

  /** Ends a stroke; returns whether it changed anything. */
  endStroke() {
    const before = this.stroke
    this.stroke = null
    if (before === null || before.size === 0) return false
    const places = Uint32Array.from(before.keys())
    const after = Uint8Array.from(places, (place) => this.codes[place])
    if (this.savedAt > this.done.length) this.savedAt = -1 // what was saved can no longer be come back to
    this.done.push({ places, before: Uint8Array.from(before.values()), after })
    this.undone = []
    return true
  }

  undo() {
    const stroke = this.done.pop()
    if (stroke === undefined) return
    this.undone.push(stroke)
    this.#put(stroke.places, stroke.before)
  }

  redo() {
    const stroke = this.undone.pop()
    if (stroke === undefined) return
    this.done.push(stroke)
    this.#put(stroke.places, stroke.after)
  }

  /**
   * First and last RAS voxel of all zones along each axis; null where there are none.
   *
   * @param {number} trimmed share of the voxels that may lie outside at each end of each axis
   */
  extent(trimmed = 0) {
    const [width, height, depth] = this.order.shape
    const along = this.order.shape.map((n) => new Uint32Array(n))
    let total = 0
    for (let z = 0, place = 0; z < depth; z++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, place++) {
          const code = this.codes[place]
          if (code === BACKGROUND || code === NOT_ANNOTATED) continue
          along[0][x]++
          along[1][y]++
          along[2][z]++
          total++
        }
      }
    }
    if (total === 0) return null
    return along.map((counts) => [
      beyond(counts, trimmed * total),
      counts.length - 1 - beyond(counts.slice().reverse(), trimmed * total),
    ])
  }

  /** The RAS voxel in the middle of the axial section that holds most of the zones; null where there are none. */
  middle() {
    const [width, height, depth] = this.order.shape
    let largest = { n: 0 }
    for (let z = 0, place = 0; z < depth; z++) {
      const section = { n: 0, x: 0, y: 0, z }
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++, place++) {
          const code = this.codes[place]
          if (code === BACKGROUND || code === NOT_ANNOTATED) continue
          section.n++
          section.x += x
          section.y += y
        }
      }
      if (section.n > largest.n) largest = section
    }
    const { n, x, y, z } = largest
    return n === 0 ? null : [Math.round(x / n), Math.round(y / n), z]
  }

  #paint(place, code, onlyBackground) {
    const there = this.codes[place]
    const locked = (zone) => zone !== BACKGROUND && this.hidden.has(zone)
    if (there === code || locked(there) || locked(code)) return // a hidden zone neither shrinks nor grows
    if (onlyBackground && code !== BACKGROUND && there !== BACKGROUND && !this.stroke.has(place)) return
    if (!this.stroke.has(place)) this.stroke.set(place, there)
    this.#set(place, code)
  }

  #put(places, codes) {
    places.forEach((place, i) => this.#set(place, codes[i]))
  }

  #set(place, code) {
    this.counts[this.codes[place]]--
    this.counts[code]++
    this.codes[place] = code
    this.shown[place] = this.hidden.has(code) ? BACKGROUND : code
  }

  #redraw() {
    for (let place = 0; place < this.codes.length; place++) {
      this.shown[place] = this.hidden.has(this.codes[place]) ? BACKGROUND : this.codes[place]
    }
  }
}

/** The first place up to which more than so many were counted. */
function beyond(counts, outside) {
  let seen = 0
  return counts.findIndex((count) => (seen += count) > outside)
}
