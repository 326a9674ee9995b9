// Requests to the server: progress, its token, its "not now", its errors in words.

import { state } from "./state.js";
import { askToken, cancelled, token } from "./token.js";

export class Refused extends Error {
  /** What the server said no with: a line for a person. */
  constructor(message, status = 0) {
    super(message);
    this.status = status;
  }
}

const LONGEST_WAIT_S = 60;

/** Where pictures are sent, as a person would say it. */
export function address() {
  const own = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  return location.host + (own ? " (this computer)" : "");
}

const going = new Set(); // ends of what is being sent, or waits to be

/** Nothing of what is being sent goes on. */
export function stopSending() {
  for (const each of going) each.abort();
}

/**
 * Sends a picture, never while private mode is on; waits while the server is busy, and asks for its token.
 * @param {string} path as "/v1/cutout"
 * @param {Blob|FormData} body
 * @param {{query?: object, signal?: AbortSignal, progress?: (share: number) => void,
 *   held?: (seconds: number) => void}} how
 *   `progress` is called with what share was sent, `held` every second of waiting.
 * @returns {Promise<{blob: Blob, warnings: string[], header: (name: string) => string|null}>}
 *   `warnings` are sentences
 */
export async function post(path, body, { query = {}, signal, progress, held } = {}) {
  const own = new AbortController();
  const end = () => own.abort();
  signal?.addEventListener("abort", end);
  going.add(own);
  try {
    if (signal?.aborted || state.here) throw stopped();
    return await sent(urlOf(path, query), body, own.signal, progress, held);
  } finally {
    going.delete(own);
    signal?.removeEventListener("abort", end);
  }
}

const stopped = () => new DOMException("Private mode is on: this was not sent.", "AbortError");

function urlOf(path, query) {
  const words = new URLSearchParams(
    Object.entries(query).filter(([, value]) => value !== null && value !== undefined),
  ).toString();
  return words ? `${path}?${words}` : path;
}

async function sent(url, body, signal, progress, held) {
  for (;;) {
    const before = cancelled();
    const used = token();
    const answer = await send(url, body, signal, progress);
    if (answer.status === 200) return { ...answer, warnings: warningsOf(answer) };
    if (answer.status === 401) {
      await askToken(used, before);
      if (signal.aborted) throw stopped();
    } else if (answer.status === 429 || (answer.status === 503 && answer.header("Retry-After"))) {
      await hold(answer.header("Retry-After"), held, signal);
    } else {
      throw new Refused(await inWords(answer), answer.status);
    }
  }
}

/** GETs JSON. */
export async function get(path) {
  for (;;) {
    const used = token();
    const answer = await fetch(path, { headers: authorization() }).catch(() => {
      throw new Refused(unreachable());
    });
    if (answer.ok) return answer.json();
    if (answer.status !== 401) {
      throw new Refused(`${path} cannot be read (${answer.status}).`, answer.status);
    }
    await askToken(used);
  }
}

export function authorization() {
  return token() ? { Authorization: `Bearer ${token()}` } : {};
}

// fetch cannot say how much of a body was sent.
function send(url, body, signal, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.responseType = "blob";
    for (const [name, value] of Object.entries(authorization())) {
      request.setRequestHeader(name, value);
    }
    if (body instanceof Blob && !body.type.startsWith("image/")) {
      request.setRequestHeader("Content-Type", "application/octet-stream");
    }
    if (progress) request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () =>
      resolve({
        status: request.status,
        blob: request.response,
        header: (name) => request.getResponseHeader(name),
      });
    request.onerror = () => reject(new Refused(unreachable()));
    request.onabort = () => reject(stopped());
    signal.addEventListener("abort", () => request.abort(), { once: true });
    request.send(body);
  });
}

const unreachable = () =>
  `The server at ${location.host} does not answer. Check that it still runs, then try again.`;

async function hold(after, held, signal) {
  const seconds = Math.min(LONGEST_WAIT_S, Math.max(1, Number.parseInt(after, 10) || 1));
  for (let left = seconds; left > 0; left -= 1) {
    held?.(left);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (signal.aborted) throw stopped();
  }
}

function warningsOf(answer) {
  const words = answer.header("X-Humatte-Warning");
  return words ? words.split(/,\s*/).map((each) => sentence(decodeURIComponent(each))) : [];
}

async function inWords(answer) {
  const text = await answer.blob.text();
  try {
    return sentence(JSON.parse(text).error.message);
  } catch {
    return `The server refused it (${answer.status}).`;
  }
}

const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1) + (/[.!?]$/.test(words) ? "" : ".");
