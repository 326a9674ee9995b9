// Cut-outs with @imgly/background-removal-node (ISNet): "source<TAB>target" a line on stdin.
import fs from "node:fs";
import readline from "node:readline";
import { pathToFileURL } from "node:url";

import { removeBackground } from "@imgly/background-removal-node";

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [source, target] = line.split("\t");
  const blob = await removeBackground(pathToFileURL(source).href, {
    model: process.argv[2],
    publicPath: new URL("node_modules/@imgly/background-removal-node/dist/", import.meta.url).href,
    output: { format: "image/png" },
  });
  fs.writeFileSync(target, Buffer.from(await blob.arrayBuffer()));
}
