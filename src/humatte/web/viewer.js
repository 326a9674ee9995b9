// The large view: the photo before the slider, the person over the background behind it.

import { drawBehind } from "./behind.js";
import * as brushes from "./brush.js";
import { frameOf } from "./framing.js";
import * as pixels from "./pixels.js";
import { framedByServer, noPassport } from "./make.js";
import { placeSplit, split, startSplit } from "./split.js";
import { byId, on, say, state } from "./state.js";
import * as zoom from "./zoom.js";

const SMALL = 1600; // long side of what is shown until somebody zooms in
const FULL = 4096;
const TILE = 12; // CSS pixels of the checkerboard
const { brush } = brushes;

/** What is loaded of the open picture; bitmaps are closed when another is opened. */
let shown = empty(null);
let frameRequest = 0;

function empty(item) {
  return { item, photo: null, cut: null, cutFile: null, blur: null, blurKey: "", framed: null, framedKey: "", words: "" };
}

/** What is loaded of the open picture; null while nothing is. */
const loaded = () => shown.photo ?? shown.cut;

export function startViewer() {
  const stage = byId("stage");
  startSplit(redraw);
  brushes.startBrush(redraw);
  zoom.startGestures(stage, redraw, {
    wants: () => Boolean(brush.kind && loaded()),
    begin: (point) => brushes.begin(shareOf(point)),
    move: (point) => loaded() && brushes.move(shareOf(point)),
    end: brushes.end,
    cancel: brushes.cancel,
    hover: (point) => brushes.hover(point && loaded() ? shareOf(point) : null),
  });
  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!loaded()) return;
    if (!((brush.kind && brushes.brushKey(event)) || zoom.zoomKey(event.key))) return;
    event.preventDefault();
    redraw();
  });
  stage.addEventListener("keyup", (event) => event.key === " " && brushes.end());
  const does = { "zoom-in": () => zoom.zoomBy(1.5), "zoom-out": () => zoom.zoomBy(1 / 1.5), "zoom-fit": zoom.fit, "zoom-full": zoom.full };
  for (const [id, action] of Object.entries(does)) {
    byId(id).onclick = () => {
      action();
      redraw();
    };
  }
  new ResizeObserver(redraw).observe(stage);
  on("open", renew);
  on("item", (item) => item === state.open && renew());
  on("look", renew);
}

function close({ photo, cut, blur, framed }) {
  for (const bitmap of [photo?.bitmap, photo?.full, cut?.bitmap, cut?.full, blur, framed]) bitmap?.close();
}

/** Loads what the open picture and the look need, then draws. */
async function renew() {
  const item = state.open;
  if (shown.item !== item) {
    close(shown);
    shown = empty(item);
    zoom.place.fitted = true;
  }
  const mine = shown;
  redraw();
  if (!item) return;
  if (!mine.photoAsked) {
    mine.photoAsked = true;
    const photo = await pixels.look(item.file, SMALL).catch(() => null);
    if (mine !== shown) return photo?.bitmap.close();
    mine.photo = photo;
    mine.unseen = !photo; // TIFF: the server reads it, this browser does not
    sized(item, photo);
  }
  try {
    if (item.cutout && mine.cutFile !== item.cutout) await loadCut(mine, item);
    if (mine === shown) await loadLook(mine, item);
  } catch (error) {
    mine.words = error.message;
  }
  if (mine === shown) redraw();
}

function sized(item, seen) {
  if (!seen || item.width) return;
  Object.assign(item, { width: seen.width, height: seen.height });
  say("item", item);
}

async function loadCut(mine, item) {
  const file = item.cutout;
  mine.cutFile = file;
  const cut = await pixels.lookAtCutout(file, SMALL);
  if (mine !== shown || mine.cutFile !== file) return cut.bitmap.close();
  mine.cut?.bitmap.close();
  mine.cut?.full?.close();
  mine.cut = cut;
  mine.words = "";
  item.subject = cut.subject;
  sized(item, cut);
}

/** What only some looks need: the blurred photo, the server's passport frame. */
async function loadLook(mine, item) {
  const { kind, blur } = state.background;
  const blurKey = `${item.version} ${blur}`;
  if (kind === "blur" && mine.cut && mine.photo && mine.blurKey !== blurKey) {
    mine.blurKey = blurKey;
    const made = await pixels.blurred(item.file, item.cutout, blur / 100);
    if (mine !== shown || mine.blurKey !== blurKey) return made.close();
    mine.blur?.close();
    mine.blur = made;
  }
  const framedKey = `${item.version} ${state.crop}`;
  if (state.crop === "passport" && mine.cut && !noPassport(item) && mine.framedKey !== framedKey) {
    mine.framedKey = framedKey;
    const made = await framedByServer(item, SMALL);
    if (mine !== shown || mine.framedKey !== framedKey) return made?.close();
    mine.framed?.close();
    mine.framed = made;
  }
}

/** The frame that is shown, in pixels of the picture; `own` when it is a picture of its own. */
function frame() {
  const size = loaded();
  const whole = { left: 0, top: 0, width: size.width, height: size.height };
  if (brush.kind || !shown.cut) return whole;
  if (state.crop === "passport") {
    if (!shown.framed || noPassport(state.open)) return whole;
    return { left: 0, top: 0, width: shown.framed.width, height: shown.framed.height, own: true };
  }
  return frameOf(size, shown.cut.subject, state.crop, state.background.kind === "blur");
}

export function redraw() {
  if (frameRequest) return;
  frameRequest = requestAnimationFrame(() => {
    frameRequest = 0;
    draw();
  });
}

