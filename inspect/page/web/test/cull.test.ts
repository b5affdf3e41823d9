// What is in sight, against a look at every box and every edge.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EdgeIndex, firstIndex, visibleBoxes, visibleLayers } from '../src/cull.ts';
import { layout } from '../src/layout.ts';
import { graph, random } from './layout.test.ts';

test('first index', () => {
  for (const [lo, hi, from] of [[0, 0, 0], [0, 5, 0], [0, 5, 5], [2, 9, 4]]) assert.equal(firstIndex(lo, hi, i => i >= from), Math.max(lo, Math.min(hi, from)));
});

test('boxes and edges in sight', () => {
  const next = random(11), edges: [number, number][] = [];
  for (let i = 1; i < 300; ++i) for (let k = 0; k < 2; ++k) edges.push([Math.floor(next() * i), i]);
  const input = graph(300, edges), r = layout(input)!, index = new EdgeIndex(r, input.src, input.dst);
  for (let trial = 0; trial < 60; ++trial) {
    const x0 = (next() * 1.4 - 0.2) * r.width, y0 = (next() * 1.4 - 0.2) * r.height, rect = { x0, y0, x1: x0 + next() * r.width, y1: y0 + next() * r.height * 0.4 };
    const seen = new Set<number>();
    visibleBoxes(r, input.w, rect, b => { assert.ok(!seen.has(b)); seen.add(b); });
    for (let b = 0; b < 300; ++b) {
      const inside = r.x[b] + 50 >= rect.x0 && r.x[b] - 50 <= rect.x1 && r.y[b] + 40 >= rect.y0 && r.y[b] <= rect.y1;
      if (inside) assert.ok(seen.has(b), `box ${b} is in sight`);
    }
    const [first, end] = visibleLayers(r, rect);
    for (const b of seen) assert.ok(r.layer[b] >= first && r.layer[b] < end);
    const drawn = new Set<number>();
    index.visible(rect, e => { assert.ok(!drawn.has(e)); drawn.add(e); });
    for (let e = 0; e < edges.length; ++e) {
      let [ex0, ex1, ey0, ey1] = [Infinity, -Infinity, Infinity, -Infinity];
      for (let p = r.routeStart[e]; p < r.routeStart[e + 1]; ++p) {
        ex0 = Math.min(ex0, r.points[2 * p]); ex1 = Math.max(ex1, r.points[2 * p]);
        ey0 = Math.min(ey0, r.points[2 * p + 1]); ey1 = Math.max(ey1, r.points[2 * p + 1]);
      }
      assert.equal(drawn.has(e), ex1 >= rect.x0 && ex0 <= rect.x1 && ey1 >= rect.y0 && ey0 <= rect.y1, `edge ${e}`);
    }
  }
});
