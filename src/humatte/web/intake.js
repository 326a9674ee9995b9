// Pictures come in: chosen, dropped, pasted, or taken by the camera.

import { enqueue } from "./queue.js";
import { announce, byId, say, state } from "./state.js";

let number = 0;

let ready = Promise.resolve();

/** Adds files to the list and begins with them. */
export async function add(files) {
  const taken = [...files]; // the browser empties its own list
  await ready;
  const items = taken.map((file) => ({
    id: (number += 1),
    name: file.name || `picture ${number}`,
    file,
    here: state.here,
    state: "waiting",
    words: "Waiting",
    strokes: [],
    undone: [],
    cutout: null,
    progress: null,
  }));
  if (!items.length) return;
  state.items.push(...items);
  say("items");
  if (!state.open) open(items[0]);
  announce(items.length === 1 ? `${items[0].name} was added.` : `${items.length} pictures were added.`);
  items.forEach(enqueue);
}

/** Shows an item in the large view; null for none. */
export function open(item) {
  state.open = item;
  say("open", item);
}

/** @param {Promise<void>} settled until then it is not known whether pictures may be sent */
export function startIntake(settled) {
  ready = settled;
  const chooser = byId("files");
  for (const button of document.querySelectorAll("[data-choose]")) {
    button.onclick = () => chooser.click();
  }
  chooser.onchange = () => {
    add(chooser.files);
    chooser.value = ""; // the same file may be chosen again
  };
  document.addEventListener("paste", (event) => {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    add(files);
  });
  startDrop();
}

function startDrop() {
  const cover = byId("dropping");
  let depth = 0; // dragenter and dragleave come for every element below the pointer
  const withFiles = (event) => event.dataTransfer.types.includes("Files");
  const show = (change) => {
    depth = change === 0 ? 0 : Math.max(0, depth + change);
    cover.hidden = depth === 0;
  };
  document.addEventListener("dragenter", (event) => withFiles(event) && show(1));
  document.addEventListener("dragleave", (event) => withFiles(event) && show(-1));
  document.addEventListener("dragover", (event) => withFiles(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!withFiles(event)) return;
    event.preventDefault();
    show(0);
    byId("tab-pictures").click();
    add(event.dataTransfer.files);
  });
}
