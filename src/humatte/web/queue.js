// Pictures through the network, on the server or in the page, a few at a time.

import * as pixels from "./pixels.js";
import { engine, forget } from "./private.js";
import { post } from "./server.js";
import { NoToken } from "./token.js";
import { announce, on, say, state } from "./state.js";

const LANES = { server: 2, page: 1 }; // the server has a queue of its own; a page has one network
const SOON_MS = 350; // strokes that follow each other quickly are sent together
const LEAST_PERSON = 0.002; // of the picture, as the library counts somebody as there
const running = { server: 0, page: 0 };
const lines = { server: [], page: [] };

/** Cuts an item out, or again after its strokes, the network or the edges have changed. */
export function enqueue(item) {
  stop(item);
  const lane = item.here ? "page" : "server";
  change(item, { state: "waiting", words: "Waiting", progress: null });
  lines[lane].push(item);
  next(lane);
}

/** The same a little later: more may change meanwhile. It waits from now on. */
export function enqueueSoon(item) {
  stop(item);
  change(item, { state: "waiting", words: "Waiting", progress: null });
  item.later = setTimeout(() => enqueue(item), SOON_MS);
}

/**
 * Waits until an item is cut out as it was asked last.
 * @throws {Error} it failed, or was removed; in words
 */
export function settled(item) {
  return new Promise((resolve, reject) => {
    const ends = [];
    const look = () => {
      const removed = !state.items.includes(item);
      if (!removed && item.state !== "done" && item.state !== "failed") return;
      for (const end of ends) end();
      if (removed) reject(new Error(`${item.name} was removed.`));
      else if (item.state === "failed") reject(new Error(item.words));
      else resolve();
    };
    ends.push(on("item", look), on("items", look));
    look();
  });
}

/** Nothing more is done for an item. */
export function stop(item) {
  clearTimeout(item.later);
  item.run?.abort();
  item.run = null;
  for (const line of Object.values(lines)) {
    if (line.includes(item)) line.splice(line.indexOf(item), 1);
  }
}

export function change(item, values) {
  Object.assign(item, values);
  say("item", item);
}

// What was not done yet is done in the page; what is done stays, and is renewed there.
on("here", () => {
  if (!state.here) return;
  for (const item of state.items.filter(({ here }) => !here)) {
    const waits = !["done", "failed"].includes(item.state);
    if (waits) stop(item);
    item.here = true;
    if (waits) enqueue(item);
    else say("item", item);
  }
});

on("run", () => state.items.filter((item) => item.state !== "failed").forEach(enqueue));

async function next(lane) {
  if (running[lane] >= LANES[lane] || !lines[lane].length) return;
  const item = lines[lane].shift();
  const run = new AbortController();
  item.run = run;
  running[lane] += 1;
  try {
    const made = await (item.here ? inPage(item, run.signal) : onServer(item, run.signal));
    if (!run.signal.aborted) finished(item, made);
  } catch (error) {
    if (!run.signal.aborted) failed(item, error);
  } finally {
    running[lane] -= 1;
    next(lane);
  }
  next(lane);
}

function finished(item, { blob, person, warnings }) {
  const words = person ? warnings.join(" ") || "Ready" : "Nobody was found in it";
  item.version = (item.version ?? 0) + 1;
  change(item, { state: "done", cutout: blob, subject: null, words, progress: null });
  announce(`${item.name}: ${words}`);
}

function failed(item, error) {
  // A file that is no picture stays one; a server that did not answer may.
  const again = !(error.status >= 400 && error.status < 500);
  change(item, { state: "failed", words: error.message, progress: null, again });
  announce(`${item.name} failed: ${error.message}`);
  // Who does not give the token is not asked for it again for each that waits.
  if (error instanceof NoToken) for (const each of lines.server.splice(0)) failed(each, error);
}

async function onServer(item, signal) {
  const body = await bodyOf(item);
  signal.throwIfAborted();
  item.sent = true;
  const answer = await post("/v1/cutout", body, {
    query: { background: "none", format: "png", refine: state.refine, model: state.model },
    signal,
    ...tells(item),
  });
  return {
    blob: answer.blob,
    person: answer.header("X-Humatte-Person") !== "no",
    warnings: answer.warnings,
  };
}

/** How an item tells of its request. */
function tells(item) {
  return {
    progress: (share) =>
      share < 1
        ? change(item, { state: "sending", words: `Sending, ${Math.round(100 * share)} %`, progress: share })
        : change(item, { state: "working", words: "Cutting out", progress: null }),
    held: (seconds) =>
      change(item, {
        state: "held",
        words: `The server is busy; trying again in ${seconds} s`,
        progress: null,
      }),
  };
}

/** What is sent of an item: its file alone, or with its hints and `more` files. */
export async function bodyOf(item, more = {}) {
  const parts = { ...more };
  if (item.strokes.length) {
    Object.assign(parts, await pixels.drawnFiles(item.strokes, item.width, item.height));
  }
  const files = Object.entries(parts).filter(([, file]) => file);
  if (!files.length) return item.file;
  const form = new FormData();
  form.append("image", item.file, "image");
  for (const [name, file] of files) form.append(name, file, name);
  return form;
}

async function inPage(item, signal) {
  change(item, { state: "working", words: "Cutting out in this page", progress: null });
  const network = await engine();
  const { width, height, data, own } = await pixels.pixels(item.file);
  signal.throwIfAborted();
  const image = new ImageData(data, width, height);
  const hints = item.strokes.length
    ? await pixels.drawn(item.strokes, width, height)
    : { keep: null, drop: null };
  let cut;
  try {
    const alpha = await network.matte(image, { refine: state.refine, ...hints });
    signal.throwIfAborted();
    cut = await network.foreground(image, alpha);
  } catch (error) {
    if (!signal.aborted) forget(network); // a worker that failed answers no more
    throw error;
  }
  const made = await pixels.packed(cut, own);
  return { blob: made.blob, person: made.inside >= LEAST_PERSON, warnings: [] };
}
