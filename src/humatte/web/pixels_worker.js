// The pixel worker: whatever would hold the page up. No picture leaves it but as an answer.

import { encodePng } from "./engine/png.js";
import { blurBehind } from "./behind.js";
import { finish } from "./finish.js";
import { subjectOf } from "./framing.js";
import { drawStrokes } from "./strokes.js";

const MOST_SIDE = 4096; // of a bitmap that is shown: larger ones would fill the memory
const SUBJECT_SIDE = 1024; // the person's box is found at this size
const HINT_SIDE = 1600; // strokes are no finer

async function decoded(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    throw new Error("This browser cannot show this kind of picture.");
  }
}

/** The same, closed when `use` is done with it: bitmaps hold memory that nobody sees. */
async function withDecoded(blob, use) {
  const bitmap = await decoded(blob);
  try {
    return await use(bitmap);
  } finally {
    bitmap.close();
  }
}

/** A size at most `most` on its long side, as {width, height}. */
function within(width, height, most) {
  const scale = Math.min(1, most / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** A bitmap of its own, at most `most` pixels on the long side. */
function reduced(bitmap, most) {
  const size = within(bitmap.width, bitmap.height, Math.min(most, MOST_SIDE));
  if (size.width === bitmap.width) return createImageBitmap(bitmap);
  return createImageBitmap(bitmap, {
    resizeWidth: size.width,
    resizeHeight: size.height,
    resizeQuality: "high",
  });
}

function bytesOf(bitmap, width = bitmap.width, height = bitmap.height) {
  const pen = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, width, height);
  return pen.getImageData(0, 0, width, height);
}

const tasks = {
  look({ blob, most }) {
    return withDecoded(blob, async (whole) => {
      return { width: whole.width, height: whole.height, bitmap: await reduced(whole, most) };
    });
  },

  lookAtCutout({ blob, most }) {
    return withDecoded(blob, async (whole) => {
      const { width, height } = whole;
      const small = within(width, height, SUBJECT_SIDE);
      const subject = subjectOf(bytesOf(whole, small.width, small.height));
      return { width, height, bitmap: await reduced(whole, most), subject };
    });
  },

  async pixels({ blob }) {
    const { width, height, data } = await withDecoded(blob, (bitmap) => bytesOf(bitmap));
    return { width, height, data, own: overWhite(data) };
  },

  blurred({ photo, cutout, share }) {
    return withDecoded(photo, (whole) =>
      withDecoded(cutout, (person) => blurBehind(whole, person, share).transferToImageBitmap()),
    );
  },

  drawn({ strokes, width, height }) {
    const made = {};
    for (const kind of ["keep", "drop"]) made[kind] = grayOf(strokes, kind, width, height);
    return made;
  },

  async drawnFiles({ strokes, width, height }) {
    const size = within(width, height, HINT_SIDE);
    const made = { keep: null, drop: null };
    for (const kind of ["keep", "drop"]) {
      if (!strokes.some((stroke) => stroke.kind === kind)) continue;
      const canvas = strokesOf(strokes, kind, size.width, size.height);
      made[kind] = await canvas.convertToBlob({ type: "image/png" });
    }
    return made;
  },

  finish,

  async packed({ width, height, data, own }) {
    let inside = 0;
    for (let i = 0; i < width * height; i += 1) {
      if (own) data[4 * i + 3] = Math.round((data[4 * i + 3] * own[i]) / 255);
      inside += data[4 * i + 3] >= 128;
    }
    return { blob: await encodePng(width, height, data), inside: inside / (width * height) };
  },
};

/** Lays straight RGBA bytes over white; gives their alpha, or null where all are opaque. */
function overWhite(data) {
  let own = null;
  for (let i = 3; i < data.length; i += 4) {
    const alpha = data[i];
    if (alpha === 255) continue;
    own ??= new Uint8Array(data.length / 4).fill(255);
    own[(i - 3) / 4] = alpha;
    for (let j = i - 3; j < i; j += 1) data[j] = Math.round(255 + ((data[j] - 255) * alpha) / 255);
    data[i] = 255;
  }
  return own;
}

/** White strokes on black, as hints are painted. */
function strokesOf(strokes, kind, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  drawStrokes(pen, strokes, kind, width, height, "#fff");
  pen.globalCompositeOperation = "destination-over";
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, width, height);
  return canvas;
}

function grayOf(strokes, kind, width, height) {
  if (!strokes.some((stroke) => stroke.kind === kind)) return null;
  const pen = strokesOf(strokes, kind, width, height).getContext("2d");
  const { data } = pen.getImageData(0, 0, width, height);
  const gray = new Uint8Array(width * height);
  for (let i = 0; i < gray.length; i += 1) gray[i] = data[4 * i];
  return gray;
}

function transfers(answer) {
  if (answer instanceof ImageBitmap) return [answer];
  if (answer?.bitmap) return [answer.bitmap];
  if (answer?.data) return [answer.data.buffer];
  return [];
}

self.onmessage = async ({ data: { number, task, values } }) => {
  try {
    const answer = await tasks[task](values);
    self.postMessage({ number, answer }, transfers(answer));
  } catch (error) {
    self.postMessage({ number, error: error.message });
  }
};
