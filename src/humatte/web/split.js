// The before/after slider: a handle that is dragged, or moved with the keys of a slider.

import { byId, on, state } from "./state.js";

export const split = { share: 0.5 };

/** @param {() => void} moved the share has changed */
export function startSplit(moved) {
  const handle = byId("split");
  const stage = byId("stage");

  const set = (share) => {
    split.share = Math.min(1, Math.max(0, share));
    const percent = Math.round(100 * split.share);
    handle.ariaValueNow = String(percent);
    handle.ariaValueText = `${percent} % before, ${100 - percent} % after`;
    moved();
  };

  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.focus();
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (!handle.hasPointerCapture(event.pointerId)) return;
    const { left, width } = split.over ?? { left: 0, width: 1 };
    set((event.clientX - stage.getBoundingClientRect().left - left) / width);
  });
  handle.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.1 : 0.02;
    const to = {
      ArrowLeft: split.share - step,
      ArrowDown: split.share - step,
      ArrowRight: split.share + step,
      ArrowUp: split.share + step,
      PageDown: split.share - 0.1,
      PageUp: split.share + 0.1,
      Home: 0,
      End: 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation(); // the stage has keys of its own
    set(to);
  });
  on("open", () => {
    handle.ariaLabel = state.open ? `Before and after of ${state.open.name}` : "Before and after";
  });
  set(split.share);
}

/**
 * Puts the handle where the pictures meet.
 * @param {{left: number, width: number}|null} over what part of the stage shows the picture; null
 *   hides the handle
 */
export function placeSplit(over) {
  const handle = byId("split");
  split.over = over;
  handle.hidden = !over;
  for (const tag of document.querySelectorAll("#stage .tag")) tag.hidden = !over;
  if (over) handle.style.left = `${over.left + split.share * over.width}px`;
}
