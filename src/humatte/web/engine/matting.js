/**
 * The main path: a picture in, its matte out. matting.py of the library.
 */
import { crop, sizeOf } from "./arrays.js";
import { lookCloser } from "./detail.js";
import { small, whole } from "./network.js";
import { sharpen } from "./refine.js";
import { boxesOfSmallPeople, putIn } from "./second_look.js";

export const REFINEMENTS = ["off", "fast", "detail"];

/**
 * The matte of an image, of its size; an empty scene gives an empty matte.
 *
 * @param refine `off`: the network's matte, enlarged bilinearly. `fast`: edges drawn after the
 *   picture, and people who fill little of it looked at again. `detail`: edges also looked at
 *   again, from closer by.
 */
export async function matte(image, network, refine = "detail") {
  if (!REFINEMENTS.includes(refine)) {
    throw new RangeError(`unknown refinement '${refine}'; expected ${REFINEMENTS.join(", ")}`);
  }
  if (refine === "off") return whole(network, image);
  const first = await small(network, image);
  const alpha = await atFullSize(image, first, network, refine);
  for (const box of boxesOfSmallPeople(first, sizeOf(image))) {
    const part = crop(image, box);
    putIn(alpha, await atFullSize(part, await small(network, part), network, refine), box);
  }
  return alpha;
}

async function atFullSize(image, first, network, refine) {
  return sharpen(image, refine === "detail" ? await lookCloser(image, first, network) : first);
}
