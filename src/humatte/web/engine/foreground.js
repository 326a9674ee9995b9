/**
 * Straight foreground colours: what the person's own colours are where the matte is soft.
 *
 * `estimate_foreground` of foreground.py: blur fusion (M. Forte, ICIP 2021, its eq. 7 for the
 * background too) over a small picture, made local at full size, tile by tile where something is
 * soft. Never changes a pixel that is opaque or empty.
 */
import { clamp, packed, resize, rint, sizeOf } from "./arrays.js";
import { blur } from "./filters.js";
import { fittedSize } from "./prepare.js";

// The numbers are those of foreground.py, where their reasons stand.
const SMALL_PIXELS = 480 * 360;
const RADII_PX = [45, 15, 5, 2, 1];
const EPSILON = 1e-5;
const DECIDED = 0.5 / 255; // so close to 0 or 1, a byte holds it as empty or opaque
const TILE = 128;

/**
 * The picture's person: Uint8ClampedArray of height * width * 4, straight RGBA.
 *
 * @param image of any size; its data are not changed.
 * @param alpha of the same size.
 */
export function estimateForeground(image, alpha) {
  if (alpha.height !== image.height || alpha.width !== image.width) {
    const [found, expected] = [alpha, image].map((array) => `${array.width}x${array.height}`);
    throw new RangeError(`expected an alpha of the picture's size ${expected}, found ${found}`);
  }
  const result = rgbaOf(image, alpha);
  if (!alpha.data.some(isSoft)) return result;
  const small = spreadSmall(image, alpha);
  for (let top = 0; top < alpha.height; top += TILE) {
    for (let left = 0; left < alpha.width; left += TILE) {
      const [bottom, right] = [top + TILE, left + TILE];
      const tile = within({ top, left, bottom, right }, alpha);
      if (anySoft(alpha, tile)) explain(image, alpha, tile, small, result);
    }
  }
  return result;
}

// In single precision, as the library compares: mattes of bytes hold just these values.
const [LEAST, MOST] = [Math.fround(DECIDED), Math.fround(1 - DECIDED)];
const isSoft = (value) => value > LEAST && value < MOST;

function rgbaOf(image, alpha) {
  const out = new Uint8ClampedArray(alpha.data.length * 4);
  for (let i = 0; i < alpha.data.length; i++) {
    for (let c = 0; c < 3; c++) out[4 * i + c] = image.data[image.step * i + c];
    out[4 * i + 3] = Math.fround(alpha.data[i] * 255); // rounded by the array
  }
  return out;
}

const within = (box, { height, width }) => ({
  top: Math.max(0, box.top),
  left: Math.max(0, box.left),
  bottom: Math.min(height, box.bottom),
  right: Math.min(width, box.right),
});

function anySoft(alpha, box) {
  for (let y = box.top; y < box.bottom; y++) {
    const row = alpha.data.subarray(y * alpha.width + box.left, y * alpha.width + box.right);
    if (row.some(isSoft)) return true;
  }
  return false;
}

/** How much larger the picture is than a small one; by area, for strips are pictures too. */
const scaleOf = ({ height, width }) => Math.max(1, Math.sqrt((height * width) / SMALL_PIXELS));

/** {foreground, background}, three planes each, of the picture, reduced if it is large. */
function spreadSmall(image, alpha) {
  const scale = scaleOf(alpha);
  if (scale > 1) {
    const size = fittedSize(sizeOf(alpha), rint(Math.max(...sizeOf(alpha)) / scale));
    [image, alpha] = [resize(image, size), resize(alpha, size)];
  }
  const { height, width } = alpha;
  const pixels = planesOf(image, { top: 0, left: 0, bottom: height, right: width });
  const colours = { foreground: pixels, background: pixels };
  return { ...spread(pixels, alpha, colours, RADII_PX), height, width };
}

/** Three planes in [0, 1] of what lies in a box of an image. */
function planesOf({ data, width, step }, box) {
  const scale = Math.fround(1 / 255);
  return [0, 1, 2].map((c) => {
    const plane = new Float32Array((box.bottom - box.top) * (box.right - box.left));
    for (let y = box.top, to = 0; y < box.bottom; y++) {
      for (let x = box.left; x < box.right; x++) plane[to++] = data[(y * width + x) * step + c] * scale;
    }
    return plane;
  });
}

