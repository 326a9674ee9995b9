// The camera: live preview with the chosen background, always the newest frame, and snapshots.

import { blurBehind, drawBehind } from "./behind.js";
import { add } from "./intake.js";
import { engine, forget } from "./private.js";
import { post } from "./server.js";
import { announce, byId, on, state } from "./state.js";

const LONG_SIDE = 640; // of what the network sees live: its own side is smaller still
const BLUR_SIDE = 240; // of a blurred background: made anew for every frame
const QUALITY = 0.85; // of the frames that are sent
const SMOOTH = 0.15; // of a new time in the ones that are shown

let stream = null;
let run = 0; // counts up with every start and stop: what belongs to an older one ends
let wished = 0; // the run that waits for its camera; 0: none
let going = null; // ends the frame that is being sent
let taken = 0;
let ready = null;

/** @param {Promise<void>} settled until then it is not known whether frames may be sent */
export function startCamera(settled) {
  ready = settled;
  byId("camera-start").onclick = () => (stream ? stop() : wished || start());
  byId("snapshot").onclick = snapshot;
  byId("cameras").onchange = () => {
    stop();
    start();
  };
  on("tab", () => state.tab !== "camera" && stop());
  document.addEventListener("visibilitychange", () => document.hidden && stop());
}

async function start() {
  run += 1;
  const mine = run;
  wished = mine;
  byId("camera-words").textContent = "Waiting for the camera…";
  try {
    await ready;
    const found = await wanted();
    if (mine !== run) return release(found); // allowed when nobody waited any more
    stream = found;
    byId("video").srcObject = stream;
    await byId("video").play();
  } catch (error) {
    if (mine === run) stop(inWords(error));
    return;
  }
  if (mine === run) begin();
}

function begin() {
  wished = 0;
  byId("camera-words").textContent = "";
  byId("camera-start").textContent = "Stop the camera";
  announce("The camera is on.");
  going = new AbortController();
  stream.getVideoTracks()[0].onended = () => stop();
  listCameras();
  loop(run, going.signal);
}

function wanted() {
  if (!navigator.mediaDevices) throw new DOMException("", "InsecureError");
  const deviceId = byId("cameras").value;
  return navigator.mediaDevices.getUserMedia({
    video: { width: { ideal: 1280 }, height: { ideal: 720 }, ...(deviceId && { deviceId }) },
  });
}

function inWords({ name, message }) {
  const known = {
    NotAllowedError: "The camera may not be used: allow it for this page in the browser, then start again.",
    NotFoundError: "No camera was found. Plug one in, then start again.",
    NotReadableError: "The camera is in use by another program. Close that, then start again.",
    InsecureError: "Browsers give the camera to https pages and to this computer only; open the page at localhost.",
  };
  return known[name] ?? `The camera cannot be used: ${message}`;
}

/** Ends the camera, also one that was only asked for; `words` say why. */
function stop(words = "") {
  if (!stream && !wished) return;
  run += 1;
  wished = 0;
  going?.abort();
  if (stream) {
    release(stream);
    announce("The camera is off.");
  }
  stream = null;
  byId("video").srcObject = null;
  byId("camera-words").textContent = words;
  byId("camera-start").textContent = "Start the camera";
  byId("snapshot").disabled = true;
  byId("figures").textContent = "";
}

function release(camera) {
  for (const track of camera.getTracks()) track.stop();
}

async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  byId("cameras-row").hidden = cameras.length < 2;
  const chosen = stream?.getVideoTracks()[0].getSettings().deviceId;
  byId("cameras").replaceChildren(
    ...cameras.map((each, i) => new Option(each.label || `Camera ${i + 1}`, each.deviceId, false, each.deviceId === chosen)),
  );
}

/** One frame after the other: the next is taken when the last is shown, so none waits. */
async function loop(mine, signal) {
  const times = { latency: 0, between: 0, last: performance.now() };
  while (mine === run) {
    const began = performance.now();
    try {
      const frame = await newest();
      const matted = await (state.here ? mattedHere(frame) : mattedByServer(frame, signal));
      if (mine !== run) return;
      await show(frame, matted);
    } catch (error) {
      if (mine !== run) return;
      if (error.name === "AbortError") continue; // private mode was switched on
      return stop(error.message);
    }
    byId("snapshot").disabled = false;
    figures(times, began);
  }
}

