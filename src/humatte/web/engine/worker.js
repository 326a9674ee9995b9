/**
 * The engine's own thread: opens one network, and does what index.js asks of it, in turn.
 *
 * Messages in: {id, verb, ...}; out: {id, value} or {id, error, status}, and {id, progress} while a network
 * is fetched. Pictures come as ImageData, mattes go as Float32Array, moved instead of copied.
 */
import * as ort from "../vendor/ort.wasm.min.mjs";
import { imageOf, packed } from "./arrays.js";
import { estimateForeground } from "./foreground.js";
import { guided } from "./hints.js";
import { matte } from "./matting.js";
import { openNetwork } from "./network.js";

let network = null;

const VERBS = {
  async open({ id, model, headers, threads }) {
    // Threads need memory that they can share: the server's headers give it to the page.
    ort.env.wasm.numThreads = self.crossOriginIsolated ? threads : 1;
    const bytes = await fetched(model, headers, (progress) => self.postMessage({ id, progress }));
    network = await openNetwork(ort, bytes, model);
  },

  async matte({ image, refine, keep, drop }) {
    return guided(await matte(imageOf(image), network, refine), keep, drop).data;
  },

  async foreground({ image, alpha }) {
    return estimateForeground(imageOf(image), packed(alpha, image.height, image.width));
  },
};

/** A network's bytes. The browser keeps them, and asks with their ETag whether they are still so. */
async function fetched({ file, bytes }, headers, tell) {
  const answer = await fetch(file, { headers, cache: "no-cache" }).catch(() => {
    throw new Error(`the network could not be loaded: the server does not answer (${file})`);
  });
  if (!answer.ok) {
    const error = new Error(`the network could not be loaded (${answer.status}, ${file})`);
    throw Object.assign(error, { status: answer.status });
  }
  // Content-Length is that of compressed bytes, where the server compresses.
  const total = bytes || Number(answer.headers.get("Content-Length"));
  const parts = [];
  let length = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    length += value.length;
    if (total) tell(Math.min(1, length / total));
  }
  return joined(parts, length);
}

function joined(parts, length) {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

async function answer({ id, verb, ...question }) {
  try {
    const value = await VERBS[verb]({ id, ...question });
    self.postMessage({ id, value }, value ? [value.buffer] : []);
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    self.postMessage({ id, error: words, status: error.status });
  }
}

// One after the other: a session runs one batch at a time, and pictures together would not fit.
let last = Promise.resolve();
self.onmessage = ({ data }) => {
  last = last.then(() => answer(data));
};
