// What the page knows: pictures, the chosen look, how to run. Others change it and say so.

/**
 * A picture: {id, name, file, here, state, words, progress, cutout, width, height, strokes, undone, …}.
 * `here`: it is worked on in this page and not sent any more, whatever the switch says later.
 * `sent`: it went to the server before, or began to.
 * `state`: waiting, sending, working, held (the server is busy), done, failed.
 * `cutout`: the person on transparency, a PNG; stays while it is renewed.
 */
export const state = {
  items: [],
  open: null,
  tab: "pictures",
  // `here`: its picture is not sent.
  background: { kind: "none", colour: "#ffffff", picture: null, bitmap: null, here: false, blur: 2 },
  crop: "whole",
  format: "png",
  model: null,
  models: [],
  refine: "detail",
  here: false, // private mode: nothing is sent
};

const bus = new EventTarget();

/**
 * Calls `action(detail)` when `topic` was said: items, item, open, look, run, tab, here.
 * @returns {() => void} ends it
 */
export function on(topic, action) {
  const heard = (event) => action(event.detail);
  bus.addEventListener(topic, heard);
  return () => bus.removeEventListener(topic, heard);
}

export function say(topic, detail) {
  bus.dispatchEvent(new CustomEvent(topic, { detail }));
}

let waiting = [];

/** A sentence for screen readers; several at once follow each other. */
export function announce(words) {
  waiting.push(words);
  if (waiting.length > 1) return;
  setTimeout(() => {
    document.getElementById("news").textContent = waiting.join(" ");
    waiting = [];
  }, 150);
}

export const byId = (id) => document.getElementById(id);
