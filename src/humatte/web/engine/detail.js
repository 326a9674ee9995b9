/**
 * A closer look at edges: the network again, on the parts that its edge crosses. detail.py.
 *
 * Only where the first matte is undecided, and close to it, does the closer look count: who is in
 * the picture was decided with the whole of it in view.
 */
import { clamp, clip01, crop, packed, resize, rint, sizeOf, zeros } from "./arrays.js";
import { blur, dilate } from "./filters.js";
import { small } from "./network.js";
import { fittedSize } from "./prepare.js";

// The numbers are those of detail.py, where their reasons stand.
const SCALE = 1.75;
const OVERLAP = 0.25;
const TRUST = 0.75;
const LOCAL_RADIUS_PX = 8;
const FREE_CHANGE = 0.25;
const DOUBT_CHANGE = 0.6;
const FADE = 8;

/**
 * The network's matte at 1.75 times its size, its edges seen from closer by.
 *
 * @param image of any size.
 * @param first the alpha that the network gave for the whole image; given back as it is where the
 *   image is not as large as that.
 */
export async function lookCloser(image, first, network) {
  const longest = Math.max(first.height, first.width);
  if (Math.max(image.height, image.width) < SCALE * longest) return first;
  const size = fittedSize(sizeOf(image), rint(SCALE * longest));
  const band = bandOf(first, size);
  const before = clip01(resize(first, size));
  const seen = await seenInTiles(resize(image, size), band, before, network);
  return merged(before, seen, band);
}

/** What the network sees in the tiles that the band crosses; elsewhere what was there before. */
async function seenInTiles(closer, band, before, network) {
  const total = zeros(closer.height, closer.width);
  const weights = zeros(closer.height, closer.width);
  for (const tile of tilesOf(sizeOf(closer), network.longSide)) {
    if (!crop(band, tile).data.some((value) => value !== 0)) continue;
    const part = crop(closer, tile);
    const found = await small(network, part, Math.max(part.height, part.width));
    addTile(total, weights, found, tile);
  }
  for (let i = 0; i < total.data.length; i++) {
    total.data[i] = weights.data[i] > 0 ? total.data[i] / weights.data[i] : before.data[i];
  }
  return total;
}

function addTile(total, weights, found, tile) {
  const [down, across] = [ramp(found.height), ramp(found.width)];
  for (let y = 0, from = 0; y < found.height; y++) {
    let to = (tile.top + y) * total.width + tile.left;
    for (let x = 0; x < found.width; x++, to++, from++) {
      const weight = Math.fround(down[y] * across[x]);
      total.data[to] += found.data[from] * weight;
      weights.data[to] += weight;
    }
  }
}

/** A tile's weights along a side: 1 in the middle, falling towards its ends, nowhere 0. */
function ramp(length) {
  return Float64Array.from({ length }, (_, i) => {
    const place = (i + 0.5) / length;
    return Math.min(1, FADE * Math.min(place, 1 - place));
  });
}

/** The first look, moved towards the closer one where the band is and the two agree. */
function merged(before, seen, band) {
  const { height, width } = before;
  // What the two must agree on is larger than an edge is wide.
  const [was, is] = [before, seen].map((a) => blur(a.data, height, width, LOCAL_RADIUS_PX, false));
  const out = new Float32Array(was.length);
  for (let i = 0; i < out.length; i++) {
    // Where the first look was sure and the closer one says the opposite, the first is right.
    const doubt = 1 - Math.abs(2 * was[i] - 1);
    const change = Math.abs(is[i] - was[i]) - FREE_CHANGE - DOUBT_CHANGE * doubt;
    const agreed = 1 - clamp(change / FREE_CHANGE, 0, 1);
    const step = TRUST * band.data[i] * agreed * (seen.data[i] - before.data[i]);
    out[i] = clamp(before.data[i] + step, 0, 1);
  }
  return packed(out, height, width);
}

/** 1 where the matte is undecided and one pixel around, falling to 0 over the next pixel. */
function bandOf(first, size) {
  const undecided = first.data.map((value) => (value > 0 && value < 1 ? 1 : 0));
  const grown = dilate(undecided, first.height, first.width);
  return clip01(resize(packed(grown, first.height, first.width), size));
}

/** Boxes that cover all of `size`, evenly spread, sharing a quarter, no side above `side`. */
export function tilesOf([height, width], side) {
  return partsOf(height, side).flatMap(([top, bottom]) =>
    partsOf(width, side).map(([left, right]) => ({ top, left, bottom, right })));
}

function partsOf(length, side) {
  if (length <= side) return [[0, length]];
  const overlap = Math.trunc(side * OVERLAP);
  const count = Math.ceil((length - overlap) / (side - overlap));
  return Array.from({ length: count }, (_, number) => {
    const start = rint((number * (length - side)) / (count - 1));
    return [start, start + side];
  });
}
