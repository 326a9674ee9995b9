// Files out: the open picture, or all of them as a ZIP.

import { zip } from "./engine/zip.js";
import { choices, finished } from "./make.js";
import { announce, byId, on, state } from "./state.js";

const KEEP_MS = 60_000; // a browser may still be reading a file that was handed to it

export function startDownload() {
  byId("format").onchange = () => {
    state.format = byId("format").value;
  };
  state.format = byId("format").value;
  byId("download").onclick = () => busy(byId("download"), one);
  byId("download-all").onclick = () => busy(byId("download-all"), all);
  for (const topic of ["items", "item", "open", "look"]) on(topic, show);
  show();
}

function show() {
  const clear = state.background.kind === "none";
  const [jpeg] = byId("format").querySelectorAll("[value=jpg]");
  jpeg.disabled = clear;
  if (clear && state.format === "jpg") {
    byId("format").value = "png";
    state.format = "png";
  }
  const working = byId("download").ariaBusy === "true" || byId("download-all").ariaBusy === "true";
  const done = state.items.filter((item) => item.cutout).length;
  byId("download").disabled = working || !state.open?.cutout;
  byId("download-all").disabled = working || done < 2;
  byId("download-all").textContent = done > 1 ? `Download all ${done} as ZIP` : "Download all as ZIP";
}

async function busy(button, action) {
  const hadFocus = document.activeElement === button;
  button.ariaBusy = "true";
  show();
  try {
    await action();
  } catch (error) {
    tell(error.message);
  } finally {
    button.ariaBusy = "false";
    show();
    // A disabled button loses it; who went on meanwhile keeps theirs.
    if (hadFocus && document.activeElement === document.body) button.focus();
  }
}

function tell(words) {
  byId("save-words").textContent = words;
}

async function one() {
  const item = state.open;
  const asked = choices();
  const name = nameOf(item, asked);
  tell("Making the file…");
  const { blob, warnings } = await finished(item, asked, heldBy());
  save(blob, name);
  tell([`${name} is ready.`, ...warnings].join(" "));
}

async function all() {
  const items = state.items.filter((item) => item.cutout);
  const asked = choices();
  const files = [];
  const left = []; // to be said
  for (const [number, item] of items.entries()) {
    tell(`Making file ${number + 1} of ${items.length}…`);
    try {
      const { blob, warnings } = await finished(item, asked, heldBy());
      files.push({ name: nameOf(item, asked), blob });
      for (const words of warnings) left.push(`${item.name}: ${words}`);
    } catch (error) {
      left.push(`${item.name}: ${error.message}`);
    }
  }
  if (files.length) save(await zip(files), "humatte.zip");
  const words = `${files.length} ${files.length === 1 ? "picture is" : "pictures are"} in humatte.zip.`;
  tell([words, ...left].join(" "));
  announce(words);
}

const heldBy = () => ({ held: (seconds) => tell(`The server is busy; trying again in ${seconds} s`) });

function nameOf({ name }, { format }) {
  return `${name.replace(/\.[^.]{1,5}$/, "")}.cutout.${format}`;
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEEP_MS);
}
