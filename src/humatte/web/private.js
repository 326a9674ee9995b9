// Private mode: whether pictures are worked on in this page, and the network that does it.

import { networks } from "./networks.js";
import { address, authorization, stopSending } from "./server.js";
import { askToken, token } from "./token.js";
import { announce, byId, on, say, state } from "./state.js";

const KEY = "humatte.private";
let engines = null; // the module; null: not in this build
let open = null; // {name, engine: Promise}

/** Finds out whether private mode can be had; true to whoever asked for it last time. */
export async function startPrivate() {
  const toggle = byId("private");
  try {
    const module = await import("./engine/index.js");
    if (await module.available()) engines = module;
  } catch {
    engines = null; // the build has no engine: what follows says so
  }
  toggle.disabled = !engines;
  state.here = Boolean(engines) && remembered();
  toggle.checked = state.here;
  toggle.onchange = () => {
    state.here = toggle.checked;
    remember(state.here);
    byId("private-state").textContent = "";
    if (state.here) {
      stopSending();
      engine().catch(() => {}); // it says itself what went wrong
    }
    say("here");
    announce(where());
  };
  on("here", show);
  show();
  if (!engines) byId("private-state").textContent = "Private mode is not in this build.";
  if (state.here) engine().catch(() => {});
}

function remembered() {
  try {
    return localStorage.getItem(KEY) === "on";
  } catch {
    return false; // the browser lets this site store nothing
  }
}

function remember(here) {
  try {
    localStorage.setItem(KEY, here ? "on" : "off");
  } catch {
    // It holds for this page, then.
  }
}

function where() {
  return state.here
    ? "Pictures stay in this page."
    : `Pictures are sent to ${address()}, not kept.`;
}

function show() {
  byId("where").textContent = where();
  document.body.classList.toggle("here", state.here);
}

/** The open engine of the chosen network; opened when it is first needed. */
export async function engine() {
  await networks();
  if (open?.name !== state.model) {
    close();
    const made = { name: state.model, engine: start(), network: null };
    made.engine.then(
      (network) => {
        made.network = network;
      },
      (error) => {
        if (open === made) open = null; // the next picture tries again
        byId("private-state").textContent = error.message;
      },
    );
    open = made;
  }
  return open.engine;
}

/** Closes an engine that failed; the next picture opens another. */
export function forget(failed) {
  failed.close();
  if (open?.network === failed) open = null;
}

function close() {
  open?.engine.then((old) => old.close(), () => {});
  open = null;
}

async function start() {
  const model = state.models.find(({ name }) => name === state.model);
  const bar = byId("private-progress");
  byId("private-state").textContent = `Fetching the network ${model.name}`;
  bar.value = 0;
  bar.hidden = false;
  const tell = (share) => {
    bar.value = share;
  };
  try {
    const made = await opened(model, tell);
    byId("private-state").textContent = "";
    return made;
  } finally {
    bar.hidden = true;
  }
}

async function opened(model, tell) {
  for (;;) {
    const used = token();
    try {
      return await engines.open(model, tell, { headers: authorization() });
    } catch (error) {
      if (error.status !== 401) throw error;
      await askToken(used);
    }
  }
}
