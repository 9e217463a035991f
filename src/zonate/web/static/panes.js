// All images together: on one crosshair, one zoom and one label volume, in one of three layouts.

import { CROSSHAIR_MM, Pane } from './pane.js'
import { Surface } from './surface.js'
import { emptyWhereNotMeasured, toImage } from './volume.js'

const { SLICE_TYPE } = niivue
// Of each layout the slices: left, top, width and height from 0 to 1, and what lies left, right, above and below.
const LAYOUTS = {
  axial: [{ sliceType: SLICE_TYPE.AXIAL, position: [0, 0, 1, 1], sides: 'RLAP' }],
  multiplanar: [
    { sliceType: SLICE_TYPE.AXIAL, position: [0, 0, 0.62, 1], sides: 'RLAP' },
    { sliceType: SLICE_TYPE.CORONAL, position: [0.625, 0, 0.375, 0.497], sides: 'RLSI' },
    { sliceType: SLICE_TYPE.SAGITTAL, position: [0.625, 0.503, 0.375, 0.497], sides: 'APSI' },
  ],
  '3d': [],
}
const MARGIN_MM = 18
const WINDOW_MARGIN_MM = 10
const TRIMMED = 0.05 // stray voxels do not pull the view away
const UNCERTAIN_FROM_NATS = 0.05

export class Panes {
  constructor(parent) {
    this.parent = parent
    this.surface = new Surface(parent)
    this.all = []
    this.layout = 'axial'
    this.frac = [0.5, 0.5, 0.5]
    this.panZoom = [0, 0, 0, 1]
    this.opacity = 0.35
    this.outlines = false
    this.crosshair = true
    this.onMove = () => {}
    this.stale = new Set() // panes whose copy of the labels is old
    this.frame = null
  }

  get main() {
    return this.all[0]
  }

  get order() {
    return this.main.order
  }

  /** The RAS voxel at the crosshair. */
  get voxel() {
    return this.frac.map((f, axis) => Math.min(this.order.shape[axis] - 1, Math.floor(f * this.order.shape[axis])))
  }

  /** Makes a pane for each image (T2W first) out of sight; those that are open stay until `show`. */
  async make(volumes, buffers) {
    const made = volumes.map(({ name, title, unit }) => new Pane(this.parent, name, title, unit))
    const tries = await Promise.allSettled(made.map((pane, i) => pane.open(buffers[i])))
    const failed = tries.find(({ status }) => status === 'rejected')
    if (failed === undefined && made.every((pane) => pane.order.equals(made[0].order))) return made
    for (const pane of made) pane.close()
    throw failed?.reason ?? new Error('the images do not lie on one another')
  }

  /** Shows panes that were made, with this label volume, in place of those that are open. */
  show(made, labels, zones) {
    for (const pane of this.all) pane.close()
    this.all = made
    for (const pane of made) pane.show()
    this.parent.dataset.count = made.length
    this.entropyShown = false
    this.stale.clear()
    this.setCrosshair(this.crosshair)
    this.showLabels(labels, zones)
    this.setLayout('axial')
    for (const { nv } of made) nv.resizeListener()
  }

  /** Draws this label volume over every image. */
  showLabels(labels, zones) {
    this.labels = labels
    this.colourMap = colourMap(zones)
    for (const { nv } of this.all) {
      if (nv.drawBitmap === null) nv.createEmptyDrawing()
      nv.drawBitmap = labels.shown
      nv.setDrawColormap(this.colourMap)
    }
    this.refreshLabels()
    this.#applyOpacity()
  }

  /** Hands the label volume, which has changed, to one pane or to all of them. */
  refreshLabels(only = null) {
    for (const pane of only === null ? this.all : [only]) this.stale.add(pane)
    if (this.layout === '3d') this.surface.show(this.labels, this.colourMap)
    this.draw()
  }

  setOpacity(opacity) {
    this.opacity = opacity
    this.#applyOpacity()
  }

  setOutlines(outlines) {
    this.outlines = outlines
    this.#applyOpacity()
  }

