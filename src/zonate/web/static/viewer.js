// The viewer of `zonate view`: opens a case, and joins the images, the controls and the keys.

import { listCases, openSession, readVolume, saveLabels } from './api.js'
import { download } from './download.js'
import { readOther, readWhole } from './opened.js'
import { Panes } from './panes.js'
import { listen } from './pointer.js'
import { byId, listZones, press, showVolumes, showWarnings, tell } from './sidebar.js'

const panes = new Panes(byId('panes'))
const brush = { tool: 'look', code: 0, radiusMm: 3, onlyBackground: false }
const state = {
  opened: null, // the case, as `readWhole` gives it
  reading: null, // what of it is shown and corrected: {name, labels, file}
  asked: 0, // how many cases and readings were asked for so far
  loading: false,
  saving: false,
  failed: [], // what could not be saved, until it is saved or downloaded: {reading, manifest, downloaded}
}

async function start() {
  window.addEventListener('hashchange', reconnect)
  try {
    await openSession()
    const cases = await listCases()
    byId('case').replaceChildren(...cases.map((name, i) => new Option(name, i)))
    joinControls()
    await openCase(0)
  } catch (error) {
    tell(error.message, 'error')
  }
}

/**
 * Opens what `read` gives. Nothing changes before all of it is there, and of several only what was asked for last is shown.
 *
 * @param read gives what is to be shown; may fail, which leaves what is open
 * @param show shows it, at once
 * @param drop lets go of what is not shown after all
 */
async function open(read, show, drop = () => {}) {
  const mine = ++state.asked
  setLoading(true)
  tell('Loading …', 'busy')
  let found = null
  try {
    found = await read()
    if (mine !== state.asked) {
      drop(found)
      return
    }
    show(found)
    tell('')
  } catch (error) {
    if (mine !== state.asked) return
    if (found !== null) Object.assign(state, { opened: null, reading: null }) // half of it is shown
    tell(error.message, 'error')
  }
  setLoading(false)
}

function openCase(number) {
  return open(() => readWhole(number, panes), showCase, ({ made }) => made.forEach((pane) => pane.close()))
}

function openReading(name) {
  return open(() => readOther(state.opened, name, panes.order), showReading)
}

function showCase({ opened, reading, made }) {
  const { manifest } = opened
  Object.assign(state, { opened, reading, failed: notDownloaded() })
  document.title = `${manifest.case_id} · Zonate`
  byId('research-use').textContent = manifest.research_use
  byId('model').textContent = [manifest.model && `model ${manifest.model}`, manifest.alignment].filter(Boolean).join(' · ')
  showWarnings(manifest.doubt, manifest.warnings.filter((text) => !manifest.doubt.includes(text)))
  listReadings()
  listZones(manifest.zones, setShown, choosePainted)
  byId('uncertainty-section').hidden = !manifest.volumes.some(({ name }) => name === 'entropy')
  byId('uncertainty').checked = false
  byId('entropy-max').textContent = manifest.entropy_max_nats.toFixed(1)
  press('layout', 'axial')
  panes.show(made, reading.labels, manifest.zones)
  for (const pane of made) listen(pane, panes, brush, changed)
  choosePainted(manifest.zones[0]?.code ?? 0)
  setTool('look')
  showState()
  reset()
}

function showReading(reading) {
  for (const code of state.reading.labels.hidden) reading.labels.setHidden(code, true)
  Object.assign(state, { reading, failed: notDownloaded() })
  panes.showLabels(reading.labels, state.opened.manifest.zones)
  showState()
}

function setLoading(loading) {
  const ready = !loading && state.opened !== null
  state.loading = loading
  document.body.dataset.ready = ready ? 'yes' : 'no'
  document.querySelector('main').inert = !ready
  if (!loading) byId('case').value = state.opened?.number ?? ''
  if (!loading) byId('reading').value = state.reading?.name ?? ''
  showSaving()
}

function listReadings() {
  const names = state.opened.manifest.readings
  byId('reading').replaceChildren(...names.map((name, i) => new Option(i === 0 ? 'as predicted' : name, name)))
  byId('reading').value = state.reading.name
}

/** Saves the correction; nothing else is opened meanwhile, so that what becomes of it is told of what is shown. */
async function save() {
  const { opened: { number, manifest }, reading } = state
  const { labels } = reading
  if (!labels.dirty || state.saving || state.loading) return
  const mark = labels.mark() // what is painted while the server writes is not saved
  const of = { result: manifest.result, beganFrom: reading.name, newest: manifest.readings.at(-1) }
  state.saving = true
  showSaving()
  tell('Saving …', 'busy')
  try {
    const { files, warnings, readings } = await saveLabels(number, labels.toFile(), of)
    labels.markSaved(mark)
    reading.name = files[0]
    manifest.readings = readings
    state.failed = failedBut(reading)
    listReadings()
    tell(`Saved ${files.join(', ')} of ${manifest.case_id} beside zones.nii.gz. ` +
      'Report, zones.json, sectors and SR stay those of the prediction.' +
      warnings.map((text) => ` ${text}.`).join(''), warnings.length > 0 ? 'warning' : 'done')
  } catch (error) {
    state.failed = [...failedBut(reading), { reading, manifest, downloaded: false }]
    tell(`${manifest.case_id} was not saved: ${error.message}. What is drawn stays in this page; ` +
      'Download gives it as a file.', 'error')
  }
  state.saving = false
  showSaving()
}

function failedBut(reading) {
  return state.failed.filter((one) => one.reading !== reading)
}

