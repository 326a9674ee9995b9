// The list of pictures: a button each, with its state in words and a way to remove it.

import { open } from "./intake.js";
import * as pixels from "./pixels.js";
import { enqueue, stop } from "./queue.js";
import { announce, byId, on, say, state } from "./state.js";

const THUMB_PX = 176; // twice what is shown, for fine screens
const rows = new Map();

export function startStrip() {
  on("items", renew);
  on("item", show);
  on("open", () => state.items.forEach(show));
}

function renew() {
  const list = byId("list");
  for (const [item, row] of rows) {
    if (state.items.includes(item)) continue;
    row.element.remove();
    rows.delete(item);
  }
  for (const item of state.items) {
    if (rows.has(item)) continue;
    const row = made(item);
    rows.set(item, row);
    list.append(row.element);
    show(item);
  }
  byId("pictures").classList.toggle("empty", !state.items.length);
}

function made(item) {
  const element = document.createElement("li");
  element.innerHTML = `
    <button type="button" class="open">
      <canvas width="1" height="1" aria-hidden="true"></canvas>
      <span class="name"></span>
      <span class="state"></span>
      <progress max="1" aria-hidden="true" hidden></progress>
    </button>
    <button type="button" class="again" hidden>Try again</button>
    <button type="button" class="icon remove"><svg aria-hidden="true"><use href="#i-close"/></svg></button>`;
  const find = (name) => element.querySelector(name);
  find(".name").textContent = item.name;
  find(".name").title = item.name;
  find(".remove").ariaLabel = `Remove ${item.name}`;
  find(".remove").onclick = () => remove(item);
  find(".open").onclick = () => open(item);
  find(".again").ariaLabel = `Try ${item.name} again`;
  find(".again").onclick = () => enqueue(item);
  return { element, find, pictured: null };
}

function show(item) {
  const row = rows.get(item);
  if (!row) return; // it was removed meanwhile
  const { element, find } = row;
  element.dataset.state = item.state;
  find(".open").setAttribute("aria-current", String(item === state.open));
  find(".state").textContent = item.words + (item.here && !item.sent && item.state === "done" ? ", never sent" : "");
  find(".again").hidden = item.state !== "failed" || !item.again;
  const bar = find("progress");
  bar.hidden = !["sending", "working"].includes(item.state);
  if (item.progress === null) bar.removeAttribute("value");
  else bar.value = item.progress;
  const file = item.cutout ?? item.file;
  if (row.pictured !== file) {
    row.pictured = file;
    picture(row, file);
  }
}

async function picture(row, file) {
  const seen = await pixels.look(file, THUMB_PX).catch(() => null); // a wrong file has no picture
  if (!seen) return;
  if (row.pictured === file) {
    const canvas = row.find("canvas");
    canvas.width = seen.bitmap.width;
    canvas.height = seen.bitmap.height;
    canvas.getContext("2d").drawImage(seen.bitmap, 0, 0);
  }
  seen.bitmap.close();
}

function remove(item) {
  stop(item);
  const at = state.items.indexOf(item);
  state.items.splice(at, 1);
  say("items");
  const near = state.items[Math.min(at, state.items.length - 1)] ?? null;
  if (state.open === item) open(near);
  announce(`${item.name} was removed.`);
  // The focus was on a button that is gone.
  (near ? rows.get(near).find(".open") : document.querySelector("#welcome [data-choose]")).focus();
}
