/**
 * The private engine: people cut out in the page itself, so that no picture leaves it.
 *
 *     if (await available()) {
 *       const engine = await open(model, (fraction) => …);
 *       const alpha = await engine.matte(imageData, { refine: "detail" });
 *       const cut = await engine.foreground(imageData, alpha);
 *       engine.close();
 *     }
 *
 * Everything runs in a worker. What is asked while it works waits its turn. The same mattes as the
 * library's, within 2/255.
 */

const RUNTIME = new URL("../vendor/ort.wasm.min.mjs", import.meta.url);
const MOST_THREADS = 4; // more hardly help networks so small

// The smallest module with an instruction on vectors: (func (result v128) i32.const 0 i8x16.splat …)
const VECTOR_MODULE = Uint8Array.from([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
]);

/** Whether this build holds onnxruntime-web, and this browser can run it. */
export async function available() {
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(VECTOR_MODULE)) return false;
  try {
    return (await fetch(RUNTIME, { method: "HEAD" })).ok;
  } catch {
    return false; // no server: there is nothing to load it from
  }
}

/**
 * Opens a network.
 *
 * @param model an entry of /v1/models.
 * @param progress called with a fraction in [0, 1] while its file is fetched.
 * @param headers for that request, as {Authorization: "Bearer …"}.
 * @param threads how many the network may use; by default half of the processor's, at most 4.
 * @returns an Engine; rejects with an Error whose message is for a person, and whose status is the
 *   server's where it refused the file.
 */
export async function open(model, progress = () => {}, { headers = {}, threads } = {}) {
  const engine = new Engine(new Worker(new URL("./worker.js", import.meta.url), { type: "module" }));
  const half = Math.ceil((navigator.hardwareConcurrency || 1) / 2);
  threads ??= Math.min(MOST_THREADS, half);
  const file = new URL(model.file, location.href).href; // the worker's own address is another
  try {
    await engine._ask("open", { model: { ...model, file }, headers, threads }, { progress });
  } catch (error) {
    engine.close();
    throw error;
  }
  return engine;
}

class Engine {
  constructor(worker) {
    this._worker = worker;
    this._waiting = new Map(); // id → {resolve, reject, progress}
    this._count = 0;
    worker.onmessage = ({ data }) => this._hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this._fail(`private mode stopped working (${event.message || "its worker did not start"})`);
    };
  }

  /**
   * The matte of a picture: Float32Array of height * width in [0, 1].
   *
   * @param imageData is copied, and stays yours.
   * @param refine "detail", "fast" or "off".
   * @param keep Uint8Array of height * width, 255 where the person is, or null.
   * @param drop ... where they are not; what is kept wins.
   */
  async matte(imageData, { refine = "detail", keep = null, drop = null } = {}) {
    return this._ask("matte", { image: imageData, refine, keep, drop });
  }

  /** ImageData, straight RGBA: the person's own colours where `alpha` is soft. */
  async foreground(imageData, alpha) {
    const rgba = await this._ask("foreground", { image: imageData, alpha });
    return new ImageData(rgba, imageData.width, imageData.height);
  }

  /** Frees everything; what is still asked fails. */
  close() {
    this._fail("private mode was closed");
  }

  _ask(verb, question, { progress } = {}) {
    if (!this._worker) return Promise.reject(new Error("private mode was closed"));
    const id = this._count++;
    return new Promise((resolve, reject) => {
      this._waiting.set(id, { resolve, reject, progress });
      this._worker.postMessage({ id, verb, ...question });
    });
  }

  _hear({ id, value, error, status, progress }) {
    const asked = this._waiting.get(id);
    if (!asked) return;
    if (progress !== undefined) return void asked.progress?.(progress);
    this._waiting.delete(id);
    if (error === undefined) asked.resolve(value);
    else asked.reject(Object.assign(new Error(error), { status }));
  }

  /** Ends the worker: what is asked fails with the message, what will be asked says it is closed. */
  _fail(message) {
    this._worker?.terminate();
    this._worker = null;
    for (const { reject } of this._waiting.values()) reject(new Error(message));
    this._waiting.clear();
  }
}
