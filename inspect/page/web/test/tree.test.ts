// The hierarchy, and what a scene makes of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from '../src/scene.ts';
import { neighbourhood, pathsBetween } from '../src/select.ts';
import { runLabel, Tree, type Item } from '../src/tree.ts';
import { model, type G, type N } from './model.ts';

/** "(a (b c) d)". */
const text = (item: Item): string => item.children.length ? `(${item.label}${item.children.map(c => ` ${text(c)}`).join('')})` : item.label;

/** Blocks /body/block.0, ...: two nodes each, with a skip. */
function blocks(count: number, odd = -1): G {
  const nodes: N[] = [];
  let at = 'x';
  for (let i = 0; i < count; ++i) {
    nodes.push({ name: `/body/block.${i}/conv/Conv`, op: 'nn.Conv', in: [at] });
    nodes.push({ name: `/body/block.${i}/Add`, op: i === odd ? 'math.Mul' : 'math.Add', in: [`/body/block.${i}/conv/Conv_out`, at] });
    at = `/body/block.${i}/Add_out`;
  }
  return { inputs: ['x'], outputs: [at], nodes: [...nodes, { name: '/head/Gemm', in: [at] }] };
}

test('scopes, scopes of one, and equal blocks', () => {
  const tree = new Tree(model([blocks(4)]));
  assert.equal(text(tree.root), '(m x (body/block.0–3 (block.0 conv Add) (block.1 conv Add) (block.2 conv Add) (block.3 conv Add)) head /body/block.3/Add_out)');
});

test('a block that differs is none of the run', () => {
  const tree = new Tree(model([blocks(5, 2)]));
  const body = tree.root.children[1];
  assert.deepEqual(body.children.map(c => c.label), ['block.0–1', 'block.2', 'block.3–4']);
});

test('constants are left out, and shown when asked for', () => {
  const g: G = { inputs: ['x'], outputs: ['y'], nodes: [{ name: 'c', op: 'core.Constant', flags: 1 }, { name: 'add', in: ['x', 'c_out'], out: ['y'] }] };
  assert.equal(text(new Tree(model([g])).root), '(m x add y)');
  assert.equal(text(new Tree(model([g]), { constants: true, maxInstances: 100 }).root), '(m x c add y)');
});

test('bodies are in their nodes, as often as they are called, within the limit', () => {
  const graphs: G[] = [{ inputs: ['x'], outputs: ['y'], nodes: [{ name: 'if', in: ['x'], out: ['y'], calls: [['then', 1], ['else', 1]] }] }, { name: 'f', inputs: ['a'], outputs: ['b'], nodes: [{ name: 'n', in: ['a'], out: ['b'] }] }];
  assert.equal(text(new Tree(model(graphs)).root), '(m x (if (then a n b) (else a n b)) y)');
  assert.equal(text(new Tree(model(graphs), { constants: false, maxInstances: 2 }).root), '(m x (if (then a n b)) y)');
});

test('functions that call one another without end do not hang', () => {
  const graphs: G[] = [{ nodes: [{ name: 'n', calls: [['f', 1]] }] }, { name: 'f', nodes: [{ name: 'm', calls: [['f', 1], ['g', 1]] }] }];
  assert.ok(new Tree(model(graphs), { constants: false, maxInstances: 500 }).items.length < 5000);
});

test('hostile names', () => {
  for (const name of ['', '/', '///', '/'.repeat(5000), 'a/'.repeat(5000) + 'b', '__proto__/constructor', '<script>alert(1)</script>']) {
    const tree = new Tree(model([{ inputs: ['x'], outputs: ['y'], nodes: [{ name, in: ['x'], out: ['y'] }] }]));
    assert.equal(tree.ends.length, 3);
  }
});

test('labels of runs', () => {
  for (const [a, b, label] of [['layer.0', 'layer.11', 'layer.0–11'], ['block1', 'block3', 'block1–3'], ['a', 'b', 'a … b']]) assert.equal(runLabel(a, b), label);
});

test('ancestors, descendants, paths', () => {
  const m = model([{ inputs: ['x'], outputs: ['z'], nodes: [{ name: 'a', in: ['x'] }, { name: 'b', in: ['a_out'] }, { name: 'c', in: ['a_out'] }, { name: 'd', in: ['b_out', 'c_out'], out: ['z'] }, { name: 'e', in: ['x'] }] }]);
  const tree = new Tree(m), at = (name: string) => tree.items[tree.itemOfNode[m.nodeName.indexOf(name)]].lo;
  const names = (set: Set<number>) => [...set].sort((p, q) => p - q).map(p => tree.ends[p].label).join(' ');
  assert.equal(names(neighbourhood(tree, [at('d')], Infinity, false)), 'x a b c d');
  assert.equal(names(neighbourhood(tree, [at('a')], 1, true)), 'a b c');
  assert.equal(names(pathsBetween(tree, [at('a')], [at('d')])), 'a b c d');
  assert.equal(names(pathsBetween(tree, [at('e')], [at('d')])), '');
});

test('a scene: links pass frames through ports, and closed groups hide what is within', async () => {
  const tree = new Tree(model([blocks(3, 1)])), scene = new Scene(tree, { boxSize: () => [100, 40] });
  assert.ok(await scene.update());
  assert.deepEqual(scene.root.links.map(l => [scene.root.boxes[l.src].label, scene.root.boxes[l.dst].label]), [['x', 'body'], ['body', 'head'], ['body', '/body/block.2/Add_out']]);
  const body = tree.root.children[1];
  body.expanded = true;
  scene.invalidate(body);
  assert.ok(await scene.update());
  const view = scene.view(body)!;
  assert.equal(view.inPorts.length, 1);
  assert.equal(view.outPorts.length, 1);
  assert.equal(view.links.length, 4);
  // The skip of a block is inside of it, and is there when it is opened.
  const block = body.children[0];
  block.expanded = true;
  scene.invalidate(block);
  await scene.update();
  assert.equal(scene.view(block)!.links.length, 4);
  // Inside is inside.
  const outer = scene.rect(body), inner = scene.rect(block), leaf = scene.rect(block.children[0]);
  for (const [o, i] of [[outer, inner], [inner, leaf]]) assert.ok(i.x >= o.x && i.y >= o.y && i.x + i.w <= o.x + o.w && i.y + i.h <= o.y + o.h);
});

test('equal groups are laid out once', async () => {
  const tree = new Tree(model([blocks(3, 1)])), scene = new Scene(tree, { boxSize: () => [100, 40] }), body = tree.root.children[1];
  body.expanded = true;
  for (const block of body.children) block.expanded = true;
  await scene.update();
  const [a, b] = body.children.map(block => scene.view(block)!);
  assert.equal(a.result, b.result);
  assert.notDeepEqual(scene.rect(body.children[0]), scene.rect(body.children[1]));
});

test('what was not touched keeps its layout', async () => {
  const tree = new Tree(model([blocks(3, 1)])), scene = new Scene(tree, { boxSize: () => [100, 40] }), body = tree.root.children[1];
  body.expanded = body.children[0].expanded = true;
  await scene.update();
  const kept = scene.view(body.children[0]);
  body.children[2].expanded = true;
  scene.invalidate(body.children[2]);
  await scene.update();
  assert.equal(scene.view(body.children[0]), kept);
});

test('a layout that is stopped changes nothing', async () => {
  const tree = new Tree(model([blocks(3, 1)])), scene = new Scene(tree, { boxSize: () => [100, 40], largeFrom: 4, layoutLarge: async () => null });
  assert.ok(!await scene.update());
});
