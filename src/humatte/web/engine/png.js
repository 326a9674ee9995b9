/**
 * Straight RGBA to a PNG file, exactly: a canvas multiplies colours by alpha and loses them.
 *
 * Source: PNG (Third Edition), W3C 2025; its zlib stream comes from CompressionStream.
 */
import { crc32 } from "./crc.js";

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const CHUNK_BYTES = 2 ** 20; // filtered at once; between two, the page may draw itself

/**
 * @param rgba Uint8ClampedArray of width * height * 4, straight colours.
 * @returns a Blob of image/png.
 */
export async function encodePng(width, height, rgba) {
  if (!(width > 0 && height > 0) || rgba.length !== width * height * 4) {
    throw new RangeError(`expected ${width}x${height} pixels, found ${rgba.length} values`);
  }
  const packer = new CompressionStream("deflate"); // the zlib format
  // Both at once: the packer takes no more than what is read of it.
  const [data] = await Promise.all([
    readChunks(packer.readable.getReader()),
    writeRows(packer.writable.getWriter(), width, height, rgba),
  ]);
  const parts = [
    Uint8Array.from(SIGNATURE), ...chunk("IHDR", header(width, height)), ...data,
    ...chunk("IEND", new Uint8Array(0)),
  ];
  return new Blob(parts, { type: "image/png" });
}

async function readChunks(reader) {
  const parts = [];
  for (let found = await reader.read(); !found.done; found = await reader.read()) {
    parts.push(...chunk("IDAT", found.value));
  }
  return parts;
}

/** 8 bits a channel, RGBA, deflate, adaptive filters, not interlaced. */
function header(width, height) {
  const bytes = new Uint8Array(13);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  bytes.set([8, 6, 0, 0, 0], 8);
  return bytes;
}

function chunk(name, bytes) {
  const named = Uint8Array.from(name, (letter) => letter.charCodeAt(0));
  return [bigEndian(bytes.length), named, bytes, bigEndian(crc32(bytes, crc32(named)))];
}

function bigEndian(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

async function writeRows(writer, width, height, rgba) {
  const rowBytes = width * 4;
  const rowsAtOnce = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
  const scratch = [0, 1, 2].map(() => new Uint8Array(rowBytes));
  for (let top = 0; top < height; top += rowsAtOnce) {
    const rows = Math.min(rowsAtOnce, height - top);
    const bytes = new Uint8Array(rows * (rowBytes + 1));
    for (let row = 0; row < rows; row++) {
      const to = row * (rowBytes + 1);
      bytes[to] = filterRow(rgba, (top + row) * rowBytes, rowBytes, scratch);
      bytes.set(scratch[bytes[to] === 4 ? 2 : bytes[to] - 1], to + 1);
    }
    await writer.write(bytes);
    await new Promise((resume) => setTimeout(resume)); // a turn for the page's own events
  }
  await writer.close();
}

/**
 * Filters a row by its left, upper, and Paeth's neighbour; gives the best one's type: 1, 2 or 4.
 *
 * The best is the one with the least sum of differences, as the standard's section 12.7 advises.
 */
function filterRow(rgba, from, length, [sub, up, paeth]) {
  const sums = [0, 0, 0];
  const cost = (byte) => (byte < 128 ? byte : 256 - byte);
  for (let i = 0; i < length; i++) {
    const value = rgba[from + i];
    const left = i < 4 ? 0 : rgba[from + i - 4];
    const above = from ? rgba[from + i - length] : 0;
    const corner = i < 4 || !from ? 0 : rgba[from + i - length - 4];
    sums[0] += cost((sub[i] = (value - left) & 255));
    sums[1] += cost((up[i] = (value - above) & 255));
    sums[2] += cost((paeth[i] = (value - predicted(left, above, corner)) & 255));
  }
  const best = sums.indexOf(Math.min(...sums));
  return [1, 2, 4][best];
}

/** Paeth's neighbour: the one nearest to left + above - corner. */
function predicted(left, above, corner) {
  const toLeft = Math.abs(above - corner);
  const toAbove = Math.abs(left - corner);
  const toCorner = Math.abs(left + above - 2 * corner);
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}