/** Writes a tile's soft pixels: the small picture's colours, made local at full size. */
function explain(image, alpha, tile, small, result) {
  let [box, found] = [{ top: 0, left: 0, bottom: alpha.height, right: alpha.width }, small.foreground];
  if (small.height !== alpha.height || small.width !== alpha.width) {
    const reach = rint(scaleOf(alpha));
    const margin = reach + 1; // what the two passes look at beyond the tile
    box = within({
      top: tile.top - margin, left: tile.left - margin,
      // As foreground.py, whose tiles have their whole side at the picture's ends, too.
      bottom: tile.top + TILE + margin, right: tile.left + TILE + margin,
    }, alpha);
    found = localColours(image, alpha, box, small, reach);
  }
  const width = box.right - box.left;
  for (let y = tile.top; y < tile.bottom; y++) {
    for (let x = tile.left; x < tile.right; x++) {
      const at = y * alpha.width + x;
      if (!isSoft(alpha.data[at])) continue;
      const from = (y - box.top) * width + x - box.left;
      for (let c = 0; c < 3; c++) result[4 * at + c] = Math.fround(found[c][from] * 255);
    }
  }
}

function localColours(image, alpha, box, small, reach) {
  const [height, width] = [box.bottom - box.top, box.right - box.left];
  const part = packed(new Float32Array(height * width), height, width);
  for (let y = 0; y < height; y++) {
    const from = (box.top + y) * alpha.width + box.left;
    part.data.set(alpha.data.subarray(from, from + width), y * width);
  }
  const near = (planes) => planes.map((plane) => enlarged(plane, small, box, alpha));
  const colours = { foreground: near(small.foreground), background: near(small.background) };
  return spread(planesOf(image, box), part, colours, [reach, 1]).foreground;
}

/** Bilinear values of a reduced plane in a box of the full picture; pixel centres meet. */
function enlarged(plane, small, box, full) {
  const [rows, columns] = [
    placesOf(box.top, box.bottom, small.height, full.height),
    placesOf(box.left, box.right, small.width, full.width),
  ];
  const out = new Float32Array(rows.length * columns.length);
  let to = 0;
  for (const [y, below, down] of rows) {
    for (const [x, after, across] of columns) {
      const upper = plane[y * small.width + x] * (1 - across) + plane[y * small.width + after] * across;
      const lower =
        plane[below * small.width + x] * (1 - across) + plane[below * small.width + after] * across;
      out[to++] = upper * (1 - down) + lower * down;
    }
  }
  return out;
}

/** For places of the full picture: the two of the small one around, and the way between. */
function placesOf(start, stop, small, full) {
  return Array.from({ length: stop - start }, (_, i) => {
    const at = clamp((start + i + 0.5) * (small / full) - 0.5, 0, small - 1);
    const before = Math.floor(at);
    return [before, Math.min(before + 1, small - 1), at - before];
  });
}

/**
 * Foreground and background, made more local by a pass for each radius.
 *
 * Each pass takes the colours nearby, and adds to both what compositing them fails to explain; see
 * `_spread` of foreground.py about the shares.
 */
function spread(pixels, alpha, { foreground, background }, radii) {
  const { data, height, width } = alpha;
  const outer = data.map((value) => 1 - value);
  for (const radius of radii) {
    foreground = nearby(foreground, data, height, width, radius);
    background = nearby(background, outer, height, width, radius);
    for (let c = 0; c < 3; c++) share(pixels[c], data, foreground[c], background[c]);
  }
  return { foreground, background };
}

/** Adds to both colours, in place, what they do not explain of the pixels (2021, eq. 7). */
function share(pixels, alpha, foreground, background) {
  for (let i = 0; i < pixels.length; i++) {
    const [inner, outer] = [alpha[i], 1 - alpha[i]];
    const explained = inner * foreground[i] + outer * background[i];
    const missing = (pixels[i] - explained) / (1 - inner * outer);
    foreground[i] = clamp(foreground[i] + inner * missing, 0, 1);
    background[i] = clamp(background[i] + outer * missing, 0, 1);
  }
}

/** The mean colours around every pixel, weighted: three new planes. */
function nearby(colours, weight, height, width, radius) {
  const mean = blur(weight, height, width, radius);
  return colours.map((plane) => {
    const near = blur(plane.map((value, i) => value * weight[i]), height, width, radius);
    for (let i = 0; i < near.length; i++) near[i] /= mean[i] + EPSILON;
    return near;
  });
}
