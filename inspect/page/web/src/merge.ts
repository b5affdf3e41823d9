// Two models as one graph: what both have stands once, with what the second has of it; what only one has stands where it was.
import type { Formula } from './formula.ts';
import type { Change, Graph, Model, PageData, Size, Type } from './data.ts';

/** What inspect/page/diff_columns.cc writes. */
export interface DiffData {
  graphs: { a: number; b: number; node_a: number[]; node_b: number[]; change: number[]; edits: Record<string, [string, string, string][]> }[];
  notes: string[];
}

const CHANGES: Change[] = ['same', 'renamed', 'changed', 'added', 'removed', 'folded'];

function remapFormula(f: Formula, symbol: number[]): Formula {
  if (f.kind === 'number') return f;
  if (f.kind === 'symbol') return { kind: 'symbol', index: symbol[f.index] };
  return { ...f, a: remapFormula(f.a, symbol), b: remapFormula(f.b, symbol) };
}

interface Entry { a: number; b: number; change: Change; edits: [string, string, string][] }

/** Constants have no boxes: how they changed is told of the nodes that take what follows from them. */
function tellOfConstants(model: Model) {
  const edits = new Map<number, [string, string, string][]>();  // by value
  for (let n = 0; n < model.nodeName.length; ++n) {
    const own = model.change!.get(n)!, found: [string, string, string][] = [];
    for (let k = model.inStart[n]; k < model.inStart[n + 1]; ++k) found.push(...edits.get(model.ins[k]) ?? []);
    if (!model.nodeFlag[n]) {
      if (found.length && (own.change === 'same' || own.change === 'renamed')) model.change!.set(n, { ...own, change: 'changed', edits: found.slice(0, 8) });
      continue;
    }
    if (own.change === 'changed') for (const [what, a, b] of own.edits) found.push([`${model.nodeName[n]}: ${what}`, a, b]);
    if (found.length) for (let k = model.outStart[n]; k < model.outStart[n + 1]; ++k) if (model.outs[k] >= 0) edits.set(model.outs[k], found.slice(0, 8));
  }
}

