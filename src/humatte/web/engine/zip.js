/**
 * Several files as one ZIP: stored, for pictures are packed already; names in UTF-8.
 *
 * Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.4.
 */
import { crc32 } from "./crc.js";

const MOST_BYTES = 2 ** 32 - 1; // beyond, and beyond so many files, readers need ZIP64
const MOST_FILES = 2 ** 16 - 1;
const UTF8_NAMES = 1 << 11;

/**
 * @param files [{name, blob}]; equal names get a number, slashes in them become `_`.
 * @returns a Blob of application/zip.
 */
export async function zip(files) {
  const bytes = files.reduce((sum, { blob }) => sum + blob.size + 1000, 0);
  if (files.length > MOST_FILES || bytes > MOST_BYTES) {
    const found = `${files.length} files of ${Math.round(bytes / 1e6)} MB together`;
    throw new RangeError(`a ZIP holds 65535 files and 4 GB, found ${found}; download them in parts`);
  }
  const names = uniqueNames(files.map(({ name }) => name));
  const [parts, directory] = [[], []];
  let offset = 0;
  for (const [i, { blob }] of files.entries()) {
    const name = new TextEncoder().encode(names[i]);
    const facts = { name, size: blob.size, crc: await checksum(blob), offset };
    parts.push(localHeader(facts), blob);
    directory.push(centralHeader(facts));
    offset += 30 + name.length + blob.size;
  }
  const end = endRecord(directory, offset);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Names that differ by more than case, as most folders need, and that hold no path. */
export function uniqueNames(names) {
  const taken = new Set();
  return names.map((name) => {
    const clean = name.replace(/[\\/:\0]/g, "_").replace(/^\.+/, "_") || "_";
    const dot = clean.lastIndexOf(".") > 0 ? clean.lastIndexOf(".") : clean.length;
    let unique = clean;
    for (let number = 2; taken.has(unique.toLowerCase()); number++) {
      unique = `${clean.slice(0, dot)} (${number})${clean.slice(dot)}`;
    }
    taken.add(unique.toLowerCase());
    return unique;
  });
}

async function checksum(blob) {
  const reader = blob.stream().getReader();
  let crc = 0;
  for (let found = await reader.read(); !found.done; found = await reader.read()) {
    crc = crc32(found.value, crc);
  }
  return crc;
}

/** Little-endian fields, [bytes, value] each. */
function record(fields, tail = new Uint8Array(0)) {
  const length = fields.reduce((sum, [bytes]) => sum + bytes, 0);
  const out = new Uint8Array(length + tail.length);
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  out.set(tail, at);
  return out;
}

/** Version 2.0, stored, now: what both headers of a file say of it. */
function shared({ name, size, crc }) {
  const now = new Date();
  const time = (now.getHours() << 11) | (now.getMinutes() << 5) | (now.getSeconds() >> 1);
  const day = ((now.getFullYear() - 1980) << 9) | ((now.getMonth() + 1) << 5) | now.getDate();
  return [
    [2, 20], [2, UTF8_NAMES], [2, 0], [2, time], [2, day],
    [4, crc], [4, size], [4, size], [2, name.length], [2, 0],
  ];
}

function localHeader(facts) {
  return record([[4, 0x04034b50], ...shared(facts)], facts.name);
}

function centralHeader(facts) {
  const start = [[4, 0x02014b50], [2, 20]];
  const end = [[2, 0], [2, 0], [2, 0], [4, 0], [4, facts.offset]];
  return record([...start, ...shared(facts), ...end], facts.name);
}

function endRecord(directory, offset) {
  const size = directory.reduce((sum, { length }) => sum + length, 0);
  const count = directory.length;
  return record([
    [4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, offset], [2, 0],
  ]);
}
