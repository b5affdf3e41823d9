// The model as the page holds it: flat columns, indexed by node and by value over all graphs (the main graph is graph 0, then the
// functions). This is the other side of inspect/page/page_columns.h.
import { evaluate, formulaText, parseFormula, type Formula } from './formula.ts';

/** A size: a number, a formula in the symbols, the name of a symbol that nothing binds, or unknown. */
export type Size = number | Formula | string | null;
export interface Type { dtype: string; shape: Size[] | null }
/** Name, text, whether it is the op's default. */
export type Attr = [string, string, number];
export interface Graph { name: string; doc: string; nodeLo: number; nodeHi: number; valueLo: number; valueHi: number; inputs: number[]; outputs: number[] }
export interface Weight {
  type: string; elements: number; bytes: number; trainable: boolean;
  /** Minimum, maximum, mean, deviation, zeros, NaN, infinities. */
  stats: (number | null)[] | null;
  hist: number[] | null;
  few?: string;
  preview?: [number, number, string];
}
export interface Golden { name: string; training: boolean; inputs: [string, string][]; outputs: [string, string, string][] }
export interface Numbers { title: string; unit: string; greatest: boolean; ofNode: Map<number, number> }
export interface OpDoc { doc: string; source: string; in?: [string, string][]; out?: [string, string][]; attrs?: Record<string, [string, string]> }
/** How a node of two models that are shown as one differs. */
export type Change = 'same' | 'renamed' | 'changed' | 'added' | 'removed' | 'folded';

export interface Model {
  file: string; form: string; bytes: number; name: string; doc: string; producer: string;
  metadata: [string, string][]; warnings: string[]; variables: [string, string][]; golden: Golden[];
  graphs: Graph[];
  symbols: string[];
  /** The symbols, or something short for those that have long names. */
  aliases: string[];
  nodeName: string[]; nodeOp: string[]; nodeVersion: number[]; nodeAttrs: Attr[][]; nodeAttrKey: number[]; nodeLayer: string[];
  /** 1: yields the same in every run; 2: the same for inputs of the same shapes. */
  nodeFlag: Uint8Array;
  nodeGraph: Int32Array;
  nodeDoc: Map<number, string>; provider: Map<number, string>;
  calls: Map<number, [string, number][]>;
  lambda: Map<number, [string, string]>;
  /** Values by node: ins[inStart[n]] to ins[inStart[n + 1] - 1]; -1 where one is absent. */
  inStart: Int32Array; ins: Int32Array; outStart: Int32Array; outs: Int32Array;
  valueName: string[]; valueType: Int32Array; types: Type[];
  /** The node that yields a value; -1 for inputs and weights. */
  producer_: Int32Array;
  weightOfValue: Map<number, Weight>;
  /** By node: the attribute and its tensor. */
  weightsOfNode: Map<number, [string, Weight][]>;
  /** Multiply-accumulates by node; -1 or a formula's number. */
  macs: Int32Array; formulas: Formula[];
  /** Of two models: by node. */
  change: Map<number, { change: Change; edits: [string, string, string][]; nameA?: string }> | null;
  /** Of two models: the edges that only one of them has, by "node:value". */
  edgeChange: Map<string, Change> | null;
}

export interface PageData {
  models: Model[];
  ops: Record<string, OpDoc>;
  numbers: Numbers[];
  program: { arena: number; peak: number; steps: [string, string, string[]][] } | null;
  diff: any;
}

const mapOf = <T>(object: Record<string, T> | undefined): Map<number, T> => new Map(Object.entries(object ?? {}).map(([k, v]) => [Number(k), v]));

function parseType(json: [string, (number | string | null)[] | null]): Type {
  const size = (s: number | string | null): Size => typeof s !== 'string' ? s : s[0] === '=' ? s.slice(1) : parseFormula(s);
  return { dtype: json[0] === 'invalid' ? '?' : json[0], shape: json[1] ? json[1].map(size) : null };
}

