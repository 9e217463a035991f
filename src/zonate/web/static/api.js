// Talks to the server: the token, the cases, their volumes, and what is saved.

const TOKEN_HEADER = 'X-Zonate-Token'
const RESULT_HEADER = 'X-Zonate-Result'
const KEPT = 'zonate-token'

let token = ''

/** Takes the token from the address, or exchanges the code in it, and leaves the address without either. */
export async function openSession() {
  const given = new URLSearchParams(location.hash.slice(1))
  history.replaceState(null, '', location.pathname)
  if (given.has('code')) {
    const response = await fetch('/api/session', { method: 'POST', body: given.get('code') })
    if (!response.ok && sessionStorage.getItem(KEPT) === null) throw new Error(await reason(response))
    if (response.ok) sessionStorage.setItem(KEPT, (await response.json()).token)
  } else if (given.has('token')) {
    sessionStorage.setItem(KEPT, given.get('token'))
  }
  token = sessionStorage.getItem(KEPT) ?? ''
  if (token === '') throw new Error('This page needs the address that `zonate view` shows in the terminal.')
}

export async function listCases() {
  return (await (await ask('/api/cases')).json()).cases
}

export async function readCase(number) {
  return (await ask(`/api/cases/${number}`)).json()
}

/** The decompressed NIfTI file of an image of the case, as an ArrayBuffer; refused where it is of another result. */
export async function readVolume(number, result, name) {
  return decompressed(await ask(`/api/cases/${number}/volumes/${name}`, { [RESULT_HEADER]: result }))
}

/** The decompressed NIfTI file of a label volume of the case, as an ArrayBuffer; refused as `readVolume` is. */
export async function readReading(number, result, name) {
  return decompressed(await ask(`/api/cases/${number}/readings/${name}`, { [RESULT_HEADER]: result }))
}

/**
 * Saves a correction.
 *
 * @param codes Uint8Array in the order of the NIfTI file
 * @param of {result, beganFrom, newest}: of which result, from which of its readings, and the newest that is known here
 * @returns {{files, warnings, readings}}
 */
export async function saveLabels(number, codes, { result, beganFrom, newest }) {
  const headers = {
    'Content-Type': 'application/octet-stream',
    [RESULT_HEADER]: result,
    'X-Zonate-Began-From': beganFrom,
    'X-Zonate-Newest': newest,
  }
  return (await ask(`/api/cases/${number}/labels`, headers, { method: 'POST', body: codes })).json()
}

async function ask(path, headers = {}, options = {}) {
  const response = await fetch(path, { ...options, headers: { ...headers, [TOKEN_HEADER]: token } }).catch(() => null)
  if (response?.ok) return response
  const why = response === null ? '`zonate view` does not answer' : await reason(response)
  if (response !== null && response.status !== 403) throw new Error(why)
  throw new Error(`${why}: where \`zonate view\` has ended, start it again on the same folder with ` +
    `\`--port ${location.port}\`, and open the address that it shows in the terminal in this tab`)
}

async function reason(response) {
  try {
    return (await response.json()).error
  } catch {
    return `the server answered ${response.status}`
  }
}

function decompressed(response) {
  return new Response(response.body.pipeThrough(new DecompressionStream('gzip'))).arrayBuffer()
}