function draw() {
  const stage = byId("stage");
  const canvas = byId("view");
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = stage;
  if (!width) return; // another tab is open
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  tell();
  if (!loaded()) return placeSplit(null);
  const part = frame();
  zoom.resize({ width, height }, part);
  byId("zoom").textContent = `${zoom.percent()} %`;
  // A finger that neither paints nor pans may scroll the page.
  stage.style.touchAction = zoom.place.fitted && !brush.kind ? "pan-y" : "none";
  wantFull(ratio);
  pen.imageSmoothingQuality = "high";
  pen.imageSmoothingEnabled = zoom.percent() < 300; // single pixels are seen as such
  if (brush.kind) drawToPaint(pen, part);
  else drawSplit(pen, part, width);
}

function inFrame(pen, part, from, to, action) {
  const { scale, x, y } = zoom.place;
  pen.save();
  pen.translate(x, y);
  pen.beginPath();
  pen.rect(from * scale * part.width, 0, (to - from) * scale * part.width, scale * part.height);
  pen.clip();
  checkers(pen, scale * part.width, scale * part.height);
  pen.scale(scale, scale);
  action();
  pen.restore();
}

function drawSplit(pen, part, stageWidth) {
  const both = shown.photo && shown.cut && !part.own;
  const { scale, x, y } = zoom.place;
  const width = scale * part.width;
  // Zoomed in, the slider runs over what is seen.
  const left = Math.max(0, x);
  const over = { left, width: Math.min(stageWidth, x + width) - left };
  const seam = over.left + split.share * over.width;
  const share = both ? (seam - x) / width : shown.cut ? 0 : 1;
  if (share > 0) inFrame(pen, part, 0, share, () => whole(pen, part, shown.photo));
  if (share < 1) inFrame(pen, part, share, 1, () => result(pen, part));
  placeSplit(both ? over : null);
  if (both) drawSeam(pen, seam, y, scale * part.height);
}

function drawSeam(pen, x, y, height) {
  pen.fillStyle = "rgb(0 0 0 / 35%)";
  pen.fillRect(x - 1.5, y, 3, height);
  pen.fillStyle = "#fff";
  pen.fillRect(x - 0.75, y, 1.5, height);
}

function result(pen, part) {
  const { background } = state;
  const size = part.own ? part : shown.cut;
  drawBehind(pen, part, size, background, background.kind === "blur" ? shown.blur : background.bitmap);
  if (part.own) pen.drawImage(shown.framed, 0, 0);
  else whole(pen, part, shown.cut);
}

function whole(pen, part, seen) {
  pen.drawImage(seen.full ?? seen.bitmap, -part.left, -part.top, seen.width, seen.height);
}

/** The photo faint under the person: what can be painted back is seen. */
function drawToPaint(pen, part) {
  placeSplit(null);
  inFrame(pen, part, 0, 1, () => {
    pen.globalAlpha = 0.3;
    if (shown.photo) whole(pen, part, shown.photo);
    pen.globalAlpha = 1;
    if (shown.cut) whole(pen, part, shown.cut);
  });
  const { scale, x, y } = zoom.place;
  brushes.drawBrush(pen, { x, y, width: scale * part.width, height: scale * part.height });
}

function checkers(pen, width, height) {
  const style = getComputedStyle(byId("stage"));
  checkers.pattern ??= {};
  const key = style.getPropertyValue("--check-a") + style.getPropertyValue("--check-b");
  checkers.pattern[key] ??= pen.createPattern(tiles(style), "repeat");
  pen.fillStyle = checkers.pattern[key];
  pen.fillRect(0, 0, width, height);
}

function tiles(style) {
  const tile = new OffscreenCanvas(2 * TILE, 2 * TILE);
  const pen = tile.getContext("2d");
  pen.fillStyle = style.getPropertyValue("--check-a");
  pen.fillRect(0, 0, 2 * TILE, 2 * TILE);
  pen.fillStyle = style.getPropertyValue("--check-b");
  pen.fillRect(0, 0, TILE, TILE);
  pen.fillRect(TILE, TILE, TILE, TILE);
  return tile;
}

function shareOf({ x, y }) {
  const { width, height } = loaded();
  const { place } = zoom;
  return [(x - place.x) / place.scale / width, (y - place.y) / place.scale / height];
}

/** Fetches finer bitmaps once the small ones are seen to be small. */
function wantFull(ratio) {
  for (const [what, file] of [["photo", state.open.file], ["cut", shown.cutFile]]) {
    const seen = shown[what];
    if (!seen || seen.full || seen.asked) continue;
    if (zoom.place.scale * ratio * seen.width <= seen.bitmap.width * 1.1) continue;
    if (seen.bitmap.width >= seen.width) continue;
    seen.asked = true;
    pixels.look(file, FULL).then((finer) => {
      if (shown[what] !== seen) return finer.bitmap.close();
      seen.full = finer.bitmap;
      redraw();
    }, (error) => {
      shown.words = error.message;
      redraw();
    });
  }
}

/** Says in the stage why there is nothing to see, or that it is being renewed. */
function tell() {
  const item = state.open;
  const words = byId("stage-words");
  const busy = item && item.state !== "done";
  const unseen = shown.unseen ? "This browser cannot show the original." : "";
  words.textContent = busy ? item.words : shown.words || unseen;
  words.classList.toggle("wrong", item?.state === "failed");
  words.classList.toggle("busy", Boolean(busy && item.state !== "failed"));
  byId("stage").setAttribute("aria-label", item ? `${item.name}, large` : "No picture");
}
