// Runs a model in ONNX Runtime. Standard input: {"model", "inputs": [{"name", "dtype", "shape",
// "file"}], "folder", "repeats"}, files of raw elements. Standard output: {"outputs": the same
// form, "ms": the median of `repeats` runs}. onnxruntime-node is looked for below the current
// folder.
'use strict';
const fs = require('fs');
const path = require('path');
const ort = require(require.resolve('onnxruntime-node', {paths: [process.cwd()]}));

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

function read({dtype, shape, file}) {
  const bytes = fs.readFileSync(file);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return new ort.Tensor(dtype, new ARRAYS[dtype](buffer), shape);
}

function write(name, index, tensor, folder) {
  const file = path.join(folder, `${index}.bin`);
  const {buffer, byteOffset, byteLength} = tensor.data;
  fs.writeFileSync(file, Buffer.from(buffer, byteOffset, byteLength));
  return {name, dtype: tensor.type, shape: tensor.dims, file};
}

async function main() {
  const job = JSON.parse(fs.readFileSync(0, 'utf8'));
  const session = await ort.InferenceSession.create(job.model, {logSeverityLevel: 3});
  const inputs = Object.fromEntries(job.inputs.map((input) => [input.name, read(input)]));
  let results = await session.run(inputs);
  const times = [];
  for (let i = 0; i < job.repeats; ++i) {
    const start = process.hrtime.bigint();
    results = await session.run(inputs);
    times.push(Number(process.hrtime.bigint() - start) / 1e6);
  }
  times.sort((a, b) => a - b);
  const outputs = session.outputNames.map((name, i) => write(name, i, results[name], job.folder));
  const ms = times.length ? times[times.length >> 1] : null;
  process.stdout.write(JSON.stringify({outputs, ms}));
}

main().catch((error) => {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
});