export function mergeModels(page: PageData): { model: Model; nodeOfB: Int32Array } {
  const [A, B] = page.models, diff = page.diff as DiffData;
  const symbols = [...B.symbols, ...A.symbols.filter(s => !B.symbols.includes(s))];
  const ofA = A.symbols.map(s => symbols.indexOf(s));
  const valueShift = B.valueName.length, typeShift = B.types.length, formulaShift = B.formulas.length;
  const size = (s: Size): Size => s !== null && typeof s === 'object' ? remapFormula(s, ofA) : s;
  const types: Type[] = [...B.types, ...A.types.map(t => ({ dtype: t.dtype, shape: t.shape && t.shape.map(size) }))];

  // Which graphs there are, and which nodes each has.
  const pairs = diff.graphs.map(g => ({ a: g.a, b: g.b, entries: g.change.map((c, i): Entry => ({ a: g.node_a[i], b: g.node_b[i], change: CHANGES[c], edits: g.edits[i] ?? [] })) }));
  const only = (model: Model, side: 'a' | 'b') => model.graphs.forEach((graph, number) => {
    if (pairs.some(p => p[side] === number)) return;
    const entries: Entry[] = [];
    for (let n = 0; n < graph.nodeHi - graph.nodeLo; ++n) entries.push(side === 'a' ? { a: n, b: -1, change: 'removed', edits: [] } : { a: -1, b: n, change: 'added', edits: [] });
    pairs.push({ a: side === 'a' ? number : -1, b: side === 'b' ? number : -1, entries });
  });
  only(B, 'b');
  only(A, 'a');
  const graphOf = (side: 'a' | 'b') => (number: number) => pairs.findIndex(p => p[side] === number);
  const graphOfA = graphOf('a'), graphOfB = graphOf('b');

  // Where the values of A are among those of the whole: those of nodes that both have are B's.
  const valueOfA = Int32Array.from(A.valueName, (_, v) => valueShift + v);
  for (const pair of pairs) {
    if (pair.a < 0 || pair.b < 0) continue;
    const ga = A.graphs[pair.a], gb = B.graphs[pair.b];
    const byName = new Map(gb.inputs.map(v => [B.valueName[v], v]));
    ga.inputs.forEach((v, i) => { valueOfA[v] = byName.get(A.valueName[v]) ?? (ga.inputs.length === gb.inputs.length ? gb.inputs[i] : valueOfA[v]); });
    for (const { a, b } of pair.entries) {
      if (a < 0 || b < 0) continue;
      const na = ga.nodeLo + a, nb = gb.nodeLo + b;
      for (let k = 0; A.outStart[na] + k < A.outStart[na + 1] && B.outStart[nb] + k < B.outStart[nb + 1]; ++k) {
        const va = A.outs[A.outStart[na] + k], vb = B.outs[B.outStart[nb] + k];
        if (va >= 0 && vb >= 0) valueOfA[va] = vb;
      }
    }
  }
  const weightNames = new Map<string, number>();
  for (const v of B.weightOfValue.keys()) weightNames.set(B.valueName[v], v);
  for (const v of A.weightOfValue.keys()) valueOfA[v] = weightNames.get(A.valueName[v]) ?? valueOfA[v];

  const model: Model = {
    ...B, symbols, aliases: symbols.map((s, i) => s.length > 12 ? `d${i}` : s), types, graphs: [],
    nodeName: [], nodeOp: [], nodeVersion: [], nodeAttrs: [], nodeAttrKey: [], nodeLayer: [], nodeDoc: new Map(), provider: new Map(), calls: new Map(), lambda: new Map(),
    valueName: [...B.valueName, ...A.valueName], valueType: Int32Array.from([...B.valueType, ...Array.from(A.valueType, t => t + typeShift)]),
    weightOfValue: new Map(B.weightOfValue), weightsOfNode: new Map(), formulas: [...B.formulas, ...A.formulas.map(f => remapFormula(f, ofA))],
    change: new Map(), edgeChange: new Map(),
  };
  for (const [v, w] of A.weightOfValue) model.weightOfValue.set(valueShift + v, w);
  const ins: number[] = [], inStart = [0], outs: number[] = [], outStart = [0], flags: number[] = [], macs: number[] = [], nodeGraph: number[] = [];
  const nodeOfB = new Int32Array(B.nodeName.length).fill(-1);
  pairs.forEach((pair, number) => {
    const nodeLo = model.nodeName.length, ga = A.graphs[pair.a], gb = B.graphs[pair.b];
    for (const entry of pair.entries) {
      const n = model.nodeName.length, fromB = entry.b >= 0, M = fromB ? B : A, m = fromB ? gb.nodeLo + entry.b : ga.nodeLo + entry.a;
      const value = (v: number) => v < 0 ? -1 : fromB ? v : valueOfA[v];
      if (fromB) nodeOfB[m] = n;
      model.nodeName.push(M.nodeName[m]); model.nodeOp.push(M.nodeOp[m]); model.nodeVersion.push(M.nodeVersion[m]); model.nodeAttrs.push(M.nodeAttrs[m]);
      model.nodeAttrKey.push(fromB ? M.nodeAttrKey[m] : -1 - M.nodeAttrKey[m]); model.nodeLayer.push(M.nodeLayer[m]);
      flags.push(M.nodeFlag[m]); nodeGraph.push(number);
      macs.push(M.macs[m] < 0 ? -1 : M.macs[m] + (fromB ? 0 : formulaShift));
      const move = <T>(from: Map<number, T>, to: Map<number, T>) => { const x = from.get(m); if (x !== undefined) to.set(n, x); };
      move(M.nodeDoc, model.nodeDoc); move(M.provider, model.provider); move(M.lambda, model.lambda); move(M.weightsOfNode, model.weightsOfNode);
      const calls = M.calls.get(m);
      if (calls) model.calls.set(n, calls.map(([label, callee]) => [label, fromB ? graphOfB(callee) : graphOfA(callee)]));
      const own: number[] = [];
      for (let k = M.inStart[m]; k < M.inStart[m + 1]; ++k) own.push(value(M.ins[k]));
      const edge = (v: number, change: Change) => model.edgeChange!.set(`${n}:${v}`, change);
      if (fromB && entry.a >= 0) {
        const na = ga.nodeLo + entry.a, before = new Set<number>();
        for (let k = A.inStart[na]; k < A.inStart[na + 1]; ++k) if (A.ins[k] >= 0) before.add(valueOfA[A.ins[k]]);
        for (const v of own) if (v >= 0 && !before.has(v)) edge(v, 'added');
        for (const v of before) if (!own.includes(v) && !model.weightOfValue.has(v)) { own.push(v); edge(v, 'removed'); }
      } else for (const v of own) if (v >= 0) edge(v, entry.change);
      ins.push(...own);
      inStart.push(ins.length);
      for (let k = M.outStart[m]; k < M.outStart[m + 1]; ++k) outs.push(value(M.outs[k]));
      outStart.push(outs.length);
      const nameA = entry.a >= 0 && fromB ? A.nodeName[ga.nodeLo + entry.a] : undefined;
      model.change!.set(n, { change: entry.change, edits: entry.edits, nameA: nameA === model.nodeName[n] ? undefined : nameA });
    }
    const graph: Graph = pair.b >= 0
      ? { ...gb, nodeLo, nodeHi: model.nodeName.length }
      : { ...ga, nodeLo, nodeHi: model.nodeName.length, valueLo: ga.valueLo + valueShift, valueHi: ga.valueHi + valueShift, inputs: ga.inputs.map(v => valueOfA[v]), outputs: ga.outputs.map(v => valueOfA[v]) };
    // Inputs and outputs that only A has.
    if (pair.a >= 0 && pair.b >= 0) {
      const add = (list: number[], more: number[]) => [...list, ...more.map(v => valueOfA[v]).filter(v => v >= valueShift)];
      graph.inputs = add(gb.inputs, ga.inputs);
      graph.outputs = add(gb.outputs, ga.outputs);
    }
    model.graphs.push(graph);
  });
  model.inStart = Int32Array.from(inStart); model.ins = Int32Array.from(ins); model.outStart = Int32Array.from(outStart); model.outs = Int32Array.from(outs);
  model.nodeFlag = Uint8Array.from(flags); model.macs = Int32Array.from(macs); model.nodeGraph = Int32Array.from(nodeGraph);
  model.producer_ = new Int32Array(model.valueName.length).fill(-1);
  for (let n = 0; n < model.nodeName.length; ++n) for (let k = outStart[n]; k < outStart[n + 1]; ++k) if (outs[k] >= 0) model.producer_[outs[k]] = n;
  tellOfConstants(model);
  return { model, nodeOfB };
}
