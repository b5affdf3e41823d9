// Small models for tests, in the form in which the page gets them.
import { readModel, type Model } from '../src/data.ts';

export interface N { name: string; op?: string; in?: string[]; out?: string[]; attrs?: [string, string, number][]; type?: any; flags?: number; calls?: [string, number][]; lambda?: [string, string] }
export interface G { name?: string; inputs?: string[]; outputs?: string[]; weights?: string[]; nodes: N[] }

const FLOAT = ['float32', ['$0', 64, 8, 8]];

export function rawModel(graphs: G[], symbols = ['batch']): any {
  const strings: string[] = [''], types: any[] = [], attrs: any[] = [[]], json: any = { file: 'm.onnx', form: 'ONNX', bytes: 1, name: 'm', doc: '', producer: '', symbols, graphs: { name: [], doc: [], nodes: [], values: [], inputs: [], outputs: [] },
    node: { name: [], op: [], version: [], attrs: [], layer: [], flags: [], in: [], out: [], nin: [], nout: [], macs: [], calls: {}, lambda: {} }, value: { name: [], type: [] },
    weight: { graph: [], value: [], node: [], attr: [], trainable: [], stats: [], hist: [], type: [], elements: [], bytes: [] } };
  const number = (list: any[], x: any) => { const i = list.findIndex(y => JSON.stringify(y) === JSON.stringify(x)); return i >= 0 ? i : list.push(x) - 1; };
  let id = 0;
  graphs.forEach((g, gi) => {
    const values = new Map<string, number>(), value = (name: string, type: any = FLOAT) => {
      if (!values.has(name)) { values.set(name, values.size); json.value.name.push(name); json.value.type.push(number(types, type)); }
      return values.get(name)!;
    };
    for (const v of [...(g.inputs ?? []), ...(g.weights ?? [])]) value(v);
    for (const w of g.weights ?? []) {
      json.weight.graph.push(gi); json.weight.value.push(value(w)); json.weight.node.push(-1); json.weight.attr.push(''); json.weight.trainable.push(1);
      json.weight.stats.push(null); json.weight.hist.push(null); json.weight.type.push('float32[4]'); json.weight.elements.push(4); json.weight.bytes.push(16);
    }
    let last = 0;
    for (const n of g.nodes) {
      const c = json.node, outs = (n.out ?? [`${n.name}_out`]).map(o => value(o, n.type));
      c.name.push(n.name); c.op.push(number(strings, n.op ?? 'nn.Relu')); c.version.push(1); c.attrs.push(number(attrs, n.attrs ?? [])); c.layer.push(0); c.flags.push(n.flags ?? 0); c.macs.push(-1);
      c.nin.push((n.in ?? []).length); c.nout.push(outs.length);
      outs.forEach(o => { c.out.push(o - last); last = o; });
      const base = outs.length ? outs[0] : last;
      (n.in ?? []).forEach(v => c.in.push(v === '' ? null : base - value(v)));
      if (n.calls) c.calls[id] = n.calls;
      if (n.lambda) c.lambda[id] = n.lambda;
      ++id;
    }
    json.graphs.name.push(g.name ?? ''); json.graphs.doc.push(''); json.graphs.nodes.push(g.nodes.length); json.graphs.values.push(values.size);
    json.graphs.inputs.push((g.inputs ?? []).map(v => values.get(v))); json.graphs.outputs.push((g.outputs ?? []).map(v => values.get(v)));
  });
  return { ...json, strings, types, attrs, formulas: [] };
}
export const model = (graphs: G[], symbols?: string[]): Model => readModel(rawModel(graphs, symbols));

/** The model of inspect/selector_test.cc, with the names of values that its nodes yield. */
export const SELECTOR_MODEL: G[] = [
  { inputs: ['a'], weights: ['w'], outputs: ['out', 'odd, name'], nodes: [
    { name: '/s/c1', op: 'nn.Conv', in: ['a', 'w'] }, { name: '/s/r1', in: ['/s/c1_out'] },
    { name: '/t/c2', op: 'nn.Conv', in: ['/s/r1_out', 'w'], attrs: [['groups', '2', 0], ['padding', '"same"', 0], ['strides', '[2, 1]', 0]] },
    { name: '/t/add', op: 'math.Add', in: ['/t/c2_out', '/s/r1_out'], out: ['out'] },
    { name: 'cast-1', op: 'acme.Odd', in: ['a'], out: ['odd, name'], type: ['float16', [2]], lambda: ['missing', ''] } ] },
  { name: 'body', inputs: ['x'], outputs: ['y'], nodes: [{ name: 'inner', in: ['x'], out: ['y'], type: ['float32', [null]] }] },
];
