// Which part of a picture a crop shows, by the rules of the library (humatte/framing.py).
// The server's crops are made there; this shows them beforehand, and makes those of private mode.

const MARGIN = 0.05; // of the longer side of the person's box, as the server's default
const LEAST_PERSON = 0.002; // of the picture: what is smaller is a speck
const FAINT = 0.05 * 255;
const EDGE_SHARE = 0.006; // of a side: within so much of the edge, a person touches it
const CUT_SHARE = 0.02; // of an edge: less of it covered is a hair, not a body cut off

/**
 * Where people are in a cut-out {width, height, data} of straight RGBA bytes.
 * @returns {{box: {left, top, right, bottom}|null, cuts: {left, top, right, bottom}}}
 *   the box around everyone in shares of the sides, and which edges of the photo cut them off
 */
export function subjectOf({ width, height, data }) {
  const alpha = new Uint8Array(width * height);
  for (let i = 0; i < alpha.length; i += 1) alpha[i] = data[4 * i + 3];
  const box = boxOf(alpha, width, height);
  return {
    box: box && {
      left: box.left / width,
      top: box.top / height,
      right: (box.right + 1) / width,
      bottom: (box.bottom + 1) / height,
    },
    cuts: cutEdges(alpha, width, height),
  };
}

/** The box around all connected parts that are no specks; null for none. */
function boxOf(alpha, width, height) {
  const seen = new Uint8Array(alpha.length);
  const stack = [];
  let all = null;
  for (let start = 0; start < alpha.length; start += 1) {
    if (seen[start] || alpha[start] < 128) continue;
    const part = { left: width, top: height, right: 0, bottom: 0 };
    let inside = 0;
    seen[start] = 1;
    stack.push(start);
    while (stack.length) {
      const at = stack.pop();
      const x = at % width;
      const y = (at - x) / width;
      inside += alpha[at] >= 128;
      grow(part, x, y, x, y);
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v += 1) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u += 1) {
          const next = v * width + u;
          if (seen[next] || alpha[next] <= FAINT) continue;
          seen[next] = 1;
          stack.push(next);
        }
      }
    }
    if (inside < LEAST_PERSON * alpha.length) continue;
    all ??= { ...part };
    grow(all, part.left, part.top, part.right, part.bottom);
  }
  return all;
}

function grow(box, left, top, right, bottom) {
  box.left = Math.min(box.left, left);
  box.top = Math.min(box.top, top);
  box.right = Math.max(box.right, right);
  box.bottom = Math.max(box.bottom, bottom);
}

function cutEdges(alpha, width, height) {
  const rows = Math.max(2, Math.round(EDGE_SHARE * height));
  const columns = Math.max(2, Math.round(EDGE_SHARE * width));
  const covered = (long, deep, at) => {
    let count = 0;
    for (let i = 0; i < long; i += 1) {
      let any = false;
      for (let j = 0; j < deep; j += 1) any ||= alpha[at(i, j)] >= 128;
      count += any;
    }
    return count / long > CUT_SHARE;
  };
  return {
    top: covered(width, rows, (x, y) => y * width + x),
    bottom: covered(width, rows, (x, y) => (height - 1 - y) * width + x),
    left: covered(height, columns, (y, x) => y * width + x),
    right: covered(height, columns, (y, x) => y * width + width - 1 - x),
  };
}

/**
 * The frame of a crop in pixels of the picture; it may reach beyond the picture.
 * @param {{width, height}} size of the picture
 * @param {ReturnType<typeof subjectOf>} subject
 * @param {string} crop whole, tight, or an aspect as 4:5
 * @param {boolean} inside the photo's own background is seen: stay in it where that is possible
 * @returns {{left, top, width, height}}
 */
export function frameOf(size, subject, crop, inside) {
  const whole = { left: 0, top: 0, width: size.width, height: size.height };
  if (crop === "whole" || !subject?.box) return whole;
  const person = {
    left: Math.floor(subject.box.left * size.width),
    top: Math.floor(subject.box.top * size.height),
    right: Math.ceil(subject.box.right * size.width),
    bottom: Math.ceil(subject.box.bottom * size.height),
  };
  const { cuts } = subject;
  const margin = MARGIN * Math.max(person.right - person.left, person.bottom - person.top);
  let across = [
    cuts.left ? 0 : Math.floor(person.left - margin),
    cuts.right ? size.width : Math.ceil(person.right + margin),
  ];
  let down = [
    cuts.top ? 0 : Math.floor(person.top - margin),
    cuts.bottom ? size.height : Math.ceil(person.bottom + margin),
  ];
  if (inside) {
    across = [Math.max(0, across[0]), Math.min(size.width, across[1])];
    down = [Math.max(0, down[0]), Math.min(size.height, down[1])];
  }
  if (crop !== "tight") {
    const [w, h] = crop.split(":").map(Number);
    const had = [across[1] - across[0], down[1] - down[0]];
    across = grown(across, Math.round((had[1] * w) / h), [cuts.left, cuts.right], size.width, inside);
    down = grown(down, Math.round((had[0] * h) / w), [cuts.top, cuts.bottom], size.height, inside);
  }
  return {
    left: across[0],
    top: down[0],
    width: across[1] - across[0],
    height: down[1] - down[0],
  };
}

function grown(ends, length, cut, whole, inside) {
  const more = length - (ends[1] - ends[0]);
  if (more <= 0) return ends;
  const before = cut[0] === cut[1] ? Math.floor(more / 2) : cut[0] ? 0 : more;
  let start = ends[0] - before;
  if (inside && length <= whole) start = Math.min(Math.max(0, start), whole - length);
  return [start, start + length];
}