export function readModel(json: any): Model {
  const g = json.graphs, node = json.node ?? {}, names: string[] = node.name ?? [];
  const graphs: Graph[] = [];
  let nodeLo = 0, valueLo = 0;
  for (let i = 0; i < g.name.length; ++i) {
    const base = valueLo;
    graphs.push({
      name: g.name[i], doc: g.doc[i], nodeLo, nodeHi: nodeLo += g.nodes[i], valueLo: base, valueHi: valueLo += g.values[i],
      inputs: g.inputs[i].map((v: number) => v + base), outputs: g.outputs[i].map((v: number) => v + base),
    });
  }
  const inStart = new Int32Array(names.length + 1), outStart = new Int32Array(names.length + 1);
  for (let n = 0; n < names.length; ++n) { inStart[n + 1] = inStart[n] + node.nin[n]; outStart[n + 1] = outStart[n] + node.nout[n]; }
  const ins = new Int32Array(inStart[names.length]).fill(-1), outs = new Int32Array(outStart[names.length]).fill(-1);
  const producer = new Int32Array(valueLo).fill(-1), nodeGraph = new Int32Array(names.length);
  graphs.forEach((graph, number) => {
    let last = 0;
    for (let n = graph.nodeLo; n < graph.nodeHi; ++n) {
      nodeGraph[n] = number;
      let base = last, first = true;
      for (let k = outStart[n]; k < outStart[n + 1]; ++k) {
        if (node.out[k] === null) continue;
        last += node.out[k];
        outs[k] = graph.valueLo + last;
        producer[outs[k]] = n;
        if (first) base = last;
        first = false;
      }
      for (let k = inStart[n]; k < inStart[n + 1]; ++k) if (node.in[k] !== null) ins[k] = graph.valueLo + base - node.in[k];
    }
  });
  const valueName: string[] = json.value?.name ?? [];
  for (let v = 0; v < valueName.length; ++v) if (valueName[v][0] === '\t') valueName[v] = names[producer[v]] + valueName[v].slice(1);

  const weightOfValue = new Map<number, Weight>(), weightsOfNode = new Map<number, [string, Weight][]>(), w = json.weight;
  for (let i = 0; i < (w?.graph.length ?? 0); ++i) {
    const weight: Weight = {
      type: w.type[i], elements: w.elements[i], bytes: w.bytes[i], trainable: !!w.trainable[i], stats: w.stats[i], hist: w.hist[i],
      few: w.few?.[i], preview: w.preview?.[i],
    };
    const graph = graphs[w.graph[i]];
    if (w.value[i] >= 0) weightOfValue.set(graph.valueLo + w.value[i], weight);
    else {
      const n = graph.nodeLo + w.node[i], list = weightsOfNode.get(n);
      if (list) list.push([w.attr[i], weight]); else weightsOfNode.set(n, [[w.attr[i], weight]]);
    }
  }
  const symbols: string[] = json.symbols ?? [];
  return {
    file: json.file, form: json.form, bytes: json.bytes, name: json.name, doc: json.doc, producer: json.producer,
    metadata: json.metadata ?? [], warnings: json.warnings ?? [], variables: json.variables ?? [], golden: json.golden ?? [],
    graphs, symbols, aliases: symbols.map((s, i) => s.length > 12 ? `d${i}` : s),
    nodeName: names, nodeOp: (node.op ?? []).map((i: number) => json.strings[i]), nodeVersion: node.version ?? [],
    nodeAttrs: (node.attrs ?? []).map((i: number) => json.attrs[i]), nodeAttrKey: node.attrs ?? [],
    nodeLayer: (node.layer ?? []).map((i: number) => json.strings[i]),
    nodeFlag: Uint8Array.from(node.flags ?? []), nodeGraph,
    nodeDoc: mapOf(node.doc), provider: mapOf(node.provider), calls: mapOf(node.calls), lambda: mapOf(node.lambda),
    inStart, ins, outStart, outs, valueName, valueType: Int32Array.from(json.value?.type ?? []), types: json.types.map(parseType),
    producer_: producer, weightOfValue, weightsOfNode,
    macs: Int32Array.from(node.macs ?? new Array(names.length).fill(-1)), formulas: (json.formulas ?? []).map(parseFormula),
    change: null, edgeChange: null,
  };
}

export function readPage(json: any): PageData {
  return {
    models: json.models.map(readModel), ops: json.ops ?? {}, program: json.program ?? null, diff: json.diff ?? null,
    numbers: (json.numbers ?? []).map((c: any) => ({ title: c.title, unit: c.unit, greatest: c.greatest === true, ofNode: new Map(c.node.map((n: number, i: number) => [n, c.value[i]])) })),
  };
}

/** Unpacks gzip in base64. */
export async function unpack(base64: string): Promise<any> {
  const text = atob(base64.trim()), bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return JSON.parse(await new Response(stream).text());
}

// --- What follows from sizes of the symbols: one number or null for each.

export type Sizes = readonly (number | null)[];
export const DTYPE_BYTES: Record<string, number> = {
  float32: 4, float64: 8, float16: 2, bfloat16: 2, int8: 1, int16: 2, int32: 4, int64: 8, uint8: 1, uint16: 2, uint32: 4, uint64: 8, bool: 1,
};

export function sizeOf(model: Model, size: Size, sizes: Sizes): number | null {
  if (size === null || typeof size === 'number') return size;
  if (typeof size === 'string') { const i = model.symbols.indexOf(size); return i < 0 ? null : sizes[i] ?? null; }
  return evaluate(size, sizes);
}

