// The brush: what is painted is kept or removed, with the mouse, fingers or keys.

import { change, enqueueSoon } from "./queue.js";
import { announce, byId, on, state } from "./state.js";
import { drawStrokes } from "./strokes.js";

const TINTS = { keep: "rgb(24 160 120)", drop: "rgb(214 64 60)" };
const STROKES = ["undo", "redo", "clear"]; // buttons
const KEY_STEP = 0.02; // of the long side

/** `kind`: keep, drop or null; `size`: share of the long side; `at`: [x, y] shares, or null. */
export const brush = { kind: null, size: 0.06, at: null, stroke: null };
let redraw = () => {};

/** @param {() => void} moved something must be drawn anew */
export function startBrush(moved) {
  redraw = moved;
  for (const kind of ["keep", "drop"]) {
    byId(`brush-${kind}`).onclick = ({ detail }) => {
      choose(brush.kind === kind ? null : kind);
      if (brush.kind && detail === 0) byId("stage").focus(); // by a key: keys paint there
    };
  }
  byId("brush-size").oninput = () => {
    brush.size = 0.005 * 40 ** (byId("brush-size").value / 100); // 0.5 to 20 %
    moved();
  };
  byId("brush-size").oninput();
  byId("undo").onclick = () => take("strokes", "undone", "Undone");
  byId("redo").onclick = () => take("undone", "strokes", "Redone");
  byId("clear").onclick = () => {
    change(state.open, { strokes: [], undone: [] });
    after("Strokes cleared");
  };
  on("open", () => {
    brush.stroke = null;
    brush.at = null;
    buttons();
  });
  on("item", (item) => item === state.open && buttons());
  buttons();
}

function choose(kind) {
  brush.kind = kind;
  brush.at = null;
  for (const each of ["keep", "drop"]) byId(`brush-${each}`).ariaPressed = String(each === kind);
  byId("stage").classList.toggle("brushing", Boolean(kind));
  if (kind) announce(`Brush: ${kind === "keep" ? "keep" : "remove"}. The whole picture is shown.`);
  redraw();
}

function buttons() {
  const item = state.open;
  const can = Boolean(item?.width && item.cutout);
  for (const id of ["brush-keep", "brush-drop", "brush-size"]) byId(id).disabled = !can;
  if (!can && brush.kind) choose(null);
  const focused = document.activeElement;
  byId("undo").disabled = !item?.strokes.length;
  byId("redo").disabled = !item?.undone.length;
  byId("clear").disabled = !item?.strokes.length;
  // A disabled button would lose the focus: keys go on in the picture.
  if (STROKES.includes(focused.id) && focused.disabled) byId("stage").focus();
}

function take(from, to, words) {
  const item = state.open;
  item[to].push(item[from].pop());
  after(words);
}

/** The matte is made anew, a little later. */
function after(words) {
  announce(words);
  redraw();
  enqueueSoon(state.open);
}

export function begin(point) {
  brush.at = point;
  brush.stroke = { kind: brush.kind, size: brush.size, points: [point] };
  redraw();
}

export function move(point) {
  brush.at = point;
  brush.stroke?.points.push(point);
  redraw();
}

export function end() {
  const item = state.open;
  if (!brush.stroke) return;
  item.strokes.push(brush.stroke);
  item.undone = [];
  brush.stroke = null;
  after(brush.kind === "keep" ? "Painted to keep" : "Painted to remove");
}

export function cancel() {
  brush.stroke = null;
  redraw();
}

/** Shows where the brush is; null when it has left the stage. */
export function hover(point) {
  if (!brush.kind || brush.stroke) return;
  brush.at = point;
  redraw();
}

/** Keys of the stage while a brush is chosen; true when one was meant. */
export function brushKey(event) {
  const { width, height } = state.open;
  const long = Math.max(width, height);
  const step = KEY_STEP * (event.shiftKey ? 5 : 1);
  const way = {
    ArrowLeft: [-step, 0],
    ArrowRight: [step, 0],
    ArrowUp: [0, -step],
    ArrowDown: [0, step],
  }[event.key];
  if (way) {
    const [x, y] = brush.at ?? [0.5, 0.5];
    const to = [x + (way[0] * long) / width, y + (way[1] * long) / height];
    move(to.map((share) => Math.min(1, Math.max(0, share))));
  } else if (event.key === " " || event.key === "Enter") {
    if (event.repeat) return true;
    if (!brush.stroke) begin(brush.at ?? [0.5, 0.5]);
    else if (event.key === "Enter") end();
  } else if (event.key === "Escape") {
    if (brush.stroke) cancel();
    else leave();
  } else {
    return false;
  }
  return true;
}

function leave() {
  byId(`brush-${brush.kind}`).focus();
  choose(null);
}

/** Draws what was painted, and the brush itself, over the picture's `width` by `height` pixels. */
export function drawBrush(pen, { x, y, width, height }) {
  const strokes = brush.stroke ? [...state.open.strokes, brush.stroke] : state.open.strokes;
  for (const kind of ["keep", "drop"]) {
    if (!strokes.some((stroke) => stroke.kind === kind)) continue;
    const sheet = new OffscreenCanvas(Math.max(1, Math.round(width)), Math.max(1, Math.round(height)));
    drawStrokes(sheet.getContext("2d"), strokes, kind, sheet.width, sheet.height, TINTS[kind]);
    pen.globalAlpha = 0.45;
    pen.drawImage(sheet, x, y, width, height);
    pen.globalAlpha = 1;
  }
  if (brush.at) drawRing(pen, x + brush.at[0] * width, y + brush.at[1] * height, (brush.size * Math.max(width, height)) / 2);
}

function drawRing(pen, x, y, radius) {
  for (const [line, colour] of [[4, "rgb(0 0 0 / 60%)"], [2, brush.kind === "drop" ? "#ff8a84" : "#7ce8c8"]]) {
    pen.lineWidth = line;
    pen.strokeStyle = colour;
    pen.beginPath();
    pen.arc(x, y, Math.max(2, radius), 0, 2 * Math.PI);
    pen.stroke();
  }
}
