// Mouse and pen on a pane: scroll, crosshair, window, move, zoom, paint.

const WINDOW_PER_PIXEL = 1 / 400
const ZOOM_PER_TICK = 1.15

/**
 * Listens to one pane.
 *
 * @param pane the pane
 * @param panes all of them, which move together
 * @param brush {tool: 'look' | 'brush' | 'erase', code, radiusMm, onlyBackground}, read at each event
 * @param onPaint called after each stroke that changed something
 */
export function listen(pane, panes, brush, onPaint) {
  const { canvas } = pane
  const ring = document.createElement('div')
  ring.className = 'brush'
  ring.hidden = true
  canvas.parentElement.append(ring)
  let drag = null

  canvas.addEventListener('contextmenu', (event) => event.preventDefault())

  canvas.addEventListener('wheel', (event) => {
    event.preventDefault()
    const factor = event.deltaY < 0 ? ZOOM_PER_TICK : 1 / ZOOM_PER_TICK
    if (event.ctrlKey) panes.zoom(factor)
    else panes.scroll(pane.under(event.offsetX, event.offsetY)?.through ?? 2, event.deltaY < 0 ? 1 : -1)
    moveRing(event)
  }, { passive: false })

  canvas.addEventListener('pointerdown', (event) => {
    event.preventDefault()
    canvas.setPointerCapture(event.pointerId)
    drag = { kind: kindOf(event), x: event.offsetX, y: event.offsetY, at: pane.under(event.offsetX, event.offsetY) }
    if (drag.kind === 'paint') {
      panes.labels.beginStroke()
      stroke(drag.at, drag.at)
    } else if (drag.kind === 'look' && drag.at !== null) {
      panes.moveTo(drag.at.frac)
    }
  })

  canvas.addEventListener('pointermove', (event) => {
    moveRing(event)
    if (drag === null) return
    const [x, y] = [event.offsetX, event.offsetY]
    const at = pane.under(x, y)
    if (drag.kind === 'window') shiftWindow(pane, x - drag.x, y - drag.y)
    else if (drag.kind === 'look' && at !== null) panes.moveTo(at.frac)
    else if (drag.kind === 'paint') stroke(drag.at, at)
    else if (drag.kind === 'move' && at !== null && drag.at?.through === at.through) {
      panes.pan(drag.at.frac, at.frac)
      Object.assign(drag, { x, y, at: pane.under(x, y) })
      return
    }
    Object.assign(drag, { x, y, at: at ?? drag.at })
  })

  for (const name of ['pointerup', 'pointercancel']) {
    canvas.addEventListener(name, () => {
      const ended = drag
      drag = null
      if (ended?.kind === 'paint' && panes.labels.endStroke()) {
        panes.refreshLabels()
        onPaint()
      }
    })
  }

  canvas.addEventListener('pointerleave', () => (ring.hidden = true))

  function kindOf(event) {
    if (event.button === 1 || (event.button === 0 && event.shiftKey)) return 'move'
    if (event.button === 2) return 'window'
    return brush.tool === 'look' ? 'look' : 'paint'
  }

  function stroke(from, to) {
    if (to === null) return
    const code = brush.tool === 'erase' ? 0 : brush.code
    const start = from !== null && from.through === to.through && from.voxel[to.through] === to.voxel[to.through] ? from : to
    panes.labels.paintLine(start.voxel, to.voxel, to.plane, brush.radiusMm, code, brush.onlyBackground)
    panes.refreshLabels(pane)
  }

  function moveRing(event) {
    const scale = brush.tool === 'look' ? 0 : pane.pixelsPerMm(event.offsetX, event.offsetY)
    ring.hidden = scale === 0
    canvas.style.cursor = scale === 0 ? 'crosshair' : 'none'
    if (scale === 0) return
    const diameter = Math.max(4, 2 * brush.radiusMm * scale)
    Object.assign(ring.style, {
      width: `${diameter}px`,
      height: `${diameter}px`,
      left: `${event.offsetX}px`,
      top: `${event.offsetY}px`,
    })
    ring.dataset.tool = brush.tool
  }
}

function shiftWindow(pane, dx, dy) {
  const range = pane.fullWindow[1] - pane.fullWindow[0]
  const { cal_min: low, cal_max: high } = pane.image
  const level = (low + high) / 2 + dy * range * WINDOW_PER_PIXEL
  const width = Math.max(range / 1000, high - low + dx * range * WINDOW_PER_PIXEL)
  pane.setWindow(level - width / 2, level + width / 2)
}