  #applyOpacity() {
    for (const { nv } of this.all) {
      nv.drawRimOpacity = this.outlines ? 1 : Math.min(1, this.opacity * 2)
      nv.drawOpacity = this.outlines ? 0.004 : this.opacity
    }
    this.draw()
  }

  /** Shows the uncertainty map over every image, opacity 0 to 1, or hides it (null). */
  async setEntropy(opacity, read, maxNats) {
    this.entropyOpacity = opacity ?? 0
    if (opacity !== null && !this.entropyShown) await this.#addEntropy(read, maxNats)
    for (const { nv } of this.all) if (nv.volumes.length > 1) nv.setOpacity(1, this.entropyOpacity)
  }

  async #addEntropy(read, maxNats) {
    const panes = this.all
    this.entropyShown = true
    try {
      const buffer = await read()
      for (const pane of panes) {
        if (pane.nv.volumes.length > 1) continue // it got its map before another pane failed
        const image = await toImage(buffer.slice(0), 'entropy', { colormap: 'inferno', opacity: this.entropyOpacity })
        if (this.all !== panes) return // another case is shown by now
        emptyWhereNotMeasured(image)
        Object.assign(image, { cal_min: UNCERTAIN_FROM_NATS, cal_max: maxNats })
        pane.nv.addVolume(image)
      }
      this.draw()
    } catch (error) {
      if (this.all === panes) this.entropyShown = false
      throw error
    }
  }

  setLayout(layout) {
    this.layout = layout
    this.parent.dataset.layout = layout
    for (const pane of this.all) {
      pane.element.hidden = layout === '3d' || (layout === 'multiplanar' && pane !== this.main)
      pane.showSides(LAYOUTS[layout])
      pane.nv.customLayout = layout === 'multiplanar' ? LAYOUTS.multiplanar : null
    }
    if (layout === '3d' && this.labels !== undefined) this.surface.show(this.labels, this.colourMap)
    else this.surface.hide()
    this.draw()
  }

  /** Moves the crosshair of every pane, each coordinate from 0 to 1 in RAS order. */
  moveTo(frac) {
    this.frac = frac.map((f) => Math.min(1 - 1e-6, Math.max(0, f)))
    this.draw()
    this.onMove()
  }

  /** Moves the crosshair to the middle of a voxel. */
  moveToVoxel(voxel) {
    this.moveTo(voxel.map((index, axis) => (index + 0.5) / this.order.shape[axis]))
  }

  /** Moves along one axis by whole slices. */
  scroll(axis, slices) {
    const voxel = this.voxel
    voxel[axis] = Math.min(this.order.shape[axis] - 1, Math.max(0, voxel[axis] + slices))
    const frac = this.frac.slice()
    frac[axis] = (voxel[axis] + 0.5) / this.order.shape[axis]
    this.moveTo(frac)
  }

  zoom(factor) {
    const zoom = Math.min(20, Math.max(0.5, this.panZoom[3] * factor))
    const at = this.#mm(this.frac)
    this.panZoom = [...at.map((mm, axis) => this.panZoom[axis] + (this.panZoom[3] - zoom) * mm), zoom]
    this.draw()
  }

  /** Moves the images by a distance between two places, as `Pane.under` gives them. */
  pan(from, to) {
    const [start, end] = [this.#mm(from), this.#mm(to)]
    for (let axis = 0; axis < 3; axis++) this.panZoom[axis] += (end[axis] - start[axis]) * this.panZoom[3]
    this.draw()
  }

  /** Fills the panes with the gland, crosshair at its middle; the whole image where there is no gland. */
  fit() {
    const extent = this.labels.extent(TRIMMED)
    if (extent === null) {
      this.panZoom = [0, 0, 0, 1]
      this.moveToVoxel(this.order.shape.map((n) => Math.floor(n / 2)))
      return
    }
    const voxel = this.labels.middle() // stray pieces move the middle of the extent out of the gland
    const middle = voxel.map((index, axis) => (index + 0.5) / this.order.shape[axis])
    const sizes = extent.map(([first, last], axis) => (last - first + 1) * this.order.spacingMm[axis] + 2 * MARGIN_MM)
    const { extentsMinOrtho: low, extentsMaxOrtho: high } = this.main.image
    const zoom = Math.max(1, Math.min(...[0, 1].map((axis) => (high[axis] - low[axis]) / sizes[axis])))
    const target = this.#mm(middle)
    this.panZoom = [...target.map((mm, axis) => (low[axis] + high[axis]) / 2 - zoom * mm), zoom]
    this.surface.reset()
    this.moveToVoxel(voxel)
  }

  setCrosshair(shown) {
    this.crosshair = shown
    for (const { nv } of this.all) nv.opts.crosshairWidth = shown ? CROSSHAIR_MM : 0
    this.draw()
  }

  resetWindows() {
    const box = this.#around(this.labels.extent(TRIMMED), WINDOW_MARGIN_MM)
    for (const pane of this.all) pane.setWindowFor(box)
  }

  /** Draws every pane that is seen, once, with the next frame. */
  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null
      for (const pane of this.all) if (!pane.element.hidden && pane.image !== undefined) this.#drawNow(pane)
    })
  }

  #drawNow(pane) {
    pane.nv.scene.crosshairPos = this.frac
    pane.nv.scene.pan2Dxyzmm = this.panZoom
    if (this.labels !== undefined && this.stale.delete(pane)) pane.nv.refreshDrawing(false)
    pane.nv.drawScene()
  }

  /** The voxels within a margin about an extent; all where there is none. */
  #around(extent, marginMm) {
    return this.order.shape.map((n, axis) => {
      if (extent === null) return [0, n - 1]
      const margin = Math.ceil(marginMm / this.order.spacingMm[axis])
      return [Math.max(0, extent[axis][0] - margin), Math.min(n - 1, extent[axis][1] + margin)]
    })
  }

  #mm(frac) {
    const { extentsMinOrtho: low, extentsMaxOrtho: high } = this.main.image
    return frac.map((f, axis) => low[axis] + f * (high[axis] - low[axis]))
  }
}

/** NiiVue's form of the colours of the zones, by label code. */
function colourMap(zones) {
  const colours = Array.from({ length: 256 }, () => [0, 0, 0])
  for (const zone of zones) colours[zone.code] = zone.colour_rgb
  return {
    R: colours.map((c) => c[0]),
    G: colours.map((c) => c[1]),
    B: colours.map((c) => c[2]),
    A: colours.map((_, code) => (code === 0 ? 0 : 255)),
    labels: colours.map((_, code) => String(code)),
  }
}
