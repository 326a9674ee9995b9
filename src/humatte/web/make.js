// Finished pictures: by the server with the options of the page, or in the page.

import * as pixels from "./pixels.js";
import { bodyOf, settled } from "./queue.js";
import { post } from "./server.js";
import { announce, byId, state } from "./state.js";

const PASSPORT = "35x45mm";

/** A finished file of an item, as the page's choices ask for it, once it is cut out. */
export async function finished(item, tells = {}) {
  await settled(item);
  const { background, crop, format } = state;
  if (background.kind === "picture" && !background.picture) {
    throw new Error("Choose a background picture first.");
  }
  if (background.kind === "none" && crop === "whole" && format === "png") return item.cutout;
  if (stays(item, background)) return inPage(item);
  await measure(item);
  const more = background.kind === "picture" ? { background_image: background.picture } : {};
  const query = { ...common(), ...words(item), format };
  return (await post("/v1/cutout", await bodyOf(item, more), { query, ...tells })).blob;
}

/** Whether a file is made in the page: something of it may not be sent. */
const stays = (item, { kind, here }) => item.here || (kind === "picture" && here);

/** Why there can be no passport photo of an item, in words; "" where there can. */
export function noPassport(item, { background } = state) {
  if (!stays(item, background)) return "";
  let why = "the background, chosen in private mode, never leaves the page";
  if (item.here) why = item.sent ? "this picture is not sent again" : "this picture never leaves the page";
  return `Passport photos are measured by the server; ${why}.`;
}

async function inPage(item) {
  const { background, crop, format } = state;
  if (crop === "passport") throw new Error(noPassport(item));
  const subject = item.subject ?? (await subjectOf(item));
  const { kind, colour, picture, blur } = background;
  return pixels.finish({
    cutout: item.cutout,
    photo: item.file,
    subject,
    background: { kind, colour, picture, blur },
    crop,
    format,
  });
}

/** A picture that was never opened has no size yet: its cut-out has the same. */
async function measure(item) {
  if (item.width) return;
  const { width, height, bitmap } = await pixels.look(item.cutout, 1);
  bitmap.close();
  Object.assign(item, { width, height });
}

async function subjectOf(item) {
  const seen = await pixels.lookAtCutout(item.cutout, 1);
  seen.bitmap.close();
  return seen.subject;
}

const common = () => ({ refine: state.refine, model: state.model });

/** Background and crop in the server's words. */
function words(item) {
  const { background, crop } = state;
  const asked = { background: spoken(background, item) };
  if (crop === "passport") asked.id_photo = PASSPORT;
  else if (crop !== "whole") asked.crop = "5%";
  if (crop.includes(":")) asked.aspect = crop;
  return asked;
}

function spoken({ kind, colour, blur }, item) {
  if (kind === "colour") return colour;
  if (kind === "picture") return null; // the file itself says it
  if (kind === "none") return "none";
  if (blur === 2 && state.crop === "whole") return "blur"; // the server's own measure
  return `blur:${((blur / 100) * Math.max(item.width, item.height)).toFixed(1)}`;
}

/** The server's passport frame on transparency, to be shown; null, and said, when it cannot be. */
export async function framedByServer(item, most) {
  const line = byId("crop-words");
  line.textContent = "Measuring the head…";
  try {
    const query = { ...common(), background: "none", id_photo: PASSPORT, format: "png" };
    const answer = await post("/v1/cutout", await bodyOf(item), { query });
    line.textContent = "The head is estimated: check it against your authority’s template.";
    return (await pixels.look(answer.blob, most)).bitmap;
  } catch (error) {
    line.textContent = error.message;
    announce(error.message);
    return null;
  }
}
