// The choices beside the picture: background, crop, network, edges.

import { noPassport } from "./make.js";
import { networks } from "./networks.js";
import { look } from "./pixels.js";
import { byId, on, say, state } from "./state.js";

const SWATCHES = {
  White: "#ffffff",
  "Light gray": "#e7e5e0",
  Black: "#000000",
  Blue: "#2f5fd0",
  Red: "#c8372d",
  Yellow: "#f5c542",
  "Screen green": "#00b140",
};
const SHOWN = 1600; // pixels of a background picture that is shown
const LOOKS_MS = 120; // while a slider or the colour field is dragged, so often at most

export function startPanel() {
  startBackground();
  startCrop();
  on("open", cropWords);
  on("look", cropWords);
  on("here", () => {
    // What was not sent yet need not be.
    state.background.here ||= state.here;
    cropWords();
  });
}

function startBackground() {
  const { background } = state;
  for (const radio of document.querySelectorAll("[name=background]")) {
    radio.onchange = () => choose(radio.value);
    if (radio.checked) choose(radio.value);
  }
  for (const [name, colour] of Object.entries(SWATCHES)) byId("swatches").append(swatch(name, colour));
  byId("colour").oninput = () => setColour(byId("colour").value);
  setColour(background.colour);
  byId("blur").oninput = () => {
    background.blur = Number(byId("blur").value);
    byId("blur-value").textContent = `${background.blur} %`;
    soon();
  };
  byId("choose-background").onclick = () => byId("background-file").click();
  byId("background-file").onchange = ({ target }) => target.files[0] && setPicture(target.files[0]);
}

/** Changes the background's kind, as if its button had been pressed. */
export function choose(kind) {
  state.background.kind = kind;
  document.querySelector(`[name=background][value=${kind}]`).checked = true;
  for (const part of document.querySelectorAll("#backgrounds .detail")) {
    part.hidden = part.dataset.for !== kind;
  }
  say("look");
}

function swatch(name, colour) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "swatch";
  button.ariaLabel = name;
  button.title = name;
  button.value = colour;
  button.style.setProperty("--colour", colour);
  button.onclick = () => setColour(colour);
  return button;
}

function setColour(colour) {
  state.background.colour = colour;
  byId("colour").value = colour;
  for (const button of byId("swatches").children) button.ariaPressed = String(button.value === colour);
  document.querySelector(".face.colour").style.setProperty("--colour", colour);
  soon();
}

async function setPicture(file) {
  const { background, here } = state;
  try {
    const { bitmap } = await look(file, SHOWN);
    background.bitmap?.close();
    // Chosen before the switch or after: while private mode was on, it is not sent.
    Object.assign(background, { picture: file, bitmap, here: here || state.here });
    byId("background-name").textContent = file.name;
    say("look");
  } catch {
    byId("background-name").textContent = `${file.name} is no picture that this browser can show.`;
  } finally {
    byId("background-file").value = "";
  }
}

let later = 0;

function soon() {
  later ||= setTimeout(() => {
    later = 0;
    say("look");
  }, LOOKS_MS);
}

function startCrop() {
  for (const radio of document.querySelectorAll("[name=crop]")) {
    radio.onchange = () => {
      state.crop = radio.value;
      // A passport's background is plain: white, unless something else was chosen.
      if (state.crop === "passport" && state.background.kind === "none") choose("colour");
      say("look");
    };
    if (radio.checked) state.crop = radio.value;
  }
}

function cropWords() {
  const line = byId("crop-words");
  const refused = state.open && noPassport(state.open);
  if (state.crop === "passport") {
    line.textContent = refused || state.open?.passportWords || "";
  } else {
    line.textContent = state.open?.subject?.box === null && state.crop !== "whole" ? "Nobody to crop to; the whole picture is kept." : "";
  }
}

/** Fills the choice of networks; they are read from the server. */
export async function startModels() {
  const choice = byId("model");
  try {
    await networks();
    for (const { name } of state.models) {
      choice.append(new Option(name, name, name === state.model, name === state.model));
    }
  } catch (error) {
    byId("model-words").textContent = error.message;
    choice.disabled = true;
  }
  describe();
  choice.onchange = () => {
    state.model = choice.value;
    describe();
    say("run");
  };
  byId("refine").onchange = () => {
    state.refine = byId("refine").value;
    say("run");
  };
  state.refine = byId("refine").value;
}

function describe() {
  const model = state.models.find(({ name }) => name === state.model);
  if (!model) return;
  const megabytes = (model.bytes / 1e6).toFixed(1);
  byId("model-words").textContent = `${megabytes} MB, works at ${model.long_side} pixels, ${model.licence}.`;
}
