// The page begins here: every part is started once, then waits for what people do.

import { startCamera } from "./camera.js";
import { startDownload } from "./download.js";
import { startIntake } from "./intake.js";
import { startModels, startPanel } from "./panel.js";
import { startPrivate } from "./private.js";
import { byId, say, state } from "./state.js";
import { startStrip } from "./strip.js";
import { startViewer } from "./viewer.js";

const TABS = ["pictures", "camera"];

function startTabs() {
  for (const [at, name] of TABS.entries()) {
    const tab = byId(`tab-${name}`);
    tab.onclick = () => show(name);
    tab.onkeydown = ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (step) show(TABS[(at + step + TABS.length) % TABS.length]).focus();
    };
  }
}

function show(name) {
  state.tab = name;
  for (const each of TABS) {
    const chosen = each === name;
    byId(each).hidden = !chosen;
    byId(`tab-${each}`).ariaSelected = String(chosen);
    byId(`tab-${each}`).tabIndex = chosen ? 0 : -1;
  }
  // Both tabs have the one choice of background.
  if (name === "camera") byId("camera-background").append(byId("backgrounds"));
  else document.querySelector("#pictures .panel").prepend(byId("backgrounds"));
  say("tab");
  return byId(`tab-${name}`);
}

startTabs();
startStrip();
startViewer();
startPanel();
startDownload();
const settled = startPrivate();
startCamera(settled);
startIntake(settled);
startModels();
