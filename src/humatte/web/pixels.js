// The page's side of its pixel worker: decoding, blurring and finishing happen beside the page.

let worker = null;
let number = 0;
const open = new Map();

function started() {
  const made = new Worker("/web/pixels_worker.js", { type: "module" });
  made.onmessage = ({ data }) => {
    const { resolve, reject } = open.get(data.number);
    open.delete(data.number);
    if (data.error) reject(new Error(data.error));
    else resolve(data.answer);
  };
  made.onerror = (event) => {
    event.preventDefault();
    fail();
  };
  made.onmessageerror = fail;
  return made;
}

/** All that is asked fails; what is asked next starts another worker. */
function fail() {
  worker.terminate();
  worker = null;
  for (const { reject } of open.values()) {
    reject(new Error("The page's work on pictures has stopped. Try again, or load the page anew."));
  }
  open.clear();
}

function ask(task, values, transfer = []) {
  worker ??= started();
  number += 1;
  const sent = number;
  return new Promise((resolve, reject) => {
    open.set(sent, { resolve, reject });
    worker.postMessage({ number: sent, task, values }, transfer);
  });
}

/** {width, height, bitmap}: a picture upright, its bitmap at most `most` pixels on the long side. */
export const look = (blob, most) => ask("look", { blob, most });

/** A cut-out's look, with its `subject`: {box, cuts} as shares of the sides, box null for nobody. */
export const lookAtCutout = (blob, most) => ask("lookAtCutout", { blob, most });

/**
 * {width, height, data, own}: a picture's RGBA bytes over white, as the network sees it, and its own
 * alpha as bytes; null where it has none.
 */
export const pixels = (blob) => ask("pixels", { blob });

/** The photo without the person, blurred by `share` of its long side: a small bitmap. */
export const blurred = (photo, cutout, share) => ask("blurred", { photo, cutout, share });

/** {keep, drop}: strokes drawn at a size, bytes H*W, or null where there are none. */
export const drawn = (strokes, width, height) => ask("drawn", { strokes, width, height });

/** {keep, drop}: the same as PNGs, for the server. */
export const drawnFiles = (strokes, width, height) =>
  ask("drawnFiles", { strokes, width, height });

/** A finished file, made in this page: see finish() in finish.js. */
export const finish = (job) => ask("finish", job);

/** {blob, inside}: a cut-out's ImageData as a PNG, and the share of its pixels inside the person. */
export const packed = ({ width, height, data }, own) =>
  ask("packed", { width, height, data, own }, [data.buffer]);
