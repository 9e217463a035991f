// A correction as a file of the browser's: for when it cannot be saved.

const DATATYPE = { at: 70, uint8: 2 }
const BITS = { at: 72, uint8: 8 }
const VOXELS_FROM = 108
const SLOPE = { at: 112, none: 0 }
const NOTE = { at: 148, bytes: 80 }

/** Hands the user a correction, {labels, file}, as a NIfTI file on the grid of the file that it began from. */
export async function download({ labels, file }, { case_id: name, note }) {
  const packed = new Blob([withCodes(file, labels.toFile(), note)]).stream().pipeThrough(new CompressionStream('gzip'))
  const address = URL.createObjectURL(await new Response(packed).blob())
  Object.assign(document.createElement('a'), { href: address, download: `${name}.zones.edited.nii.gz` }).click()
  setTimeout(() => URL.revokeObjectURL(address), 60_000)
}

/** The bytes of a NIfTI-1 file with other voxels, uint8 in its order, and another note of what it is. */
function withCodes(file, codes, note) {
  const little = new DataView(file).getInt32(0, true) === 348
  const from = new DataView(file).getFloat32(VOXELS_FROM, little)
  const bytes = new Uint8Array(from + codes.length)
  bytes.set(new Uint8Array(file, 0, from))
  bytes.set(codes, from)
  const header = new DataView(bytes.buffer)
  header.setInt16(DATATYPE.at, DATATYPE.uint8, little)
  header.setInt16(BITS.at, BITS.uint8, little)
  header.setFloat32(SLOPE.at, SLOPE.none, little)
  const ascii = Array.from(note, (letter) => (letter < '\x80' ? letter.charCodeAt(0) : 0x3f))
  bytes.fill(0, NOTE.at, NOTE.at + NOTE.bytes)
  bytes.set(ascii.slice(0, NOTE.bytes - 1), NOTE.at)
  return bytes
}
