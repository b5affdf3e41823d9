// The layout against what must hold of any layered drawing, on graphs of many forms.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { layout, place, type LayoutInput } from '../src/layout.ts';

/** Numbers without a pattern, the same in every run (a linear congruential generator, Knuth's MMIX constants cut to 32 bits). */
export function random(seed: number) {
  return () => { seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0; return seed / 2 ** 32; };
}

export function graph(n: number, edges: [number, number][], more: Partial<LayoutInput> = {}): LayoutInput {
  const sources = new Map<number, number>();
  const bundle = edges.map(([s]) => { if (!sources.has(s)) sources.set(s, sources.size); return sources.get(s)!; });
  return {
    w: new Float64Array(n).fill(100), h: new Float64Array(n).fill(40), rank: new Uint8Array(n),
    src: Int32Array.from(edges, e => e[0]), dst: Int32Array.from(edges, e => e[1]), srcDx: new Float64Array(edges.length), dstDx: new Float64Array(edges.length),
    bundle: Int32Array.from(bundle), gapX: 20, gapY: 30, ...more,
  };
}

const chain = (n: number): [number, number][] => Array.from({ length: n - 1 }, (_, i) => [i, i + 1]);
function sparse(n: number, seed: number, reach: number): [number, number][] {
  const next = random(seed), edges: [number, number][] = [];
  for (let i = 1; i < n; ++i) for (let k = 0; k < 1 + (next() < 0.4 ? 1 : 0); ++k) edges.push([Math.max(0, i - 1 - Math.floor(next() * next() * reach)), i]);
  return edges;
}
const CASES: [string, LayoutInput][] = [
  ['nothing', graph(0, [])], ['one box', graph(1, [])], ['a loop of one', graph(1, [[0, 0]])], ['two alone', graph(2, [])],
  ['a chain', graph(50, chain(50))], ['a diamond', graph(4, [[0, 1], [0, 2], [1, 3], [2, 3]])],
  ['a cycle', graph(4, [[0, 1], [1, 2], [2, 0], [2, 3]])], ['all from one', graph(60, Array.from({ length: 59 }, (_, i) => [0, i + 1]))],
  ['a long skip', graph(40, [...chain(40), [0, 39]])], ['dense', graph(30, Array.from({ length: 30 }, (_, i) => Array.from({ length: i }, (_, j): [number, number] => [j, i])).flat())],
  ['sparse', graph(400, sparse(400, 7, 20))], ['sparse, far', graph(400, sparse(400, 8, 400))],
  ['sizes', graph(200, sparse(200, 9, 30), { w: Float64Array.from({ length: 200 }, (_, i) => 20 + (i * 37) % 300), h: Float64Array.from({ length: 200 }, (_, i) => 10 + (i * 53) % 400) })],
];

for (const [name, input] of CASES) {
  test(`${name}: boxes are apart, edges lead down and end at their boxes`, () => {
    const r = layout(input)!, n = input.w.length;
    for (let i = 0; i < n; ++i) {
      assert.ok(r.x[i] - input.w[i] / 2 >= -1e-6 && r.x[i] + input.w[i] / 2 <= r.width + 1e-6, `box ${i} is within the width`);
      assert.ok(r.y[i] >= 0 && r.y[i] + input.h[i] <= r.height + 1e-6, `box ${i} is within the height`);
    }
    assert.deepEqual([...r.order].sort((a, b) => a - b), Array.from({ length: n }, (_, i) => i), 'every box has its place once');
    for (let l = 0; l + 1 < r.layerStart.length; ++l) {
      for (let k = r.layerStart[l]; k < r.layerStart[l + 1]; ++k) {
        const b = r.order[k];
        assert.equal(r.layer[b], l);
        assert.ok(r.y[b] >= r.layerTop[l] - 1e-6 && r.y[b] + input.h[b] <= r.layerBottom[l] + 1e-6);
        if (k > r.layerStart[l]) {
          const a = r.order[k - 1];
          assert.ok(r.x[b] - input.w[b] / 2 - (r.x[a] + input.w[a] / 2) >= -1e-3, `boxes ${a} and ${b} overlap`);
        }
      }
      if (l) assert.ok(r.layerTop[l] >= r.layerBottom[l - 1]);
    }
    for (let e = 0; e < input.src.length; ++e) {
      const p = r.routeStart[e], q = r.routeStart[e + 1] - 1, s = input.src[e], t = input.dst[e];
      assert.deepEqual([r.points[2 * p], r.points[2 * p + 1]], [r.x[s], r.y[s] + input.h[s]], 'an edge begins below its source');
      assert.deepEqual([r.points[2 * q], r.points[2 * q + 1]], [r.x[t], r.y[t]], 'and ends above its target');
      if (!r.onRail[e]) {
        assert.ok(r.layer[s] < r.layer[t]);
        for (let k = p + 1; k <= q; ++k) assert.ok(r.points[2 * k + 1] >= r.points[2 * k - 1] - 1e-6, 'without a rail an edge leads down');
      }
    }
  });
  test(`${name}: twice the same`, () => assert.deepEqual(layout(input), layout(input)));
}

