// What is seen behind the person: a colour, another picture, or the photo itself, blurred.

const SIDE = 640; // a blur is smooth: it is made at this size and enlarged
const BESIDE = 0.015; // of the long side: so far beside a matte its person may still glow
const LEAST_WEIGHT = 1e-3;

/**
 * Draws a background into a frame of a picture; nothing for a transparent one.
 * @param {CanvasRenderingContext2D} pen in pixels of the picture's frame, clipped to it
 * @param {{left, top, width, height}} frame of the picture, in its pixels
 * @param {{width, height}} size of the picture
 * @param {{kind: string, colour: string}} background
 * @param {CanvasImageSource|null} picture the background picture, or the blurred photo
 */
export function drawBehind(pen, frame, size, background, picture) {
  if (background.kind === "colour") {
    pen.fillStyle = background.colour;
    pen.fillRect(0, 0, frame.width, frame.height);
  } else if (background.kind === "picture" && picture) {
    drawCovering(pen, picture, frame.width, frame.height);
  } else if (background.kind === "blur" && picture) {
    drawCovering(pen, picture, frame.width, frame.height); // where a frame goes beyond the photo
    pen.drawImage(picture, -frame.left, -frame.top, size.width, size.height);
  }
}

/** Fills a size with a picture, cutting off evenly what is too much. */
export function drawCovering(pen, picture, width, height) {
  const scale = Math.max(width / picture.width, height / picture.height);
  const w = width / scale;
  const h = height / scale;
  pen.drawImage(picture, (picture.width - w) / 2, (picture.height - h) / 2, w, h, 0, 0, width, height);
}

/**
 * The photo blurred, its person left out and filled in from around them: no glow surrounds them.
 * @param {ImageBitmap} photo
 * @param {ImageBitmap|null} cutout of the same proportions; null blurs everything
 * @param {number} share the Gaussian's standard deviation as a share of the long side
 * @param {number} side how large it is made: its long side, at most
 * @returns {OffscreenCanvas} small; it is meant to be enlarged
 */
export function blurBehind(photo, cutout, share, side = SIDE) {
  const scale = Math.min(1, side / Math.max(photo.width, photo.height));
  const width = Math.max(1, Math.round(photo.width * scale));
  const height = Math.max(1, Math.round(photo.height * scale));
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(photo, 0, 0, width, height);
  if (cutout) takeOut(pen, cutout, width, height);
  const weights = weightsOf(pen.getImageData(0, 0, width, height).data);
  fillIn(canvas, pen);
  const image = pen.getImageData(0, 0, width, height);
  blurWeighted(image, weights, Math.max(0.5, share * Math.max(width, height)));
  pen.putImageData(image, 0, 0);
  return canvas;
}

/** Makes the person transparent, a little beyond their matte. */
function takeOut(pen, cutout, width, height) {
  const reach = Math.ceil(BESIDE * Math.max(width, height));
  pen.globalCompositeOperation = "destination-out";
  pen.drawImage(cutout, 0, 0, width, height);
  for (let step = 0; step < 16; step += 1) {
    const angle = (step * Math.PI) / 8;
    const away = step % 2 ? reach : reach / 2;
    pen.drawImage(cutout, away * Math.cos(angle), away * Math.sin(angle), width, height);
  }
  pen.globalCompositeOperation = "source-over";
}

function weightsOf(data) {
  const weights = new Float32Array(data.length / 4);
  for (let i = 0; i < weights.length; i += 1) {
    weights[i] = Math.max(LEAST_WEIGHT, data[4 * i + 3] / 255);
  }
  return weights;
}

/** Gaps take the colours around them. Source: S. J. Gortler et al., "The Lumigraph", 1996, 3.4. */
function fillIn(canvas, pen) {
  const { width, height } = canvas;
  if (Math.max(width, height) > 1) {
    const half = new OffscreenCanvas(Math.ceil(width / 2), Math.ceil(height / 2));
    const below = half.getContext("2d", { willReadFrequently: true });
    below.imageSmoothingQuality = "high";
    below.drawImage(canvas, 0, 0, half.width, half.height);
    fillIn(half, below);
    pen.globalCompositeOperation = "destination-over";
    pen.drawImage(half, 0, 0, width, height);
    pen.globalCompositeOperation = "source-over";
  }
  for (let times = 0; times < 4; times += 1) pen.drawImage(canvas, 0, 0); // what is half there
}

/** Three box means come close to a Gaussian; `image` is changed. */
function blurWeighted({ width, height, data }, weights, sigma) {
  const radius = Math.max(1, Math.round((Math.sqrt(4 * sigma * sigma + 1) - 1) / 2));
  const soft = (values) => {
    let from = values;
    let to = new Float32Array(values.length);
    for (let pass = 0; pass < 3; pass += 1) {
      boxMean(from, to, width, height, 1, width, radius);
      boxMean(to, from, height, width, width, 1, radius);
    }
    return from;
  };
  const share = soft(weights.slice());
  for (let channel = 0; channel < 3; channel += 1) {
    const values = weights.slice();
    for (let i = 0; i < values.length; i += 1) values[i] *= data[4 * i + channel];
    const made = soft(values);
    for (let i = 0; i < made.length; i += 1) data[4 * i + channel] = Math.round(made[i] / share[i]);
  }
  for (let i = 3; i < data.length; i += 4) data[i] = 255;
}

/** The mean over 2 radius + 1 values along lines; ends are repeated. */
function boxMean(from, to, length, lines, step, nextLine, radius) {
  for (let line = 0; line < lines; line += 1) {
    const start = line * nextLine;
    const at = (i) => from[start + Math.min(length - 1, Math.max(0, i)) * step];
    let sum = 0;
    for (let i = -radius; i <= radius; i += 1) sum += at(i);
    for (let i = 0; i < length; i += 1) {
      to[start + i * step] = sum / (2 * radius + 1);
      sum += at(i + radius + 1) - at(i - radius);
    }
  }
}
