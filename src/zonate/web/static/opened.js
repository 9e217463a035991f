// What is opened, read whole before any of it is shown: a case with its images, or one label volume of it.

import { readCase, readReading, readVolume } from './api.js'
import { LabelMap } from './labels.js'
import { toImage, VoxelOrder } from './volume.js'

/**
 * A case, its newest reading, and panes for its images that are not seen yet.
 *
 * @returns {{opened, reading, made}} `opened` holds {number, manifest, predicted: voxels by code, entropy: null};
 *   `made` is for `Panes.show`, or to be closed
 */
export async function readWhole(number, panes) {
  const manifest = await readCase(number)
  const images = manifest.volumes.filter(({ name }) => name !== 'entropy')
  const [first, newest] = [manifest.readings[0], manifest.readings.at(-1)]
  const [predictedFile, newestFile, ...buffers] = await Promise.all([
    ...[first, newest].map((name) => readReading(number, manifest.result, name)),
    ...images.map(({ name }) => readVolume(number, manifest.result, name)),
  ])
  const made = await panes.make(images, buffers)
  try {
    const prediction = await toReading(first, predictedFile, made[0].order)
    const reading = await toReading(newest, newestFile, made[0].order)
    return { opened: { number, manifest, predicted: prediction.labels.counts, entropy: null }, reading, made }
  } catch (error) {
    for (const pane of made) pane.close()
    throw error
  }
}

/** A label volume of a case that is open, whose images have this order: {name, labels, file: its bytes}. */
export async function readOther({ number, manifest }, name, order) {
  return toReading(name, await readReading(number, manifest.result, name), order)
}

async function toReading(name, file, order) {
  const image = await toImage(file.slice(0), 'zones')
  if (!order.equals(new VoxelOrder(image))) {
    throw new Error(`${name} does not lie as the T2W does: take it out of the folder`)
  }
  return { name, file, labels: new LabelMap(Uint8Array.from(image.img), order) }
}
