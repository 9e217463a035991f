// Talks to the server: the token, the cases, their volumes, and what is saved.

const TOKEN_HEADER = 'X-Zonate-Token'
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
  return (await (await get('/api/cases')).json()).cases
}

export async function readCase(number) {
  return (await get(`/api/cases/${number}`)).json()
}

/** The decompressed NIfTI file of an image of the case, as an ArrayBuffer. */
export async function readVolume(number, name) {
  return decompressed(await get(`/api/cases/${number}/volumes/${name}`))
}

/** The decompressed NIfTI file of a label volume of the case, as an ArrayBuffer. */
export async function readReading(number, name) {
  return decompressed(await get(`/api/cases/${number}/readings/${name}`))
}

/** Saves codes (Uint8Array in the order of the NIfTI file); returns {files, warnings, readings}. */
export async function saveLabels(number, codes) {
  const response = await fetch(`/api/cases/${number}/labels`, {
    method: 'POST',
    headers: { [TOKEN_HEADER]: token, 'Content-Type': 'application/octet-stream' },
    body: codes,
  })
  if (!response.ok) throw new Error(await reason(response))
  return response.json()
}

async function get(path) {
  const response = await fetch(path, { headers: { [TOKEN_HEADER]: token } })
  if (!response.ok) throw new Error(await reason(response))
  return response
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
