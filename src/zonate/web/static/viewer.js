// The viewer of `zonate view`: opens a case, and joins the images, the controls and the keys.

import { listCases, openSession, readCase, readReading, readVolume, saveLabels } from './api.js'
import { LabelMap } from './labels.js'
import { Panes } from './panes.js'
import { listen } from './pointer.js'
import { byId, listZones, press, showVolumes, showWarnings, tell } from './sidebar.js'
import { toImage } from './volume.js'

const panes = new Panes(byId('panes'))
const brush = { tool: 'look', code: 0, radiusMm: 3, onlyBackground: false }
const state = {
  number: 0, shown: null, labels: null, manifest: null, predicted: null, entropy: null, saving: false,
}

async function start() {
  try {
    await openSession()
    const cases = await listCases()
    byId('case').replaceChildren(...cases.map((name, i) => new Option(name, i)))
    byId('case').disabled = cases.length < 2
    joinControls()
    await openCase(0)
  } catch (error) {
    tell(error.message, 'error')
  }
}

async function openCase(number) {
  document.body.dataset.ready = 'no'
  tell('Loading …', 'busy')
  const manifest = await readCase(number)
  Object.assign(state, { number, manifest, labels: null, entropy: null })
  document.title = `${manifest.case_id} · Zonate`
  byId('research-use').textContent = manifest.research_use
  byId('model').textContent = [manifest.model && `model ${manifest.model}`, manifest.alignment].filter(Boolean).join(' · ')
  showWarnings(manifest.doubt, manifest.warnings.filter((text) => !manifest.doubt.includes(text)))
  listReadings(manifest.readings)
  listZones(manifest.zones, setShown, choosePainted)
  byId('uncertainty-section').hidden = !manifest.volumes.some(({ name }) => name === 'entropy')
  byId('uncertainty').checked = false
  byId('entropy-max').textContent = manifest.entropy_max_nats.toFixed(1)
  press('layout', 'axial')
  const images = manifest.volumes.filter(({ name }) => name !== 'entropy')
  await panes.open(images, (name) => readVolume(number, name))
  for (const pane of panes.all) listen(pane, panes, brush, changed)
  choosePainted(manifest.zones[0]?.code ?? 0)
  setTool('look')
  await openReading(manifest.readings.at(-1))
  reset()
  document.body.dataset.ready = 'yes'
}

async function openReading(name) {
  const image = await toImage(await readReading(state.number, name), 'zones')
  const labels = new LabelMap(Uint8Array.from(image.img), panes.order)
  for (const code of state.labels?.hidden ?? []) labels.setHidden(code, true)
  state.predicted = labels.counts.slice()
  state.labels = labels
  state.shown = name
  byId('reading').value = name
  panes.showLabels(labels, state.manifest.zones)
  showState()
  tell('')
}

function listReadings(names) {
  byId('reading').replaceChildren(...names.map((name, i) => new Option(i === 0 ? 'as predicted' : name, name)))
  byId('reading').disabled = names.length < 2
}

async function save() {
  const { labels, manifest, number } = state
  if (!labels?.dirty || state.saving) return
  const mark = labels.mark() // what is painted while the server writes is not saved
  state.saving = true
  showState()
  tell('Saving …', 'busy')
  try {
    const { files, warnings, readings } = await saveLabels(number, labels.toFile())
    labels.markSaved(mark)
    manifest.readings = readings
    if (state.labels === labels) {
      state.shown = files[0]
      listReadings(readings)
      byId('reading').value = files[0]
    }
    tell(`Saved ${files.join(' and ')} of ${manifest.case_id} beside zones.nii.gz.` +
      warnings.map((text) => ` ${text}.`).join(''), warnings.length > 0 ? 'warning' : 'done')
  } catch (error) {
    tell(`${manifest.case_id} was not saved: ${error.message}`, 'error')
  }
  state.saving = false
  if (state.labels !== null) showState()
}

