// The server's token: asked for when it wants one, kept as long as the tab is open.

import { byId } from "./state.js";

const KEY = "humatte.token";
let asking = null;

export const token = () => sessionStorage.getItem(KEY) ?? "";

/**
 * Asks for the token once for all who need it now.
 * @param {string} refused the token that the server did not take; "" for none
 * @throws {Error} the dialog was left without an answer
 */
export function askToken(refused) {
  if (token() !== refused) return Promise.resolve(); // somebody was quicker
  asking ??= ask(refused).finally(() => {
    asking = null;
  });
  return asking;
}

function ask(refused) {
  const dialog = byId("token-dialog");
  const field = byId("token");
  byId("token-wrong").textContent = refused ? "That token was not right." : "";
  field.value = "";
  dialog.showModal();
  field.focus();
  return new Promise((resolve, reject) => {
    byId("token-form").onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, field.value.trim());
      dialog.close();
      resolve();
    };
    byId("token-cancel").onclick = () => dialog.close();
    dialog.onclose = () => reject(new Error("This server needs its token; nothing was cut out."));
  });
}
