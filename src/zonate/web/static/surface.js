// The zones in 3D: their surface, drawn from a copy of the labels that is cut to the gland, which is quick to draw.

import { toImage } from './volume.js'

const { Niivue, NVImage, SLICE_TYPE } = niivue
const UINT8 = 2
const MARGIN_VOXELS = 4
const BLUR_VOXELS = 2
const FROM_THE_FRONT = { renderAzimuth: 200, renderElevation: 15, volScaleMultiplier: 1.1 }
const DEGREES_PER_PIXEL = 0.5
const ZOOM_PER_TICK = 1.15

export class Surface {
  constructor(parent) {
    this.element = document.createElement('figure')
    this.element.className = 'pane surface'
    this.element.hidden = true
    this.element.innerHTML = '<div class="frame"><canvas aria-label="zones in 3D"></canvas></div>'
    this.canvas = this.element.querySelector('canvas')
    parent.append(this.element)
    this.nv = null
    this.attached = null
    this.frame = null
    this.asked = 0
    this.#listen()
  }

  /** Shows the zones that are shown of a label volume, in these colours ([r, g, b] by code). */
  async show(labels, colourMap) {
    const mine = ++this.asked
    this.element.hidden = false
    const extent = labels.extent() ?? labels.order.shape.map((n) => [0, n - 1])
    const ranges = extent.map(([first, last], axis) => [
      Math.max(0, first - MARGIN_VOXELS),
      Math.min(labels.order.shape[axis] - 1, last + MARGIN_VOXELS),
    ])
    const shape = ranges.map(([first, last]) => last - first + 1)
    const [dx, dy, dz] = labels.order.spacingMm
    const affine = [dx, 0, 0, 0, 0, dy, 0, 0, 0, 0, dz, 0, 0, 0, 0, 1]
    const empty = new Uint8Array(shape[0] * shape[1] * shape[2])
    const file = NVImage.createNiftiArray(shape, [dx, dy, dz], affine, UINT8, empty)
    const box = await toImage(file.buffer, 'box', { opacity: 0, cal_min: 0, cal_max: 1 })
    await (this.attached ??= this.#attach())
    if (mine !== this.asked) return // other labels are shown by now, or none
    const { nv } = this
    if (nv.volumes.length > 0) nv.removeVolume(nv.volumes[0])
    nv.addVolume(box)
    nv.createEmptyDrawing()
    nv.drawBitmap = cut(labels, ranges, shape)
    nv.drawOpacity = 1
    nv.setDrawColormap(colourMap)
    nv.refreshDrawing(false)
    nv.opts.sliceType = SLICE_TYPE.RENDER
    this.draw()
  }

  hide() {
    this.asked++
    this.element.hidden = true
    if (this.nv !== null) this.nv.opts.sliceType = SLICE_TYPE.AXIAL // what is drawn unseen is drawn quickly
  }

  reset() {
    if (this.nv !== null) Object.assign(this.nv.scene, FROM_THE_FRONT)
    this.draw()
  }

  draw() {
    if (this.nv === null || this.element.hidden) return
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null
      this.nv.drawScene()
    })
  }

  async #attach() {
    this.nv = new Niivue({
      interactive: false,
      dragAndDropEnabled: false,
      sliceType: SLICE_TYPE.AXIAL,
      crosshairWidth: 0,
      isOrientCube: true,
      isOrientationTextVisible: false,
      smoothDrawing: BLUR_VOXELS,
      backColor: [0, 0, 0, 1],
      logLevel: 'error',
    })
    Object.assign(this.nv.scene, FROM_THE_FRONT)
    await this.nv.attachToCanvas(this.canvas, true)
  }

  #listen() {
    let last = null
    this.canvas.addEventListener('contextmenu', (event) => event.preventDefault())
    this.canvas.addEventListener('pointerdown', (event) => {
      this.canvas.setPointerCapture(event.pointerId)
      last = [event.offsetX, event.offsetY]
    })
    this.canvas.addEventListener('pointermove', (event) => {
      if (last === null) return
      const { scene } = this.nv
      const elevation = scene.renderElevation + (event.offsetY - last[1]) * DEGREES_PER_PIXEL
      scene.renderAzimuth += (event.offsetX - last[0]) * DEGREES_PER_PIXEL
      scene.renderElevation = Math.min(90, Math.max(-90, elevation))
      last = [event.offsetX, event.offsetY]
      this.draw()
    })
    for (const name of ['pointerup', 'pointercancel']) this.canvas.addEventListener(name, () => (last = null))
    this.canvas.addEventListener('wheel', (event) => {
      event.preventDefault()
      const factor = event.deltaY < 0 ? ZOOM_PER_TICK : 1 / ZOOM_PER_TICK
      this.nv.scene.volScaleMultiplier = Math.min(6, Math.max(0.4, this.nv.scene.volScaleMultiplier * factor))
      this.draw()
    }, { passive: false })
  }
}

/** The zones that are shown, in RAS order, within [first, last] of each axis. */
function cut(labels, ranges, shape) {
  const out = new Uint8Array(shape[0] * shape[1] * shape[2])
  const [x0] = ranges[0]
  let place = 0
  for (let z = ranges[2][0]; z <= ranges[2][1]; z++) {
    for (let y = ranges[1][0]; y <= ranges[1][1]; y++, place += shape[0]) {
      const row = labels.order.inRas(x0, y, z)
      out.set(labels.shown.subarray(row, row + shape[0]), place)
    }
  }
  return out
}