/** "[batch,64,56,56]", with numbers for the symbols that have a size; "[…]" for an unknown rank. */
export function shapeText(model: Model, type: Type, sizes: Sizes): string {
  if (!type.shape) return '[…]';
  return `[${type.shape.map(s => {
    const number = sizeOf(model, s, sizes);
    if (number !== null) return String(number);
    return s === null ? '?' : typeof s === 'string' ? s : formulaText(s as Formula, model.aliases);
  }).join(',')}]`;
}

export function elementsOf(model: Model, type: Type, sizes: Sizes): number | null {
  if (!type.shape) return null;
  let product = 1;
  for (const s of type.shape) {
    const number = sizeOf(model, s, sizes);
    if (number === null) return null;
    product *= number;
  }
  return product;
}

export function bytesOf(model: Model, type: Type, sizes: Sizes): number | null {
  const elements = elementsOf(model, type, sizes);
  return elements === null ? null : elements * (DTYPE_BYTES[type.dtype] ?? 1);
}

export const typeOfValue = (model: Model, value: number): Type => model.types[model.valueType[value]];

/** Bytes of what a node yields. */
export function activationBytes(model: Model, node: number, sizes: Sizes): number | null {
  let sum = 0;
  for (let k = model.outStart[node]; k < model.outStart[node + 1]; ++k) {
    if (model.outs[k] < 0) continue;
    const bytes = bytesOf(model, typeOfValue(model, model.outs[k]), sizes);
    if (bytes === null) return null;
    sum += bytes;
  }
  return sum;
}

export function macsOf(model: Model, node: number, sizes: Sizes): number | null {
  return model.macs[node] < 0 ? null : evaluate(model.formulas[model.macs[node]], sizes);
}

/** The weight that a value is: one of the file's, or the tensor of the constant node that yields it. */
export function weightOf(model: Model, value: number): Weight | undefined {
  for (let steps = 0; value >= 0 && steps < 8; ++steps) {
    const weight = model.weightOfValue.get(value);
    if (weight) return weight;
    const node = model.producer_[value];
    if (node < 0 || model.nodeFlag[node] !== 1) return undefined;
    const own = model.weightsOfNode.get(node);
    if (own) return own.length === 1 && model.inStart[node] === model.inStart[node + 1] ? own[0][1] : undefined;
    if (!model.nodeOp[node].endsWith('.Identity')) return undefined;
    value = model.ins[model.inStart[node]];
  }
  return undefined;
}

/** Constants are parameters where they are floating-point and no scalars: what exporters write instead of weights. */
export function isParameter(model: Model, value: number, weight: Weight): boolean {
  return model.weightOfValue.has(value) || (weight.elements > 1 && weight.type.includes('float'));
}

/** Elements of the weights that a node takes. */
export function parametersOf(model: Model, node: number): number {
  if (model.nodeFlag[node] === 1) return 0;
  let sum = 0;
  for (let k = model.inStart[node]; k < model.inStart[node + 1]; ++k) {
    const weight = weightOf(model, model.ins[k]);
    if (weight && isParameter(model, model.ins[k], weight)) sum += weight.elements;
  }
  return sum;
}

/** All weights of the model, each once. */
export function allParameters(model: Model): { elements: number; bytes: number } {
  const seen = new Set<Weight>();
  let elements = 0, bytes = 0;
  const add = (w: Weight) => { if (!seen.has(w)) { seen.add(w); elements += w.elements; bytes += w.bytes; } };
  for (const w of model.weightOfValue.values()) add(w);
  for (const v of model.ins) {
    const weight = v >= 0 ? weightOf(model, v) : undefined;
    if (weight && isParameter(model, v, weight)) add(weight);
  }
  return { elements, bytes };
}

/** 1234567 as "1.23 M". */
export function short(number: number): string {
  const units = ['', 'k', 'M', 'G', 'T', 'P'];
  let u = 0;
  while (Math.abs(number) >= 999.5 && u < units.length - 1) { number /= 1000; ++u; }
  const text = u === 0 && Number.isInteger(number) ? String(number) : String(Number(number.toPrecision(3)));
  return units[u] ? `${text} ${units[u]}` : text;
}

export function bytesText(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  let u = 0;
  while (bytes >= 1023.5 && u < units.length - 1) { bytes /= 1024; ++u; }
  return `${u === 0 ? bytes : Number(bytes.toPrecision(3))} ${units[u]}`;
}

/** "nn.Conv" without its domain. */
export const opShort = (op: string) => op.slice(op.lastIndexOf('.') + 1);
