// Calls the engine's stages in node, for test_engine.py.
//
//     node engine_run.mjs ENGINE_FOLDER JOBS.json
//
// JOBS.json: {"network": null | {"runtime", "file", "long_side", "stride"}, "jobs": [{"call",
// "arrays": {name: {"file", "dtype", "shape"}}, "options", "out"}]}. Every job's result is written
// raw to its "out", and [{"shape"}] or {"value"} to stdout, one a job.
import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [folder, jobsFile] = process.argv.slice(2);
const stage = (name) => import(new URL(name, pathToFileURL(`${folder}/`)));

const arrays = await stage("arrays.js");
const detail = await stage("detail.js");
const filters = await stage("filters.js");
const { estimateForeground } = await stage("foreground.js");
const { guided } = await stage("hints.js");
const { matte } = await stage("matting.js");
const { openNetwork } = await stage("network.js");
const { encodePng } = await stage("png.js");
const { sharpen } = await stage("refine.js");
const second = await stage("second_look.js");
const { zip } = await stage("zip.js");

const TYPES = {
  uint8: Uint8ClampedArray, float32: Float32Array, float64: Float64Array,
};

async function loaded({ file, dtype, shape: [height, width, channels = 1] }) {
  const { buffer, byteOffset, byteLength } = await readFile(file);
  const data = new TYPES[dtype](buffer.slice(byteOffset, byteOffset + byteLength));
  // RGBA is what a canvas gives.
  if (channels === 4) return arrays.imageOf({ data, height, width });
  return arrays.packed(data, height, width, channels);
}

// A network that needs no file: the mean colour, stretched. It sees a picture's edges, so that its
// closer looks differ from its first.
const stub = {
  longSide: 96,
  stride: 32,
  async run(batch, [, , height, width]) {
    const size = height * width;
    return Float32Array.from({ length: size }, (_, i) =>
      Math.min(1, Math.max(0, (batch[i] + batch[size + i] + batch[2 * size + i] - 1) * 1.5)));
  },
};

const CALLS = {
  resize: ({ values }, { size }) => arrays.resize(values, size),
  blur: ({ plane: p }, { radius, mirror }) =>
    arrays.packed(filters.blur(p.data, p.height, p.width, radius, mirror), p.height, p.width),
  dilate: ({ plane: p }, { radius }) =>
    arrays.packed(filters.dilate(p.data, p.height, p.width, radius), p.height, p.width),
  erode: ({ plane: p }, { radius }) =>
    arrays.packed(filters.erode(p.data, p.height, p.width, radius), p.height, p.width),
  ellipse: ({ plane: p }) =>
    arrays.packed(filters.dilateEllipse7(p.data, p.height, p.width), p.height, p.width),
  sharpen: ({ image, small }) => sharpen(image, small),
  closer: ({ image, small }) => detail.lookCloser(image, small, stub),
  boxes: ({ small }, { size }) => ({ value: second.boxesOfSmallPeople(small, size) }),
  put_in: ({ matte: whole, part }, { box }) => (second.putIn(whole, part, box), whole),
  guided: ({ matte: whole, keep, drop }) =>
    guided(whole, keep ? keep.data : null, drop ? drop.data : null),
  foreground: ({ image, alpha }) =>
    arrays.packed(estimateForeground(image, alpha), image.height, image.width, 4),
  matte: ({ image }, { refine }) => matte(image, network, refine),
  png: async ({ image }) => bytes(await encodePng(image.width, image.height, image.data)),
  zip: async ({}, { names }) =>
    bytes(await zip(names.map((name, i) => ({ name, blob: new Blob([`file ${i}`]) })))),
};

async function bytes(blob) {
  const data = new Uint8Array(await blob.arrayBuffer());
  return arrays.packed(data, 1, data.length);
}

const { network: wanted, jobs } = JSON.parse(await readFile(jobsFile, "utf-8"));
const network = wanted && (await opened(wanted));

async function opened({ runtime, file, ...facts }) {
  const ort = await import(pathToFileURL(runtime));
  ort.env.wasm.numThreads = 1;
  return openNetwork(ort, new Uint8Array(await readFile(file)), facts);
}

const answers = [];
for (const { call, arrays: given, options, out } of jobs) {
  const read = {};
  for (const [name, source] of Object.entries(given)) read[name] = await loaded(source);
  const began = performance.now();
  const found = await CALLS[call](read, options);
  const seconds = (performance.now() - began) / 1000;
  if (found.value !== undefined) {
    answers.push({ value: found.value, seconds });
    continue;
  }
  await writeFile(out, found.data);
  answers.push({ shape: [found.height, found.width, found.channels], seconds });
}
process.stdout.write(JSON.stringify(answers));
process.exit(0); // onnxruntime-web's threads would keep node waiting
