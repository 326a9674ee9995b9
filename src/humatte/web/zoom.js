// Where the picture lies in the stage: fit, 100 %, wheel, pinch, pan, keys.

const GAP = 20; // CSS pixels around a fitted picture
const MOST = 16; // device pixels a picture's pixel
const STEP = 1.25;

/** `scale`: CSS pixels a picture's pixel; `x`, `y`: the frame's upper left corner in the stage. */
export const place = { scale: 1, x: 0, y: 0, fitted: true };

let frame = { width: 1, height: 1 };
let stage = { width: 1, height: 1 };
const ratio = () => window.devicePixelRatio || 1;

/** The stage's or the frame's size has changed. */
export function resize(newStage, newFrame) {
  const same = newFrame.width === frame.width && newFrame.height === frame.height;
  stage = newStage;
  frame = newFrame;
  if (place.fitted || !same) fit();
  else keepInside();
}

export function fit() {
  const gap = Math.min(GAP, stage.width / 12);
  const scale = Math.min(
    (stage.width - 2 * gap) / frame.width,
    (stage.height - 2 * gap) / frame.height,
    2, // a small picture is not blown up
  );
  Object.assign(place, { scale: Math.max(scale, 1e-3), fitted: true });
  center();
}

/** Every pixel of the picture on one of the screen. */
export function full() {
  zoomBy(1 / ratio() / place.scale, stage.width / 2, stage.height / 2);
}

export const percent = () => Math.round(100 * place.scale * ratio());

/** Zooms around a point of the stage. */
export function zoomBy(factor, x = stage.width / 2, y = stage.height / 2) {
  const least = Math.min(0.02, place.scale);
  const scale = Math.min(MOST / ratio(), Math.max(least, place.scale * factor));
  place.x = x - ((x - place.x) * scale) / place.scale;
  place.y = y - ((y - place.y) * scale) / place.scale;
  Object.assign(place, { scale, fitted: false });
  keepInside();
}

export function panBy(dx, dy) {
  place.x += dx;
  place.y += dy;
  place.fitted = false;
  keepInside();
}

function center() {
  place.x = (stage.width - place.scale * frame.width) / 2;
  place.y = (stage.height - place.scale * frame.height) / 2;
}

/** A picture larger than the stage covers its middle; a smaller one stays in it. */
function keepInside() {
  for (const [axis, side] of [["x", "width"], ["y", "height"]]) {
    const long = place.scale * frame[side];
    const ends = [stage[side] / 2 - long, stage[side] / 2];
    if (long <= stage[side]) ends.splice(0, 2, 0, stage[side] - long);
    place[axis] = Math.min(ends[1], Math.max(ends[0], place[axis]));
  }
}

/**
 * Pointer, wheel and pinch on the stage.
 * @param {HTMLElement} element
 * @param {() => void} moved the place has changed
 * @param {{wants: () => boolean, begin: Function, move: Function, end: Function, hover: Function,
 *   cancel: Function}} brush takes a single pointer's way, in pixels of the stage, when it wants it
 */
export function startGestures(element, moved, brush) {
  const pointers = new Map();
  let painting = false;
  const at = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  element.addEventListener("wheel", (event) => {
    event.preventDefault();
    const { x, y } = at(event);
    zoomBy(2 ** (-event.deltaY / (event.deltaMode ? 10 : 300)), x, y);
    moved();
  }, { passive: false });

  element.addEventListener("pointerdown", (event) => {
    if (event.target.closest("#split") || event.button > 1) return;
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, at(event));
    if (painting && pointers.size > 1) {
      painting = false; // a second finger means pinching
      brush.cancel();
    } else if (pointers.size === 1 && event.button === 0 && brush.wants()) {
      painting = true;
      brush.begin(at(event));
    }
  });

  element.addEventListener("pointermove", (event) => {
    const now = at(event);
    const before = pointers.get(event.pointerId);
    if (!before) return brush.hover(now);
    if (painting) {
      brush.move(now);
    } else if (pointers.size === 2) {
      pinch(pointers, event.pointerId, before, now);
      moved();
    } else {
      panBy(now.x - before.x, now.y - before.y);
      moved();
    }
    pointers.set(event.pointerId, now);
  });

  const up = (event) => {
    if (!pointers.delete(event.pointerId) || !painting) return;
    painting = false;
    if (event.type === "pointercancel") brush.cancel();
    else brush.end();
  };
  element.addEventListener("pointerup", up);
  element.addEventListener("pointercancel", up);
  element.addEventListener("pointerleave", () => brush.hover(null));
}

function pinch(pointers, id, before, now) {
  const [other] = [...pointers].filter(([key]) => key !== id).map(([, value]) => value);
  const apart = (a) => Math.max(10, Math.hypot(a.x - other.x, a.y - other.y));
  panBy((now.x - before.x) / 2, (now.y - before.y) / 2);
  zoomBy(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
}

/** Keys of the stage; true when one was meant. */
export function zoomKey(key) {
  const keys = {
    "+": () => zoomBy(STEP),
    "=": () => zoomBy(STEP),
    "-": () => zoomBy(1 / STEP),
    0: fit,
    1: full,
    ArrowLeft: () => panBy(40, 0),
    ArrowRight: () => panBy(-40, 0),
    ArrowUp: () => panBy(0, 40),
    ArrowDown: () => panBy(0, -40),
  };
  keys[key]?.();
  return key in keys;
}
