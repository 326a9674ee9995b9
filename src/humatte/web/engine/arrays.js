/**
 * The array contract, and the one `resize`: arrays.py of the library, for 8-bit pictures.
 *
 * An array is `{data, height, width, channels, step}`, pixels row by row, `step` values from one
 * pixel to the next of which the first `channels` count:
 * - image: Uint8ClampedArray, 3 channels, RGB, sRGB; step 4 as a canvas gives it, 3 once resized;
 * - alpha (the matte): Float32Array in [0, 1], 1 channel.
 * Sizes are [height, width]; a box is {top, left, bottom, right}, the last two outside.
 *
 * A Uint8ClampedArray rounds to the nearest, half to even, and saturates: as OpenCV does.
 */

/** An array of data that lies packed. */
export function packed(data, height, width, channels = 1) {
  return { data, height, width, channels, step: channels };
}

/** An alpha (height, width) of zeros. */
export function zeros(height, width) {
  return packed(new Float32Array(height * width), height, width);
}

/** The image in a canvas's ImageData; no copy. */
export function imageOf(imageData) {
  const { data, height, width } = imageData;
  if (!(height > 0 && width > 0) || data.length !== height * width * 4) {
    throw new TypeError(`expected ImageData, found ${data?.length} values for ${width}x${height}`);
  }
  return { data, height, width, channels: 3, step: 4 };
}

export const sizeOf = (array) => [array.height, array.width];

/** Rounds half to even, as Python and OpenCV do. */
export function rint(value) {
  const below = Math.floor(value);
  const part = value - below;
  if (part !== 0.5) return part < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

export const clamp = (value, low, high) => (value < low ? low : value > high ? high : value);

/** Clips an alpha to [0, 1] in place, and gives it back. */
export function clip01(alpha) {
  const { data } = alpha;
  for (let i = 0; i < data.length; i++) {
    if (data[i] < 0) data[i] = 0;
    else if (data[i] > 1) data[i] = 1;
  }
  return alpha;
}

/** What lies in a box: a packed copy. */
export function crop(array, box) {
  const { data, width, channels, step } = array;
  const [height, across] = [box.bottom - box.top, box.right - box.left];
  const part = new data.constructor(height * across * channels);
  for (let y = 0, to = 0; y < height; y++) {
    let from = ((box.top + y) * width + box.left) * step;
    if (step === channels) {
      part.set(data.subarray(from, from + across * step), to);
      to += across * step;
      continue;
    }
    for (let x = 0; x < across; x++, from += step) {
      for (let c = 0; c < channels; c++) part[to++] = data[from + c];
    }
  }
  return packed(part, height, across, channels);
}

/**
 * Resizes an array to [height, width], its type kept; the array itself if it has that size.
 *
 * Area averaging where it gets smaller, bilinear with half-pixel centres where any side gets
 * larger. Bytes come out as OpenCV's, bit by bit: bilinear ones with its fixed-point rounding.
 */
export function resize(array, [height, width]) {
  if (array.height === height && array.width === width) return array;
  if (height <= array.height && width <= array.width) return reduced(array, height, width);
  return array.data instanceof Float32Array
    ? enlargedFloats(array, height, width)
    : enlargedBytes(array, height, width);
}

/** For every place of `length`: which of the `from` cells it covers, and how much of each. */
function areaTable(from, length) {
  // As OpenCV: slivers below 1/1000 of a cell are left out.
  const scale = 1 / (length / from);
  const starts = new Int32Array(length + 1);
  const weights = [];
  const first = new Int32Array(length);
  for (let place = 0; place < length; place++) {
    const begin = place * scale;
    const end = begin + scale;
    const cell = Math.min(scale, from - begin);
    const last = Math.min(Math.floor(end), from - 1);
    const whole = Math.min(Math.ceil(begin), last);
    first[place] = whole;
    if (whole - begin > 1e-3) {
      first[place] = whole - 1;
      weights.push((whole - begin) / cell);
    }
    for (let x = whole; x < last; x++) weights.push(1 / cell);
    if (end - last > 1e-3) weights.push(Math.min(Math.min(end - last, 1), cell) / cell);
    starts[place + 1] = weights.length;
  }
  return { starts, first, weights: Float32Array.from(weights) };
}

function reduced(array, height, width) {
  const { channels } = array;
  const out = packed(
    new array.data.constructor(height * width * channels), height, width, channels,
  );
  const [down, across] = [areaTable(array.height, height), areaTable(array.width, width)];
  const { scale, tie } = wholeCells(array, height, width, down, across);
  // Single precision, as OpenCV's: else one byte in ten thousand would be its neighbour.
  const line = new Float32Array(width * channels);
  const total = new Float32Array(width * channels);
  for (let y = 0; y < height; y++) {
    total.fill(0);
    for (let k = down.starts[y]; k < down.starts[y + 1]; k++) {
      reduceRow(array, down.first[y] + k - down.starts[y], across, line);
      addWeighted(total, line, down.weights[k]);
    }
    for (let i = 0, to = y * total.length; i < total.length; i++) {
      out.data[to++] = Math.fround(total[i] * scale) + tie;
    }
  }
  return out;
}

/** Where every cell is so many whole pixels, they are summed first, and divided then. */
function wholeCells(array, height, width, down, across) {
  const [rows, columns] = [array.height / height, array.width / width];
  if (!Number.isInteger(rows) || !Number.isInteger(columns)) return { scale: 1, tie: 0 };
  down.weights.fill(1);
  across.weights.fill(1);
  // Halves of bytes go up where a picture is halved, elsewhere to the even byte.
  const halved = rows === 2 && columns === 2 && !(array.data instanceof Float32Array);
  return { scale: Math.fround(1 / (rows * columns)), tie: halved ? 0.125 : 0 };
}

function addWeighted(total, line, weight) {
  for (let i = 0; i < line.length; i++) {
    total[i] = Math.fround(total[i] + Math.fround(weight * line[i]));
  }
}

function reduceRow(array, row, table, line) {
  const { data, channels, step } = array;
  const { starts, first, weights } = table;
  const base = row * array.width * step;
  for (let x = 0; x < first.length; x++) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      let from = base + first[x] * step + c;
      for (let k = starts[x]; k < starts[x + 1]; k++, from += step) {
        sum = Math.fround(sum + Math.fround(weights[k] * data[from]));
      }
      line[x * channels + c] = sum;
    }
  }
}

