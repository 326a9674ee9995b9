/**
 * From a picture to what a network takes, and from its matte back to the picture: prepare.py.
 *
 * `fit` makes a batch and says where the picture lies in it; `unpadded` undoes exactly that.
 */
import { packed, resize, rint, sizeOf } from "./arrays.js";

/** The size with the given long side and the same proportions; no side below 1. */
export function fittedSize([height, width], longSide) {
  const scale = longSide / Math.max(height, width);
  return [Math.max(1, rint(height * scale)), Math.max(1, rint(width * scale))];
}

/**
 * Fits an image to the long side and pads it to the stride, repeating its edge.
 *
 * Gives {batch, shape, inner}: a Float32Array in [0, 1] of shape [1, 3, h, w], and the size of the
 * picture in its top left corner.
 */
export function fit(image, longSide, stride) {
  const inner = fittedSize(sizeOf(image), longSide);
  const small = resize(image, inner);
  const [height, width] = inner.map((side) => Math.ceil(side / stride) * stride);
  const batch = new Float32Array(3 * height * width);
  const scale = Math.fround(1 / 255);
  for (let c = 0, to = 0; c < 3; c++) {
    for (let y = 0; y < height; y++) {
      const row = Math.min(y, inner[0] - 1) * inner[1];
      for (let x = 0; x < width; x++) {
        batch[to++] = small.data[(row + Math.min(x, inner[1] - 1)) * small.step + c] * scale;
      }
    }
  }
  return { batch, shape: [1, 3, height, width], inner };
}

/** The matte of the fitted picture, its padding cut off: an array of its own. */
export function unpadded(alpha, shape, [height, width]) {
  const out = new Float32Array(height * width);
  for (let y = 0; y < height; y++) {
    out.set(alpha.subarray(y * shape[3], y * shape[3] + width), y * width);
  }
  return packed(out, height, width);
}
