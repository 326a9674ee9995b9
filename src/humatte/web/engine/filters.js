/**
 * Filters over windows of pixels, with OpenCV's borders: box means, dilation and erosion.
 *
 * Planes are typed arrays of height * width values; every function gives a new one, a mean in the
 * type of its input (sums are doubles), a dilation in that of its input.
 */

/** Where the place beyond an end lies: ...ba|abc|cb... */
function reflected(place, length) {
  if (length === 1) return 0;
  while (place < 0 || place >= length) place = place < 0 ? -place - 1 : 2 * length - place - 1;
  return place;
}

/** ... and with the end itself once only: ...cb|abc|ba... */
function reflected101(place, length) {
  if (length === 1) return 0;
  while (place < 0 || place >= length) place = place < 0 ? -place : 2 * length - place - 2;
  return place;
}

function borderTable(length, radius, border) {
  const table = new Int32Array(length + 2 * radius);
  for (let i = 0; i < table.length; i++) table[i] = border(i - radius, length);
  return table;
}

/**
 * The mean over windows of 2 radius + 1 pixels on a side.
 *
 * @param mirror whether the border is BORDER_REFLECT; else BORDER_REFLECT_101, OpenCV's default.
 */
export function blur(plane, height, width, radius, mirror = true) {
  const border = mirror ? reflected : reflected101;
  const rows = borderTable(height, radius, border);
  const columns = borderTable(width, radius, border);
  const scale = 1 / (2 * radius + 1) ** 2;
  const out = new plane.constructor(plane.length);
  const sums = new Float64Array(width); // of the rows of the window, for every column
  const addRow = (row, sign) => {
    for (let x = 0, from = row * width; x < width; x++) sums[x] += sign * plane[from++];
  };
  for (let k = 0; k < 2 * radius; k++) addRow(rows[k], 1);
  for (let y = 0; y < height; y++) {
    addRow(rows[y + 2 * radius], 1);
    let sum = 0;
    for (let k = 0; k < 2 * radius; k++) sum += sums[columns[k]];
    for (let x = 0, to = y * width; x < width; x++) {
      sum += sums[columns[x + 2 * radius]];
      out[to++] = sum * scale;
      sum -= sums[columns[x]];
    }
    addRow(rows[y], -1);
  }
  return out;
}

/** The greatest value in windows of 2 radius + 1 pixels on a side; what is outside is ignored. */
export function dilate(plane, height, width, radius = 1) {
  return extreme(plane, height, width, radius, (a, b) => a > b);
}

/** ... and the least. */
export function erode(plane, height, width, radius = 1) {
  return extreme(plane, height, width, radius, (a, b) => a < b);
}

function extreme(plane, height, width, radius, wins) {
  const across = extremeAlong(plane, height, width, width, 1, radius, wins);
  return extremeAlong(across, width, height, 1, width, radius, wins);
}

/** Along `length` places `step` apart, on each of `count` lines `stride` apart. */
function extremeAlong(plane, count, length, stride, step, radius, wins) {
  const out = new plane.constructor(plane.length);
  for (let line = 0; line < count; line++) {
    const base = line * stride;
    for (let place = 0; place < length; place++) {
      const last = Math.min(length - 1, place + radius);
      let best = plane[base + Math.max(0, place - radius) * step];
      for (let k = Math.max(0, place - radius) + 1; k <= last; k++) {
        const value = plane[base + k * step];
        if (wins(value, best)) best = value;
      }
      out[base + place * step] = best;
    }
  }
  return out;
}

// OpenCV's MORPH_ELLIPSE of 7 pixels: how far each of its rows reaches to either side.
const ELLIPSE_7 = [0, 2, 3, 3, 3, 2, 0];

/** The greatest value in an ellipse 7 pixels wide; what is outside is ignored. */
export function dilateEllipse7(plane, height, width) {
  const out = new plane.constructor(plane.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let best = plane[y * width + x];
      for (let dy = Math.max(-3, -y); dy <= Math.min(3, height - 1 - y); dy++) {
        const reach = ELLIPSE_7[dy + 3];
        const last = Math.min(width - 1, x + reach);
        for (let at = Math.max(0, x - reach); at <= last; at++) {
          best = Math.max(best, plane[(y + dy) * width + at]);
        }
      }
      out[y * width + x] = best;
    }
  }
  return out;
}
