// Finished pictures: by the server with the options of the page, or in the page.

import * as pixels from "./pixels.js";
import { bodyOf, settled } from "./queue.js";
import { post } from "./server.js";
import { byId, state } from "./state.js";

const PASSPORT = "35x45mm";

/** The page's choices as they are now: what is changed while a file is made does not concern it. */
export const choices = () => ({ ...state, background: { ...state.background } });

/**
 * A finished file of an item, as `asked` by choices(), once it is cut out.
 * @returns {Promise<{blob: Blob, warnings: string[]}>}
 */
export async function finished(item, asked, tells = {}) {
  const { background, crop, format } = asked;
  if (background.kind === "picture" && !background.picture) {
    throw new Error("Choose a background picture first.");
  }
  await settled(item);
  if (background.kind === "none" && crop === "whole" && format === "png") return { blob: item.cutout, warnings: [] };
  if (stays(item, background)) return { blob: await inPage(item, asked), warnings: [] };
  await measure(item);
  const more = background.kind === "picture" ? { background_image: background.picture } : {};
  const query = { ...common(asked), ...words(item, asked), format };
  return post("/v1/cutout", await bodyOf(item, more), { query, ...tells });
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

async function inPage(item, asked) {
  const { background, crop, format } = asked;
  if (crop === "passport") throw new Error(noPassport(item, asked));
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

const common = ({ refine, model }) => ({ refine, model });

/** Background and crop in the server's words. */
function words(item, { background, crop }) {
  const said = { background: spoken(background, crop, item) };
  if (crop === "passport") said.id_photo = PASSPORT;
  else if (crop !== "whole") said.crop = "5%";
  if (crop.includes(":")) said.aspect = crop;
  return said;
}

function spoken({ kind, colour, blur }, crop, item) {
  if (kind === "colour") return colour;
  if (kind === "picture") return null; // the file itself says it
  if (kind === "none") return "none";
  if (blur === 2 && crop === "whole") return "blur"; // the server's own measure
  return `blur:${((blur / 100) * Math.max(item.width, item.height)).toFixed(1)}`;
}

/** The server's passport frame on transparency, to be shown; null, and said, when it cannot be. */
export async function framedByServer(item, most) {
  const tell = (words) => {
    item.passportWords = words;
    // Something else may be chosen or open by now.
    if (state.open !== item || state.crop !== "passport" || noPassport(item)) return;
    byId("crop-words").textContent = words;
  };
  tell("Measuring the head…");
  try {
    const query = { ...common(state), background: "none", id_photo: PASSPORT, format: "png" };
    const answer = await post("/v1/cutout", await bodyOf(item), { query });
    tell(["The head is estimated: check it against your authority’s template.", ...answer.warnings].join(" "));
    return (await pixels.look(answer.blob, most)).bitmap;
  } catch (error) {
    tell(error.message);
    return null;
  }
}
