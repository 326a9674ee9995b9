/**
 * Full-size edges from a network's small matte, drawn after the picture: `sharpen` of refine.py.
 *
 * The guided filter as published (K. He, J. Sun, X. Tang, PAMI 2013, eq. 19 to 21; K. He, J. Sun,
 * "Fast Guided Filter", 2015), its coefficients found at the reduced size, and a contrast that
 * gives back what its means have taken. What is decided, 0 or 1, stays as it is. Beside its result
 * it needs no memory that grows with the picture.
 */
import { clamp, clip01, packed, resize, sizeOf } from "./arrays.js";
import { blur, dilate, erode } from "./filters.js";

// The numbers are those of refine.py, where their reasons stand.
const RADIUS_PX = 4;
const EPSILON = 1e-4;
const CONTRAST = 1.2;
const WEIGHT_SLOPE = 1.5;
const TILE = 128;

/**
 * Enlarges a network's matte to its picture's size, its soft edges drawn after the picture.
 *
 * @param image of any size.
 * @param first the alpha of the same view.
 */
export function sharpen(image, first) {
  const size = sizeOf(image);
  const result = clip01(ownCopy(resize(first, size), first));
  const ratio = Math.max(...size) / Math.max(first.height, first.width);
  const weight = Math.min(1, WEIGHT_SLOPE * (ratio - 1));
  if (weight <= 0) return result;
  // A side may be longer by the rounding to whole pixels.
  const inner = [Math.min(size[0], first.height), Math.min(size[1], first.width)];
  const alpha = resize(first, inner);
  const soft = softOf(alpha);
  if (soft.includes(1)) apply(image, smoothLines(image, alpha, soft), soft, result, weight);
  return result;
}

/** `resize` may give the array itself, which must not change. */
function ownCopy(array, other) {
  return array === other ? packed(array.data.slice(), array.height, array.width) : array;
}

/** 1 where the enlarged matte can be soft: between a 0 and a 1 it is, though neither pixel is. */
function softOf({ data, height, width }) {
  const [most, least] = [dilate(data, height, width), erode(data, height, width)];
  return Uint8Array.from(data, (value, i) =>
    most[i] > least[i] || (value > 0 && value < 1) ? 1 : 0);
}

/** {planes, height, width}: the slopes by R, G, B for values 0 to 255, and the offset. */
function smoothLines(image, alpha, soft) {
  const { height, width } = alpha;
  const mean = (plane) => blur(plane, height, width, RADIUS_PX);
  // Doubles: a covariance is a small difference of large numbers.
  const guide = guideOf(resize(image, [height, width]));
  const matte = Float64Array.from(alpha.data);
  const means = { colour: guide.map(mean), matte: mean(matte) };
  // The windows that a soft pixel, or its neighbour in the interpolation, is a mean of.
  const near = dilate(soft, height, width, RADIUS_PX + 1);
  const slopes = slopesAt(near, guide, matte, means, mean);
  // 2013, eq. 20: b = mean(p) - a mean(I), in every window; eq. 21: their means.
  const offset = means.matte.map((value, i) =>
    value - slopes.reduce((sum, slope, c) => sum + slope[i] * means.colour[c][i], 0));
  const planes = slopes.map((slope) => Float32Array.from(mean(slope), (value) => value / 255));
  return { planes: [...planes, Float32Array.from(mean(offset))], height, width };
}

/** Three planes of doubles in [0, 1]. */
function guideOf({ data, height, width, step }) {
  const scale = Math.fround(1 / 255);
  return [0, 1, 2].map((c) =>
    Float64Array.from({ length: height * width }, (_, i) => Math.fround(data[i * step + c] * scale)));
}

const product = (a, b) => a.map((value, i) => value * b[i]);

/** The slopes, three planes, of the windows about the chosen pixels; 0 elsewhere. */
function slopesAt(where, guide, matte, means, mean) {
  const pairs = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]];
  const covariances = pairs.map(([a, b]) => mean(product(guide[a], guide[b])));
  const withMatte = guide.map((plane) => mean(product(plane, matte)));
  const slopes = guide.map((plane) => new Float64Array(plane.length));
  const matrix = new Float64Array(6);
  for (let i = 0; i < where.length; i++) {
    if (!where[i]) continue;
    for (let k = 0; k < 6; k++) {
      const [a, b] = pairs[k];
      matrix[k] = covariances[k][i] - means.colour[a][i] * means.colour[b][i];
      if (a === b) matrix[k] += EPSILON;
    }
    const right = withMatte.map((plane, c) => plane[i] - means.colour[c][i] * means.matte[i]);
    const found = solved(matrix, right);
    for (let c = 0; c < 3; c++) slopes[c][i] = found[c];
  }
  return slopes;
}

