// Runs models in ONNX Runtime. A line of standard input: {"model", "inputs": [{"name", "dtype",
// "shape", "file"}], "folder", "repeats", "threads"}, files of raw elements. Its line of standard output:
// {"outputs": the same form, "start": milliseconds from opening the model to the outputs, "run": the
// median of `repeats` more runs, "bytes": the process' memory at its highest less what it held
// before}, or {"error"}. onnxruntime-node is looked for below the current folder.
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');
const readline = require('readline');
const ort = require(require.resolve('onnxruntime-node', {paths: [process.cwd()]}));

const ARRAYS = {
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
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

function milliseconds(since) {
  return Number(process.hrtime.bigint() - since) / 1e6;
}

// Of Linux: VmRSS, VmHWM.
function memory(field) {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  return Number(status.match(new RegExp(`${field}:\\s+(\\d+) kB`))[1]) * 1024;
}

async function run(job) {
  const inputs = Object.fromEntries(job.inputs.map((input) => [input.name, read(input)]));
  const held = memory('VmRSS');
  let before = process.hrtime.bigint();
  const session = await ort.InferenceSession.create(
      job.model, {logSeverityLevel: 3, intraOpNumThreads: job.threads || os.cpus().length});
  let results = await session.run(inputs);
  const start = milliseconds(before);
  const times = [];
  for (let i = 0; i < job.repeats; ++i) {
    before = process.hrtime.bigint();
    results = await session.run(inputs);
    times.push(milliseconds(before));
  }
  times.sort((a, b) => a - b);
  const bytes = memory('VmHWM') - held;
  const outputs = session.outputNames.map((name, i) => write(name, i, results[name], job.folder));
  await session.release();
  return {outputs, start, run: times.length ? times[times.length >> 1] : null, bytes};
}

async function main() {
  for await (const line of readline.createInterface({input: process.stdin})) {
    const answer = await run(JSON.parse(line)).catch((error) => ({error: error.message}));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

main();
