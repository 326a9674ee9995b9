/**
 * One network, opened with onnxruntime-web, and what every matte of it goes through: network.py.
 *
 * A network is `{run, longSide, stride}`; `run(batch, [n, 3, h, w])` takes a Float32Array in [0, 1]
 * and gives, as a promise, a Float32Array of [n, 1, h, w]. The stages ask for no more than that.
 */
import { clamp, clip01, resize, sizeOf } from "./arrays.js";
import { fit, unpadded } from "./prepare.js";

const UNDECIDED = 0.02; // the mattes trained on are 0 and 1 beyond this, too

/**
 * Opens a network.
 *
 * @param ort onnxruntime-web's module, its `env.wasm` set up.
 * @param bytes Uint8Array, the .onnx file.
 * @param facts {long_side, stride}, an entry of /v1/models.
 */
export async function openNetwork(ort, bytes, facts) {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const [input, output] = [session.inputNames[0], session.outputNames[0]];
  return {
    longSide: facts.long_side,
    stride: facts.stride,
    async run(batch, shape) {
      const found = await session.run({ [input]: new ort.Tensor("float32", batch, shape) });
      return found[output].data;
    },
  };
}

/**
 * Makes values up to 0.02 exactly 0 and from 0.98 exactly 1, linear between; in place.
 *
 * A softmax never reaches its ends: without this the inside of a person would be slightly
 * transparent everywhere. The map is the same for every picture: an empty one stays empty.
 */
export function settle(alpha) {
  const [least, gain] = [Math.fround(UNDECIDED), Math.fround(1 / (1 - 2 * UNDECIDED))];
  for (let i = 0; i < alpha.length; i++) {
    alpha[i] = clamp(Math.fround(alpha[i] - least) * gain, 0, 1);
  }
  return alpha;
}

/** The matte of an image before it is enlarged: its long side is the network's, or that given. */
export async function small(network, image, longSide = network.longSide) {
  const { batch, shape, inner } = fit(image, longSide, network.stride);
  return unpadded(settle(Float32Array.from(await network.run(batch, shape))), shape, inner);
}

/** The matte of an image, enlarged bilinearly to its size. */
export async function whole(network, image) {
  return clip01(resize(await small(network, image), sizeOf(image)));
}