function changed() {
  showState()
  showPlace()
}

function showState() {
  const { labels, manifest } = state
  byId('save').disabled = !labels.dirty || state.saving
  byId('undo').disabled = labels.done.length === 0
  byId('redo').disabled = labels.undone.length === 0
  document.body.dataset.unsaved = labels.dirty ? 'yes' : 'no'
  showVolumes(manifest.zones, labels, state.predicted, manifest.voxel_volume_ml, manifest.gland_interval_ml,
    manifest.interval_name)
}

function showPlace() {
  const voxel = panes.voxel
  const zone = state.manifest.zones.find(({ code }) => code === state.labels?.codeAt(...voxel))
  const values = panes.all.map((pane) => {
    const value = pane.valueAt(...voxel)
    const title = pane.element.querySelector('figcaption').textContent
    return `${title} ${value === null ? 'not measured' : `${value.toFixed(0)} ${pane.unit}`.trim()}`
  })
  const slice = `slice ${voxel[2] + 1} / ${panes.order.shape[2]}`
  byId('where').textContent = [slice, ...values, zone?.name ?? 'no zone'].join('   ·   ')
  byId('where').dataset.slice = voxel[2] + 1
}

function setShown(code, shown) {
  byId(`zone-${code}-shown`).checked = shown
  state.labels.setHidden(code, !shown)
  panes.refreshLabels()
  showTool()
}

function choosePainted(code) {
  brush.code = code
  const zone = state.manifest.zones.find((candidate) => candidate.code === code)
  if (zone === undefined) return
  byId(`zone-${code}-painted`).checked = true
  document.documentElement.style.setProperty('--painted', `rgb(${zone.colour_rgb.join(' ')})`)
  showTool()
}

function setTool(tool) {
  brush.tool = tool
  press('tool', tool)
  showTool()
}

function showTool() {
  const zone = state.manifest.zones.find(({ code }) => code === brush.code)
  byId('painting').textContent = {
    look: 'Choose brush or eraser to correct.',
    brush: state.labels?.hidden.has(brush.code)
      ? `${zone.name} is hidden: show it to paint it.` : `Paints ${zone?.name ?? 'nothing'}.`,
    erase: 'Takes voxels out of any zone that is shown.',
  }[brush.tool]
}

function setDiameter(mm) {
  byId('diameter').value = mm
  brush.radiusMm = byId('diameter').valueAsNumber / 2
  byId('diameter-mm').value = `${byId('diameter').valueAsNumber.toFixed(1)} mm`
}

function setLayout(layout) {
  press('layout', layout)
  panes.setLayout(layout)
}

async function showEntropy() {
  const opacity = byId('uncertainty').checked ? byId('uncertainty-opacity').valueAsNumber / 100 : null
  try {
    await panes.setEntropy(opacity, async () => (state.entropy ??= await readVolume(state.number, 'entropy')),
      state.manifest.entropy_max_nats)
  } catch (error) {
    tell(error.message, 'error')
  }
}

function undo() {
  if (state.labels.stroke !== null) return // the hand is still painting
  state.labels.undo()
  panes.refreshLabels()
  changed()
}

function redo() {
  if (state.labels.stroke !== null) return
  state.labels.redo()
  panes.refreshLabels()
  changed()
}

function toggle(id) {
  byId(id).click()
}

function toggleAll() {
  const { zones } = state.manifest
  const show = zones.some(({ code }) => state.labels.hidden.has(code))
  for (const { code } of zones) setShown(code, show)
}

function leaveUnsaved() {
  return !state.labels?.dirty || window.confirm('The correction is not saved. Leave it?')
}

