// Finished files made in this page, for pictures that never leave it.

import { blurBehind, drawBehind } from "./behind.js";
import { frameOf } from "./framing.js";

export const TYPES = { png: "image/png", webp: "image/webp", jpg: "image/jpeg" };
const QUALITY = 0.92;

/**
 * A file with the person over a background, cropped.
 * @param {{cutout: Blob, photo: Blob, subject: object, background: object, crop: string,
 *   format: "png"|"webp"|"jpg"}} job `background.picture` is a Blob; `background.blur` percent
 * @returns {Promise<Blob>}
 */
export async function finish({ cutout, photo, subject, background, crop, format }) {
  if (crop === "whole" && background.kind === "none" && format === "png") return cutout;
  const person = await createImageBitmap(cutout);
  const frame = frameOf(person, subject, crop, background.kind === "blur");
  const canvas = new OffscreenCanvas(frame.width, frame.height);
  const pen = canvas.getContext("2d");
  pen.imageSmoothingQuality = "high";
  const picture = await behind(background, photo, person);
  drawBehind(pen, frame, person, background, picture);
  if (picture instanceof ImageBitmap) picture.close();
  pen.drawImage(person, -frame.left, -frame.top);
  person.close();
  const file = await canvas.convertToBlob({ type: TYPES[format], quality: QUALITY });
  if (file.type !== TYPES[format]) {
    throw new Error(`This browser cannot write ${format.toUpperCase()}; choose PNG.`);
  }
  return file;
}

async function behind(background, photo, person) {
  if (background.kind === "picture") return createImageBitmap(background.picture);
  if (background.kind !== "blur") return null;
  const whole = await createImageBitmap(photo);
  const blurred = blurBehind(whole, person, background.blur / 100);
  whole.close();
  return blurred;
}
