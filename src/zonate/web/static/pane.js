// One image: its own NiiVue instance, its grey window, and what lies under the mouse.

import { emptyWhereNotMeasured, toImage, VoxelOrder, windowOf } from './volume.js'

const { Niivue, SLICE_TYPE } = niivue
export const CROSSHAIR_MM = 0.2

export class Pane {
  /** Makes the pane's elements inside a parent, not to be seen before `show`; call `open` before anything else. */
  constructor(parent, name, title, unit) {
    this.name = name
    this.unit = unit
    this.element = document.createElement('figure')
    this.element.className = `pane pane-${name} making`
    this.element.innerHTML = `<div class="frame"><canvas></canvas></div><figcaption></figcaption><output></output>
      <div class="sides" aria-hidden="true"></div>`
    this.canvas = this.element.querySelector('canvas')
    this.canvas.setAttribute('aria-label', `${title} image`)
    this.element.querySelector('figcaption').textContent = title
    parent.append(this.element)
    this.nv = new Niivue({
      interactive: false,
      dragAndDropEnabled: false,
      isRadiologicalConvention: true,
      sliceType: SLICE_TYPE.AXIAL,
      isOrientationTextVisible: false,
      crosshairWidth: CROSSHAIR_MM,
      crosshairWidthUnit: 'mm',
      crosshairGap: 10,
      crosshairColor: [0.42, 0.6, 0.7, 1],
      sagittalNoseLeft: true,
      fontColor: [0.85, 0.87, 0.9, 1],
      fontMinPx: 12,
      fontSizeScaling: 0.3,
      backColor: [0, 0, 0, 1],
      isNearestInterpolation: false,
      tileMargin: 4,
      logLevel: 'error',
    })
  }

  async open(buffer) {
    await this.nv.attachToCanvas(this.canvas, true)
    this.attached = true
    const image = await toImage(buffer, this.name, { colormap: 'gray' })
    this.order = new VoxelOrder(image)
    this.measured = emptyWhereNotMeasured(image)
    this.image = image
    this.nv.addVolume(image)
  }

  /** Writes at the edges of each slice which side of the patient is there. */
  showSides(slices) {
    const letters = slices.flatMap(({ position: [left, top, width, height], sides }) => [
      [sides[0], 'at-left', left, top + height / 2],
      [sides[1], 'at-right', left + width, top + height / 2],
      [sides[2], 'at-top', left + width / 2, top],
      [sides[3], 'at-bottom', left + width / 2, top + height],
    ])
    this.element.querySelector('.sides').replaceChildren(...letters.map(([letter, edge, x, y]) => {
      const element = Object.assign(document.createElement('i'), { className: edge, textContent: letter })
      Object.assign(element.style, { left: `${100 * x}%`, top: `${100 * y}%` })
      return element
    }))
  }

  show() {
    this.element.classList.remove('making')
  }

  close() {
    if (this.attached) {
      this.nv.cleanup()
      this.nv.gl.getExtension('WEBGL_lose_context')?.loseContext()
    }
    this.element.remove()
  }

  /** The value at a RAS voxel; null where nothing was measured. */
  valueAt(x, y, z) {
    const place = this.order.inFile(x, y, z)
    return this.measured[place] === 1 ? this.image.img[place] : null
  }

  /** Shows the part of the image within a box, [first, last] RAS voxel along each axis, well. */
  setWindowFor(box) {
    this.fullWindow = windowOf(this.image, this.measured, this.order, box)
    this.setWindow(...this.fullWindow)
  }

  setWindow(low, high) {
    this.image.cal_min = low
    this.image.cal_max = Math.max(high, low + 1e-6)
    this.nv.updateGLVolume()
    this.showWindow()
  }

  showWindow() {
    const [low, high] = [this.image.cal_min, this.image.cal_max]
    const digits = high - low < 10 ? 2 : 0
    this.element.querySelector('output').value =
      `W ${(high - low).toFixed(digits)}  L ${((high + low) / 2).toFixed(digits)}${this.unit && `  ${this.unit}`}`
  }

  /**
   * What lies under a point of the canvas, in CSS pixels from its corner.
   *
   * @returns {{voxel: number[], frac: number[], plane: number[], through: number} | null} RAS voxel, its place from 0
   *   to 1 in the volume, the axes of the slice and the axis through it; null beside the slices and in 3D.
   */
  under(x, y) {
    const [px, py] = [x * this.nv.uiData.dpr, y * this.nv.uiData.dpr]
    const tile = this.nv.tileIndex(px, py)
    const slice = this.nv.screenSlices[tile]
    if (tile < 0 || slice.axCorSag > SLICE_TYPE.SAGITTAL) return null
    const frac = Array.from(this.nv.canvasPos2frac([px, py]))
    const voxel = Array.from(this.nv.frac2vox(frac))
    if (frac[0] < 0 || !this.order.holds(...voxel)) return null
    const through = 2 - slice.axCorSag
    return { voxel, frac, through, plane: [0, 1, 2].filter((axis) => axis !== through) }
  }

  /** CSS pixels per millimetre in the slice under a point; 0 where there is none. */
  pixelsPerMm(x, y) {
    const [here, there] = [this.under(x, y), this.under(x + 1, y) ?? this.under(x - 1, y)]
    if (here === null || there === null) return 0
    const mm = Math.hypot(...here.frac.map((f, i) => (there.frac[i] - f) * this.order.shape[i] * this.order.spacingMm[i]))
    return mm > 0 ? 1 / mm : 0
  }
}
