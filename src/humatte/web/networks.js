// The networks that the server offers: read once, when somebody needs them.

import { get } from "./server.js";
import { state } from "./state.js";

let asked = null;

/** Reads the list into `state.models` and chooses the server's default; tries again after a failure. */
export function networks() {
  asked ??= get("/v1/models").then(
    ({ default: usual, models }) => {
      state.models = models;
      state.model ??= usual;
    },
    (error) => {
      asked = null;
      throw error;
    },
  );
  return asked;
}
