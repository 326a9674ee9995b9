/**
 * What a person painted says of the matte: hints.py, for brushes of the picture's own size.
 */

/**
 * An alpha, corrected in place; where both speak, what is kept wins.
 *
 * @param keep Uint8Array of height * width values, 255: this belongs to the person; or null.
 * @param drop ... 255: this does not; or null.
 */
export function guided(alpha, keep, drop) {
  const { data } = alpha;
  for (const [name, hint] of Object.entries({ keep, drop })) {
    if (hint && hint.length !== data.length) {
      throw new RangeError(`${name}: found ${hint.length} values, expected ${data.length}, one a pixel`);
    }
  }
  const scale = Math.fround(1 / 255);
  if (drop) for (let i = 0; i < data.length; i++) data[i] = Math.min(data[i], 1 - drop[i] * scale);
  if (keep) for (let i = 0; i < data.length; i++) data[i] = Math.max(data[i], keep[i] * scale);
  return alpha;
}
