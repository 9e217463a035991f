// The controls beside the images: the zones with their volumes, and what each button shows.

export const byId = (id) => document.getElementById(id)

/** A row for each zone: shown or hidden, what the brush paints, its volume. */
export function listZones(zones, onShow, onChoose) {
  byId('zones').replaceChildren(...zones.map((zone, i) => zoneRow(zone, i + 1, onShow, onChoose)))
  byId('zone-keys').replaceChildren(
    keyRow(zones.map((_, i) => i + 1), '', 'show or hide a zone'),
    keyRow(zones.map((_, i) => i + 1), 'Shift', 'choose the zone that the brush paints'),
  )
}

function zoneRow(zone, key, onShow, onChoose) {
  const row = document.createElement('li')
  row.innerHTML = `
    <label class="shown"><input type="checkbox" id="zone-${zone.code}-shown" checked><i></i>
      <span><b></b> <kbd>${key}</kbd> <em>not validated</em><small></small></span></label>
    <output id="zone-${zone.code}-volume"></output>
    <label class="pick" title="Paint this zone (Shift ${key})"><input type="radio" name="painted"
      id="zone-${zone.code}-painted"><span class="visually-hidden"></span></label>`
  row.style.setProperty('--zone', `rgb(${zone.colour_rgb.join(' ')})`)
  row.querySelector('b').textContent = zone.abbreviation
  row.querySelector('small').textContent = zone.name
  row.querySelector('em').hidden = !zone.not_validated
  row.querySelector('.pick span').textContent = `paint ${zone.name}`
  row.querySelector('.shown input').addEventListener('change', (event) => onShow(zone.code, event.target.checked))
  row.querySelector('.pick input').addEventListener('change', () => onChoose(zone.code))
  return row
}

function keyRow(keys, before, text) {
  const row = document.createElement('tr')
  const [left, right] = [document.createElement('td'), document.createElement('td')]
  for (const key of [...(before ? [before] : []), ...(keys.length > 1 ? [keys[0], '…', keys.at(-1)] : keys)]) {
    const part = document.createElement(key === '…' ? 'span' : 'kbd')
    part.textContent = key
    left.append(part, ' ')
  }
  right.textContent = text
  row.append(left, right)
  return row
}

/** Volumes in ml, with their change by editing, and the interval of the prediction, or what stands in its place. */
export function showVolumes(zones, labels, before, voxelVolumeMl, glandInterval, intervalName) {
  let [total, totalBefore] = [0, 0]
  for (const { code, interval_ml: interval } of zones) {
    total += labels.counts[code]
    totalBefore += before[code]
    const output = byId(`zone-${code}-volume`)
    showVolume(output, labels.counts[code] * voxelVolumeMl, before[code] * voxelVolumeMl)
    output.title = interval ? `as predicted, ${intervalName} ${range(interval)} ml` : ''
  }
  showVolume(byId('gland-volume'), total * voxelVolumeMl, totalBefore * voxelVolumeMl)
  byId('gland-interval').textContent = glandInterval ? `predicted, ${intervalName} ${range(glandInterval)} ml` : ''
}

function showVolume(output, volume, before) {
  const change = volume - before
  output.textContent = volume.toFixed(1)
  if (Math.abs(change) >= 0.005) {
    const note = document.createElement('small')
    note.textContent = `${change > 0 ? '+' : '−'}${Math.abs(change).toFixed(2)}`
    output.append(' ', note)
  }
}

function range([low, high]) {
  return `${low.toFixed(1)} to ${high.toFixed(1)}`
}

/** Presses the one button of a group whose data attribute has the value. */
export function press(attribute, value) {
  for (const button of document.querySelectorAll(`[data-${attribute}]`)) {
    if (button.tagName === 'BUTTON') button.setAttribute('aria-pressed', String(button.dataset[attribute] === value))
  }
}

/** Why the case is doubtful, and its warnings, always in sight. */
export function showWarnings(doubt, warnings) {
  byId('doubt').hidden = doubt === ''
  byId('doubt').textContent = `This result is doubtful: ${doubt}`
  byId('warnings').hidden = warnings.length === 0
  byId('warnings').querySelector('ul').replaceChildren(
    ...warnings.map((text) => Object.assign(document.createElement('li'), { textContent: text })),
  )
}

/** Tells the user something; an error stays until the next message. */
export function tell(text, kind = 'done') {
  const message = byId('message')
  message.textContent = text
  message.dataset.kind = kind
  clearTimeout(tell.timer)
  if (kind === 'done') tell.timer = setTimeout(() => (message.textContent = ''), 12000)
}
