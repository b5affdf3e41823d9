// Two models as one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPage } from '../src/data.ts';
import { mergeModels } from '../src/merge.ts';
import { Tree } from '../src/tree.ts';
import { rawModel } from './model.ts';

// x -> a -> b -> c -> y, and x -> a -> new -> c -> y: b is removed, c changed.
const A = rawModel([{ inputs: ['x'], outputs: ['y'], nodes: [{ name: 'a', in: ['x'] }, { name: 'b', in: ['a_out'] }, { name: 'c', in: ['b_out'], out: ['y'] }] }], ['batch']);
const B = rawModel([{ inputs: ['x'], outputs: ['y'], nodes: [{ name: 'a', in: ['x'] }, { name: 'new', in: ['a_out'] }, { name: 'c', in: ['new_out'], out: ['y'] }] }], ['time']);
const diff = { notes: [], graphs: [{ a: 0, b: 0, node_a: [0, 1, -1, 2], node_b: [0, -1, 1, 2], change: [0, 4, 3, 2], edits: { 3: [['input 0', 'b_out', 'new_out']] } }] };

test('nodes of both, each once, with what became of them', () => {
  const { model, nodeOfB } = mergeModels(readPage({ models: [A, B], diff }));
  assert.deepEqual(model.nodeName.map((n, i) => `${n} ${model.change!.get(i)!.change}`), ['a same', 'b removed', 'new added', 'c changed']);
  assert.deepEqual([...nodeOfB], [0, 2, 3]);
  const edges = model.nodeName.map((name, n) => [name, ...Array.from(model.ins.subarray(model.inStart[n], model.inStart[n + 1]), v => `${model.producer_[v] < 0 ? model.valueName[v] : model.nodeName[model.producer_[v]]}:${model.edgeChange!.get(`${n}:${v}`) ?? 'same'}`)]);
  assert.deepEqual(edges, [['a', 'x:same'], ['b', 'a:removed'], ['new', 'a:added'], ['c', 'new:added', 'b:removed']]);
  assert.deepEqual(model.graphs[0].inputs.length, 1);
  assert.deepEqual(model.graphs[0].outputs.length, 1);
});

test('symbols of both keep apart', () => {
  const { model } = mergeModels(readPage({ models: [A, B], diff }));
  assert.deepEqual(model.symbols, ['time', 'batch']);
  const of = (n: number) => (model.types[model.valueType[model.outs[model.outStart[n]]]].shape![0] as any).index;
  assert.equal(of(1), 1);
  assert.equal(of(2), 0);
});

test('only what differs', () => {
  const names = Array.from({ length: 20 }, (_, i) => `n${i}`), chain = (op: string) => rawModel([{ inputs: ['x'], outputs: ['n19_out'], nodes: names.map((name, i) => ({ name, op: i === 10 ? op : 'nn.Relu', in: [i ? `n${i - 1}_out` : 'x'] })) }]);
  const all = names.map((_, i) => i), page = readPage({ models: [chain('math.Abs'), chain('math.Exp')], diff: { notes: [], graphs: [{ a: 0, b: 0, node_a: all, node_b: all, change: all.map(i => i === 10 ? 2 : 0), edits: {} }] } });
  const tree = new Tree(mergeModels(page).model, { constants: false, maxInstances: 1000, onlyChanges: true });
  assert.deepEqual(tree.root.children.map(c => c.label), ['x', '… 10 the same …', 'n10', '… 9 the same …', 'n19_out']);
});

test('a changed constant is told of the node that takes it', () => {
  const make = () => rawModel([{ inputs: ['x'], outputs: ['y'], nodes: [{ name: 'c', op: 'core.Constant', flags: 1 }, { name: 'i', op: 'core.Identity', in: ['c_out'], flags: 1 }, { name: 'add', in: ['x', 'i_out'], out: ['y'] }] }]);
  const { model } = mergeModels(readPage({ models: [make(), make()], diff: { notes: [], graphs: [{ a: 0, b: 0, node_a: [0, 1, 2], node_b: [0, 1, 2], change: [2, 0, 0], edits: { 0: [['attribute value', '1', '2']] } }] } }));
  assert.deepEqual(model.change!.get(2), { change: 'changed', edits: [['c: attribute value', '1', '2']], nameA: undefined });
});
