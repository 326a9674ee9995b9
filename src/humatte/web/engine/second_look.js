/**
 * A second look at small people: where they are, and how what is seen there goes into the matte.
 * second_look.py of the library. An empty matte has no boxes: an empty scene stays empty.
 */
import { clamp, clip01, crop, packed, resize, rint, sizeOf } from "./arrays.js";
import { blur, dilateEllipse7 } from "./filters.js";
import { fittedSize } from "./prepare.js";

// The numbers are those of second_look.py, where their reasons stand.
const PERSON = 0.5;
const LITTLE = 0.5;
const MARGIN = 0.3;
const LEAST_PX = 24;
const MOST = 4;
const SEEN = Math.fround(0.1); // mattes are single precision
const TRUST_SIDE_PX = 64; // the ellipse of 7 pixels in `trust` is 2 * round(0.05 * 64) + 1

/**
 * Where a second look pays, the largest persons first, four at most; they share no pixel.
 *
 * @param first the network's alpha of the whole picture.
 * @param size [height, width] of the picture, in whose pixels the boxes are.
 */
export function boxesOfSmallPeople(first, size) {
  const { height, width } = first;
  if (Math.max(...size) <= Math.max(height, width)) return [];
  const people = first.data.map((value) => (value >= PERSON ? 1 : 0));
  let found = [];
  for (const part of componentsOf(people, height, width)) {
    if (part.area >= LEAST_PX) found = joined(found, grown(part, height, width));
  }
  const sides = (box) => Math.max(box.bottom - box.top, box.right - box.left);
  const few = found.filter((box) => sides(box) < LITTLE * Math.max(height, width));
  const count = (box) => crop(packed(people, height, width), box).data.reduce((a, b) => a + b, 0);
  return few
    .map((box) => ({ box, area: count(box) }))
    .sort((a, b) => b.area - a.area)
    .slice(0, MOST)
    .map(({ box }) => enlarged(box, [height, width], size));
}

/** {top, left, bottom, right, area} of every part whose pixels touch, at corners too. */
export function componentsOf(mask, height, width) {
  const left = mask.slice();
  const parts = [];
  const stack = [];
  for (let start = 0; start < left.length; start++) {
    if (!left[start]) continue;
    const part = { top: height, left: width, bottom: 0, right: 0, area: 0 };
    left[start] = 0;
    stack.push(start);
    while (stack.length) visit(stack.pop(), part, left, height, width, stack);
    parts.push(part);
  }
  return parts;
}

function visit(at, part, left, height, width, stack) {
  const [y, x] = [Math.floor(at / width), at % width];
  part.area += 1;
  part.top = Math.min(part.top, y);
  part.left = Math.min(part.left, x);
  part.bottom = Math.max(part.bottom, y + 1);
  part.right = Math.max(part.right, x + 1);
  for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
    for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
      const near = row * width + column;
      if (left[near]) {
        left[near] = 0;
        stack.push(near);
      }
    }
  }
}

/** A part's box with a margin about it. */
function grown(part, height, width) {
  const side = Math.max(part.bottom - part.top, part.right - part.left);
  const margin = rint(MARGIN * side) + 1;
  return {
    top: Math.max(0, part.top - margin),
    left: Math.max(0, part.left - margin),
    bottom: Math.min(height, part.bottom + margin),
    right: Math.min(width, part.right + margin),
  };
}

const touch = (a, b) =>
  a.top < b.bottom && b.top < a.bottom && a.left < b.right && b.left < a.right;

/** The boxes with one more, those that touch made one. */
function joined(boxes, added) {
  const apart = boxes.filter((box) => !touch(box, added));
  if (apart.length === boxes.length) return [...boxes, added];
  const all = [added, ...boxes.filter((box) => touch(box, added))];
  const least = (side) => Math.min(...all.map((box) => box[side]));
  const most = (side) => Math.max(...all.map((box) => box[side]));
  const about = {
    top: least("top"), left: least("left"), bottom: most("bottom"), right: most("right"),
  };
  return joined(apart, about); // a grown box may touch others
}

function enlarged(box, first, size) {
  const [down, across] = [size[0] / first[0], size[1] / first[1]];
  return {
    top: rint(box.top * down),
    left: rint(box.left * across),
    bottom: rint(box.bottom * down),
    right: rint(box.right * across),
  };
}

/**
 * Changes a matte, in place, to what was seen in a box, near what it holds there itself.
 *
 * What is far from anything the first look saw does not count: a network that sees a box about a
 * person expects one to fill it, and may make up what is missing. Nor do the box's edges.
 */
export function putIn(alpha, part, box) {
  const place = crop(alpha, box);
  const ends = [
    [box.top > 0, box.bottom < alpha.height],
    [box.left > 0, box.right < alpha.width],
  ];
  const weights = resize(trust(place, ends), sizeOf(place));
  for (let i = 0; i < place.data.length; i++) {
    place.data[i] += (part.data[i] - place.data[i]) * weights.data[i];
  }
  clip01(place);
  for (let y = 0; y < place.height; y++) {
    const row = place.data.subarray(y * place.width, (y + 1) * place.width);
    alpha.data.set(row, (box.top + y) * alpha.width + box.left);
  }
}

/** How much the second look counts, at a small size: 1 at what the first saw, falling to 0. */
function trust(first, ends) {
  const [height, width] = fittedSize(sizeOf(first), TRUST_SIDE_PX);
  const seen = resize(first, [height, width]).data.map((value) => (value > SEEN ? 1 : 0));
  const near = blur(dilateEllipse7(seen, height, width), height, width, 1, false);
  const [down, across] = [rise(height, ...ends[0]), rise(width, ...ends[1])];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) near[i] *= down[y] * across[x];
  }
  return packed(near, height, width);
}

/** Weights of 1 that rise from 0 over half the margin at the chosen ends. */
function rise(length, before, after) {
  const steps = (TRUST_SIDE_PX * MARGIN) / (1 + 2 * MARGIN) / 2;
  return Float64Array.from({ length }, (_, i) =>
    Math.min(before ? clamp(i / steps, 0, 1) : 1, after ? clamp((length - 1 - i) / steps, 0, 1) : 1));
}