/** 2013, eq. 19. x of A x = y, A symmetric: its upper triangle [00, 01, 02, 11, 12, 22]. */
function solved([a, b, c, d, e, f], [x, y, z]) {
  const first = [d * f - e * e, c * e - b * f, b * e - c * d];
  const middle = [a * f - c * c, b * c - a * e];
  const scale = 1 / (a * first[0] + b * first[1] + c * first[2]);
  return [
    (first[0] * x + first[1] * y + first[2] * z) * scale,
    (first[1] * x + middle[0] * y + middle[1] * z) * scale,
    (first[2] * x + middle[1] * y + (a * d - b * b) * z) * scale,
  ];
}

/** Enlarges the lines and applies them to the picture, tile by tile, where a pixel is soft. */
function apply(image, lines, soft, result, weight) {
  for (let top = 0; top < image.height; top += TILE) {
    const rows = places(top, Math.min(top + TILE, image.height), image.height, lines.height);
    for (let left = 0; left < image.width; left += TILE) {
      const columns = places(left, Math.min(left + TILE, image.width), image.width, lines.width);
      if (anySoft(soft, lines.width, rows, columns)) {
        drawTile(image, lines, result, weight, rows, columns);
      }
    }
  }
}

/** Where pixels `start` to `stop` of `length` lie among `small` ones: pixel centres meet. */
function places(start, stop, length, small) {
  const before = new Int32Array(stop - start);
  const after = new Int32Array(stop - start);
  const part = new Float64Array(stop - start);
  for (let i = 0; i < part.length; i++) {
    const at = clamp((start + i + 0.5) * (small / length) - 0.5, 0, small - 1);
    before[i] = Math.floor(at);
    after[i] = Math.min(before[i] + 1, small - 1);
    part[i] = at - before[i];
  }
  return { start, before, after, part };
}

function anySoft(soft, width, rows, columns) {
  for (let y = rows.before[0]; y <= rows.after.at(-1); y++) {
    const row = soft.subarray(y * width + columns.before[0], y * width + columns.after.at(-1) + 1);
    if (row.includes(1)) return true;
  }
  return false;
}

function drawTile(image, lines, result, weight, rows, columns) {
  const [red, green, blue, offset] = lines.planes.map(() => new Float64Array(lines.width));
  const between = [red, green, blue, offset];
  const { before, after, part } = columns;
  for (let i = 0; i < rows.part.length; i++) {
    lineBetween(lines, rows, i, columns, between);
    let to = (rows.start + i) * image.width + columns.start;
    for (let x = 0; x < part.length; x++, to++) {
      const old = result.data[to];
      if (!(old > 0 && old < 1)) continue;
      const at = to * image.step;
      const [a, b, t] = [before[x], after[x], part[x]];
      const value =
        offset[a] + (offset[b] - offset[a]) * t +
        (red[a] + (red[b] - red[a]) * t) * image.data[at] +
        (green[a] + (green[b] - green[a]) * t) * image.data[at + 1] +
        (blue[a] + (blue[b] - blue[a]) * t) * image.data[at + 2];
      result.data[to] = old + weight * (clamp((value - 0.5) * CONTRAST + 0.5, 0, 1) - old);
    }
  }
}

/** The lines at a row of the picture, for the columns that a tile takes part in. */
function lineBetween({ planes, width }, rows, i, columns, between) {
  const [upper, lower] = [rows.before[i] * width, rows.after[i] * width];
  const part = rows.part[i];
  for (let p = 0; p < planes.length; p++) {
    const plane = planes[p];
    for (let x = columns.before[0]; x <= columns.after.at(-1); x++) {
      between[p][x] = plane[upper + x] + (plane[lower + x] - plane[upper + x]) * part;
    }
  }
}