function newest() {
  const video = byId("video");
  const scale = Math.min(1, LONG_SIDE / Math.max(video.videoWidth, video.videoHeight));
  const canvas = new OffscreenCanvas(Math.round(video.videoWidth * scale), Math.round(video.videoHeight * scale));
  // The screen's rhythm: never faster than frames can be seen.
  return new Promise((resolve) => {
    requestAnimationFrame(() => {
      canvas.getContext("2d", { willReadFrequently: true }).drawImage(video, 0, 0, canvas.width, canvas.height);
      resolve(canvas);
    });
  });
}

/** The frame's person on transparency. */
async function mattedByServer(frame, signal) {
  const file = await frame.convertToBlob({ type: "image/jpeg", quality: QUALITY });
  const query = { refine: "fast", model: state.model };
  const answer = await post("/v1/alpha", file, { query, signal, held: busy });
  const matte = await createImageBitmap(answer.blob);
  const gray = pixelsOf(matte).data;
  matte.close();
  return masked(frame, (i) => gray[4 * i]);
}

async function mattedHere(frame) {
  const network = await engine();
  const asked = { refine: "fast", keep: null, drop: null };
  const alpha = await network.matte(pixelsOf(frame), asked).catch((error) => {
    forget(network); // a worker that failed answers no more
    throw error;
  });
  return masked(frame, (i) => 255 * alpha[i]);
}

function busy(seconds) {
  byId("figures").textContent = `The server is busy; trying again in ${seconds} s`;
}

function pixelsOf(source) {
  const pen = new OffscreenCanvas(source.width, source.height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(source, 0, 0);
  return pen.getImageData(0, 0, source.width, source.height);
}

function masked(frame, alphaAt) {
  const image = pixelsOf(frame);
  for (let i = 0; i < image.data.length / 4; i += 1) image.data[4 * i + 3] = alphaAt(i);
  const canvas = new OffscreenCanvas(frame.width, frame.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

async function show(frame, person) {
  const canvas = byId("live");
  if (canvas.width !== frame.width || canvas.height !== frame.height) {
    canvas.width = frame.width;
    canvas.height = frame.height;
    canvas.style.setProperty("--ratio", frame.width / frame.height);
  }
  const pen = canvas.getContext("2d");
  const { background } = state;
  const blurred = background.kind === "blur" ? blurBehind(frame, person, background.blur / 100, BLUR_SIDE) : null;
  pen.save();
  pen.clearRect(0, 0, frame.width, frame.height);
  const whole = { left: 0, top: 0, width: frame.width, height: frame.height };
  drawBehind(pen, whole, whole, background, blurred ?? background.bitmap);
  if (byId("mirror").checked) {
    pen.translate(frame.width, 0);
    pen.scale(-1, 1);
    if (blurred) pen.drawImage(blurred, 0, 0, frame.width, frame.height);
  }
  pen.drawImage(person, 0, 0);
  pen.restore();
}

function figures(times, began) {
  const now = performance.now();
  const mix = (old, value) => (old ? old + SMOOTH * (value - old) : value);
  times.latency = mix(times.latency, now - began);
  times.between = mix(times.between, now - times.last);
  times.last = now;
  const rate = (1000 / times.between).toFixed(times.between > 100 ? 1 : 0);
  byId("figures").textContent = `${Math.round(times.latency)} ms behind, ${rate} frames a second`;
}

/** The camera's own frame, whole and as it is seen, joins the list and is cut out there. */
async function snapshot() {
  const video = byId("video");
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const pen = canvas.getContext("2d");
  if (byId("mirror").checked) {
    pen.translate(canvas.width, 0);
    pen.scale(-1, 1);
  }
  pen.drawImage(video, 0, 0);
  const file = await canvas.convertToBlob({ type: "image/png" });
  taken += 1;
  add([new File([file], `camera ${taken}.png`, { type: "image/png" })]);
}