function joinControls() {
  const press = (id, act) => byId(id).addEventListener('click', act)
  for (const button of document.querySelectorAll('button[data-layout]')) {
    button.addEventListener('click', () => setLayout(button.dataset.layout))
  }
  for (const button of document.querySelectorAll('button[data-tool]')) {
    button.addEventListener('click', () => setTool(button.dataset.tool))
  }
  press('save', save)
  press('undo', undo)
  press('redo', redo)
  press('fit', () => panes.fit())
  press('reset', reset)
  press('help-open', () => byId('help').showModal())
  byId('opacity').addEventListener('input', (event) => panes.setOpacity(event.target.valueAsNumber / 100))
  byId('outlines').addEventListener('change', (event) => panes.setOutlines(event.target.checked))
  byId('uncertainty').addEventListener('change', showEntropy)
  byId('uncertainty-opacity').addEventListener('input', showEntropy)
  byId('diameter').addEventListener('input', (event) => setDiameter(event.target.value))
  byId('protect').addEventListener('change', (event) => (brush.onlyBackground = event.target.checked))
  byId('crosshair').addEventListener('change', (event) => panes.setCrosshair(event.target.checked))
  byId('case').addEventListener('change', choosesCase)
  byId('reading').addEventListener('change', choosesReading)
  panes.onMove = showPlace
  setDiameter(6)
  window.addEventListener('keydown', onKey)
  window.addEventListener('beforeunload', (event) => state.labels?.dirty && event.preventDefault())
}

function reset() {
  panes.resetWindows()
  panes.fit()
}

async function choosesCase(event) {
  event.target.blur() // so that the next key is the viewer's
  if (!leaveUnsaved()) event.target.value = state.number
  else await openCase(Number(event.target.value)).catch((error) => tell(error.message, 'error'))
}

async function choosesReading(event) {
  event.target.blur() // so that the next key is the viewer's
  if (!leaveUnsaved()) event.target.value = state.shown
  else await openReading(event.target.value).catch((error) => tell(error.message, 'error'))
}

const KEYS = {
  a: () => setLayout('axial'),
  m: () => setLayout('multiplanar'),
  d: () => setLayout('3d'),
  n: () => setTool('look'),
  escape: () => setTool('look'),
  b: () => setTool('brush'),
  e: () => setTool('erase'),
  '[': () => setDiameter(byId('diameter').valueAsNumber - 1),
  ']': () => setDiameter(byId('diameter').valueAsNumber + 1),
  '-': () => setDiameter(byId('diameter').valueAsNumber - 1),
  '+': () => setDiameter(byId('diameter').valueAsNumber + 1),
  o: () => toggle('outlines'),
  u: () => byId('uncertainty-section').hidden || toggle('uncertainty'),
  p: () => toggle('protect'),
  h: toggleAll,
  c: () => toggle('crosshair'),
  g: () => panes.fit(),
  r: reset,
  z: undo,
  y: redo,
  arrowup: () => panes.scroll(2, 1),
  arrowdown: () => panes.scroll(2, -1),
  pageup: () => panes.scroll(2, 1),
  pagedown: () => panes.scroll(2, -1),
  '?': () => byId('help').showModal(),
}

function onKey(event) {
  if (byId('help').open || state.labels === null || document.body.dataset.ready !== 'yes') return
  const control = event.ctrlKey || event.metaKey
  const typing = event.target.matches?.('select, input[type=range], input[type=radio]') && /^Arrow|^Page/.test(event.key)
  if (typing || event.altKey) return
  const key = event.key.toLowerCase()
  const digit = /^Digit([1-9])$/.exec(event.code)
  let act = KEYS[key]
  if (control) act = { s: save, z: event.shiftKey ? redo : undo, y: redo }[key]
  else if (digit !== null) act = zoneKey(state.manifest.zones[Number(digit[1]) - 1], event.shiftKey)
  if (act === undefined) return
  event.preventDefault()
  act()
}

function zoneKey(zone, choose) {
  if (zone === undefined) return undefined
  if (!choose) return () => setShown(zone.code, state.labels.hidden.has(zone.code))
  return () => {
    choosePainted(zone.code)
    setTool('brush')
  }
}

start()