/**
 * For places of `length`: the two of `from` around (one twice at the ends), and the way between.
 *
 * OpenCV finds the places of bytes in single precision, those of floats in double.
 */
function linearTable(from, length, precision) {
  const scale = 1 / (length / from);
  const before = new Int32Array(length);
  const after = new Int32Array(length);
  const part = new Float32Array(length);
  for (let place = 0; place < length; place++) {
    const at = precision((place + 0.5) * scale - 0.5);
    const cell = Math.floor(at);
    before[place] = clamp(cell, 0, from - 1);
    after[place] = clamp(cell + 1, 0, from - 1);
    part[place] = at - cell;
  }
  return { before, after, part };
}

function enlargedFloats(array, height, width) {
  return enlarged(array, height, width, {
    precision: (place) => place,
    line: (first, second, part) => first + (second - first) * part,
    blend: (upper, lower, part) => upper + (lower - upper) * part,
  });
}

/** OpenCV's bytes: weights of 11 bits, and products that lose 4 + 16 bits before they are added. */
function enlargedBytes(array, height, width) {
  const ahead = (part) => rint(2048 * Math.fround(1 - part));
  return enlarged(array, height, width, {
    precision: Math.fround,
    line: (first, second, part) => first * ahead(part) + second * rint(2048 * part),
    blend: (upper, lower, part) =>
      (((ahead(part) * (upper >> 4)) >> 16) + ((rint(2048 * part) * (lower >> 4)) >> 16) + 2) >> 2,
  });
}

function enlarged(array, height, width, { precision, line, blend }) {
  const { channels } = array;
  const out = packed(
    new array.data.constructor(height * width * channels), height, width, channels,
  );
  const { before, after, part } = linearTable(array.height, height, precision);
  const lines = lineCache(array, linearTable(array.width, width, precision), line);
  for (let y = 0, to = 0; y < height; y++) {
    const [upper, lower, share] = [lines(before[y]), lines(after[y]), part[y]];
    for (let i = 0; i < upper.length; i++) out.data[to++] = blend(upper[i], lower[i], share);
  }
  return out;
}

/** Rows of an array, interpolated across; the last two are kept, as neighbours share them. */
function lineCache(array, { before, after, part }, mix) {
  const { data, channels, step } = array;
  const kept = [0, 1].map(() => ({ row: -1, line: new Float32Array(before.length * channels) }));
  return (row) => {
    const found = kept.find((entry) => entry.row === row);
    if (found) return found.line;
    // Rows come in ascending order: the lower of the two is not needed again.
    const entry = kept[0].row <= kept[1].row ? kept[0] : kept[1];
    entry.row = row;
    for (let x = 0, to = 0; x < before.length; x++) {
      const first = (row * array.width + before[x]) * step;
      const second = (row * array.width + after[x]) * step;
      for (let c = 0; c < channels; c++) {
        entry.line[to++] = mix(data[first + c], data[second + c], part[x]);
      }
    }
    return entry.line;
  };
}