test('a chain is straight', () => {
  const r = layout(graph(30, chain(30)))!;
  for (let i = 1; i < 30; ++i) assert.ok(Math.abs(r.x[i] - r.x[0]) < 0.01);
});

test('a chain with skips is straight, and equal branches stand about its middle', () => {
  const skips = layout(graph(30, [...chain(30), [2, 5], [4, 9], [9, 12], [13, 15], [15, 25], [20, 24]]))!;
  for (let i = 1; i < 30; ++i) assert.ok(Math.abs(skips.x[i] - skips.x[0]) < 0.6, `box ${i}`);
  const branches = layout(graph(4, [[0, 1], [0, 2], [1, 3], [2, 3]]))!;
  assert.ok(Math.abs(branches.x[0] - (branches.x[1] + branches.x[2]) / 2) < 0.5 && Math.abs(branches.x[3] - branches.x[0]) < 0.5);
});

test('boxes of one layer keep the order of the file where edges do not ask for another', () => {
  const r = layout(graph(9, Array.from({ length: 8 }, (_, i) => [0, i + 1])))!;
  assert.deepEqual([...r.order], [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a node more at the end moves no other by more than the room it takes', () => {
  const edges = sparse(200, 3, 10), a = layout(graph(200, edges))!, b = layout(graph(201, [...edges, [199, 200]]))!;
  for (let i = 0; i < 200; ++i) assert.equal(a.layer[i], b.layer[i]);
});

test('long edges run on rails', () => {
  const r = layout(graph(40, [...chain(40), [0, 39], [1, 39]]))!;
  assert.deepEqual([...r.onRail.slice(39)], [1, 1]);
});

test('first and last are first and last', () => {
  const rank = new Uint8Array(6);
  rank[4] = 1; rank[5] = 2;
  const r = layout(graph(6, [[4, 2], [0, 1], [1, 2], [2, 3], [0, 5]], { rank }))!;
  assert.equal(r.layer[4], 0);
  assert.ok([0, 1, 2, 3].every(i => r.layer[i] > 0 && r.layer[i] < r.layer[5]));
});

test('it can be stopped', () => assert.equal(layout(graph(50, chain(50)), () => true), null));

test('places are the least-squares ones', () => {
  // Against a search over a grid, for three boxes that want the same place and one that is alone.
  const want = Float64Array.from([10, 10, 10, 100]), weight = Float64Array.from([1, 2, 1, 1]), distance = Float64Array.from([0, 4, 6, 5]), out = new Float64Array(4);
  place(want, weight, distance, 4, out);
  const cost = (p: number[]) => p.reduce((sum, x, i) => sum + weight[i] * (x - want[i]) ** 2, 0);
  let best = Infinity;
  for (let a = 0; a <= 20; a += 0.25) for (let b = a + 4; b <= 30; b += 0.25) for (let c = b + 6; c <= 40; c += 0.25) best = Math.min(best, cost([a, b, c, 100]));
  assert.ok(cost([...out]) <= best + 1e-9);
  for (let i = 1; i < 4; ++i) assert.ok(out[i] - out[i - 1] >= distance[i] - 1e-9);
});

test('time is linear', () => {
  const time = (n: number) => {
    const input = graph(n, sparse(n, 5, 40));
    let best = Infinity;
    for (let i = 0; i < 3; ++i) { const begun = performance.now(); layout(input); best = Math.min(best, performance.now() - begun); }
    return best;
  };
  time(4000);
  const ratio = time(40000) / time(5000);
  assert.ok(ratio < 24, `8 times the boxes took ${ratio.toFixed(1)} times as long`);
});
