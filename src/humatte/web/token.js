// The server's token: asked for when it wants one, kept as long as the tab is open.

import { byId } from "./state.js";

const KEY = "humatte.token";
const MISSING = "This server needs its token; nothing was cut out.";
const SENDABLE = /^[\x20-\x7e]+$/; // what a header can hold; servers take no other tokens
let asking = null;
let given = stored();
let cancels = 0;

export class NoToken extends Error {}

export const token = () => given;

/** How often the dialog was left without an answer until now. */
export const cancelled = () => cancels;

/**
 * Asks for the token once for all who need it now.
 * @param {string} refused the token that the server did not take; "" for none
 * @param {number} before cancelled() when the request began: it is not asked for again since then
 * @throws {NoToken} the dialog was left without an answer
 */
export async function askToken(refused, before = cancels) {
  if (given !== refused) return; // somebody was quicker
  if (cancels > before) throw new NoToken(MISSING);
  asking ??= ask(refused).finally(() => {
    asking = null;
  });
  await asking;
}

function stored() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // the browser lets this site store nothing
  }
}

function keep(words) {
  given = words;
  try {
    sessionStorage.setItem(KEY, words);
  } catch {
    // It is kept until the page is left, then.
  }
}

function ask(refused) {
  const dialog = byId("token-dialog");
  const field = byId("token");
  byId("token-wrong").textContent = refused ? "That token was not right." : "";
  field.value = "";
  dialog.showModal();
  field.focus();
  let left = true;
  return new Promise((resolve, reject) => {
    byId("token-form").onsubmit = (event) => {
      event.preventDefault();
      const words = field.value.trim();
      if (!SENDABLE.test(words)) {
        byId("token-wrong").textContent = "A token has plain letters, digits and signs only.";
        return;
      }
      keep(words);
      left = false;
      resolve();
      dialog.close();
    };
    byId("token-cancel").onclick = () => dialog.close();
    dialog.onclose = () => {
      if (left) cancels += 1;
      reject(new NoToken(MISSING));
    };
  });
}