function notDownloaded() {
  return state.failed.filter(({ downloaded }) => !downloaded)
}

/** Downloads all that could not be saved; what is still open can be downloaded again. */
async function downloadFailed() {
  try {
    for (const one of state.failed) {
      await download(one.reading, one.manifest)
      one.downloaded = true
    }
  } catch (error) {
    tell(error.message, 'error')
  }
  state.failed = state.failed.filter(({ reading, downloaded }) => reading === state.reading || !downloaded)
  showSaving()
}

function changed() {
  showState()
  showPlace()
}

function showState() {
  const { opened: { manifest, predicted }, reading: { labels } } = state
  byId('undo').disabled = labels.done.length === 0
  byId('redo').disabled = labels.undone.length === 0
  showSaving()
  showVolumes(manifest.zones, labels, predicted, manifest.voxel_volume_ml, manifest.gland_interval_ml,
    manifest.interval_name)
}

function showSaving() {
  const dirty = state.reading?.labels.dirty ?? false
  const busy = state.saving || state.loading
  byId('save').disabled = !dirty || busy
  byId('case').disabled = busy || byId('case').length < 2
  byId('reading').disabled = busy || state.opened === null || byId('reading').length < 2
  const others = failedBut(state.reading).map(({ manifest }) => manifest.case_id)
  const names = others.length < state.failed.length ? [state.opened.manifest.case_id, ...others] : others
  byId('download').hidden = state.failed.length === 0
  byId('download').textContent = others.length === 0 ? 'Download' : `Download ${[...new Set(names)].join(', ')}`
  document.body.dataset.unsaved = dirty ? 'yes' : 'no'
}

function showPlace() {
  const voxel = panes.voxel
  const zone = state.opened.manifest.zones.find(({ code }) => code === state.reading.labels.codeAt(...voxel))
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
  state.reading.labels.setHidden(code, !shown)
  panes.refreshLabels()
  showTool()
}

function choosePainted(code) {
  brush.code = code
  const zone = state.opened.manifest.zones.find((candidate) => candidate.code === code)
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
  const zone = state.opened.manifest.zones.find(({ code }) => code === brush.code)
  byId('painting').textContent = {
    look: 'Choose brush or eraser to correct.',
    brush: state.reading.labels.hidden.has(brush.code)
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
  const { opened } = state
  const { number, manifest: { result, entropy_max_nats: maxNats } } = opened
  const opacity = byId('uncertainty').checked ? byId('uncertainty-opacity').valueAsNumber / 100 : null
  try {
    await panes.setEntropy(opacity, async () => (opened.entropy ??= await readVolume(number, result, 'entropy')), maxNats)
  } catch (error) {
    tell(error.message, 'error')
  }
}

function undo() {
  if (state.reading.labels.stroke !== null) return // the hand is still painting
  state.reading.labels.undo()
  panes.refreshLabels()
  changed()
}

function redo() {
  if (state.reading.labels.stroke !== null) return
  state.reading.labels.redo()
  panes.refreshLabels()
  changed()
}

function toggle(id) {
  byId(id).click()
}

function toggleAll() {
  const { zones } = state.opened.manifest
  const show = zones.some(({ code }) => state.reading.labels.hidden.has(code))
  for (const { code } of zones) setShown(code, show)
}

/** Whether something else may be opened: not during a save, and where something is not saved the user is asked. */
function mayLeave() {
  if (state.saving) return false
  const lost = state.reading?.labels.dirty || notDownloaded().some(({ reading }) => reading === state.reading)
  return !lost || window.confirm('The correction is not saved. Leave it?')
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
  press('download', downloadFailed)
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
  window.addEventListener('beforeunload', (event) => {
    if (state.reading?.labels.dirty || notDownloaded().length > 0) event.preventDefault()
  })
}

function reset() {
  panes.resetWindows()
  panes.fit()
}

/** The viewer was started again, and its address opened in this page: what is not saved yet can be. */
async function reconnect() {
  try {
    await openSession()
    if (state.opened === null) location.reload()
    else tell('Connected again: what is not saved can be saved now.')
  } catch (error) {
    tell(error.message, 'error')
  }
}

async function choosesCase(event) {
  event.target.blur() // so that the next key is the viewer's
  if (mayLeave()) await openCase(Number(event.target.value))
  else event.target.value = state.opened.number
}

async function choosesReading(event) {
  event.target.blur() // so that the next key is the viewer's
  if (mayLeave()) await openReading(event.target.value)
  else event.target.value = state.reading.name
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
  if (byId('help').open || document.body.dataset.ready !== 'yes') return
  const control = event.ctrlKey || event.metaKey
  const typing = event.target.matches?.('select, input[type=range], input[type=radio]') && /^Arrow|^Page/.test(event.key)
  if (typing || event.altKey) return
  const key = event.key.toLowerCase()
  const digit = /^Digit([1-9])$/.exec(event.code)
  let act = KEYS[key]
  if (control) act = { s: save, z: event.shiftKey ? redo : undo, y: redo }[key]
  else if (digit !== null) act = zoneKey(state.opened.manifest.zones[Number(digit[1]) - 1], event.shiftKey)
  if (act === undefined) return
  event.preventDefault()
  act()
}

function zoneKey(zone, choose) {
  if (zone === undefined) return undefined
  if (!choose) return () => setShown(zone.code, state.reading.labels.hidden.has(zone.code))
  return () => {
    choosePainted(zone.code)
    setTool('brush')
  }
}

start()
