// A layered layout, top to bottom, in time that is linear but for sorting: layers by the longest path, dummies where an edge
// passes a layer, long edges on rails at the side, a few sweeps for order and for places. The order of boxes is that of the
// file wherever edges do not ask for another, and nothing is random: the same graph has the same picture, and a graph that is
// changed a little a similar one. Pure: numbers in, numbers out.
//
// After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures", 1981. Places in a layer
// are an isotonic regression (pool adjacent violators), which is the least-squares answer for a given order.

export interface LayoutInput {
  /** Sizes of the boxes, in the order of the file. */
  w: Float64Array;
  h: Float64Array;
  /** 0 for boxes, 1 for what must be in the first layer, 2 for what must be in the last. */
  rank: Uint8Array;
  /** Edges: boxes, and where they leave and arrive, from the box's middle. */
  src: Int32Array;
  dst: Int32Array;
  srcDx: Float64Array;
  dstDx: Float64Array;
  /** Edges of one source that are one value share their way: equal numbers, at most as many as edges. */
  bundle: Int32Array;
  gapX: number;
  gapY: number;
}

export interface LayoutResult {
  /** Middles in x and tops in y; everything lies in [0, width] x [0, height]. */
  x: Float64Array;
  y: Float64Array;
  width: number;
  height: number;
  /** Boxes by layer, from left to right: those of layer l are order[layerStart[l]] to order[layerStart[l + 1] - 1]. */
  order: Int32Array;
  layerStart: Int32Array;
  layerTop: Float64Array;
  layerBottom: Float64Array;
  layer: Int32Array;
  /** Edge e runs along points[2 * routeStart[e]] (x, y pairs): its ends and, between them, pairs of upper and lower points. */
  routeStart: Int32Array;
  points: Float64Array;
  /** 1 where an edge runs on a rail: its points are corners, to be joined at right angles. */
  onRail: Uint8Array;
}

const MAX_SPAN = 14;       // longer edges run on rails
const LARGE = 20000;       // boxes side by side that are seen as a texture: their picture is to be there at once
const MAX_SPAN_LARGE = 5;
const DUMMY_WIDTH = 10;
const RAIL_GAP = 9;
const MAX_RAILS = 40;      // more share

/** Kahn's order with the file's as second key; where there is a cycle, the first box of the file that is left goes ahead. */
function topologicalRank(n: number, src: Int32Array, dst: Int32Array): Int32Array {
  const start = new Int32Array(n + 2), degree = new Int32Array(n);
  for (let e = 0; e < src.length; ++e) { if (src[e] !== dst[e]) { start[src[e] + 2]++; degree[dst[e]]++; } }
  for (let i = 2; i < n + 2; ++i) start[i] += start[i - 1];
  const next = new Int32Array(start[n + 1]);
  for (let e = 0; e < src.length; ++e) if (src[e] !== dst[e]) next[start[src[e] + 1]++] = dst[e];
  const heap: number[] = [];
  const push = (v: number) => {
    let i = heap.length;
    heap.push(v);
    for (let p; i > 0 && heap[p = (i - 1) >> 1] > v; i = p) { heap[i] = heap[p]; heap[p] = v; }
  };
  const pop = () => {
    const top = heap[0], last = heap.pop()!;
    if (heap.length) {
      let i = 0;
      for (let c; (c = 2 * i + 1) < heap.length; i = c) {
        if (c + 1 < heap.length && heap[c + 1] < heap[c]) ++c;
        if (heap[c] >= last) break;
        heap[i] = heap[c];
      }
      heap[i] = last;
    }
    return top;
  };
  const rank = new Int32Array(n).fill(-1);
  for (let i = 0; i < n; ++i) if (degree[i] === 0) push(i);
  let done = 0, stuck = 0;
  while (done < n) {
    if (!heap.length) {
      while (rank[stuck] >= 0) ++stuck;
      push(stuck);
    }
    const v = pop();
    if (rank[v] >= 0) continue;
    rank[v] = done++;
    for (let k = start[v]; k < start[v + 1]; ++k) if (--degree[next[k]] === 0 && rank[next[k]] < 0) push(next[k]);
  }
  return rank;
}

/** Layers by the longest path; what nothing leads to stands right above what it leads to. */
function assignLayers(input: LayoutInput, rank: Int32Array): Int32Array {
  const n = input.w.length, { src, dst } = input;
  const byRank = new Int32Array(n);
  for (let i = 0; i < n; ++i) byRank[rank[i]] = i;
  const forward = (e: number) => rank[src[e]] < rank[dst[e]];
  const { start, items } = group(n, src.length, e => src[e]);
  const layer = new Int32Array(n);
  let first = 0;
  for (let i = 0; i < n; ++i) if (input.rank[i] === 1) first = 1;
  for (let i = 0; i < n; ++i) layer[i] = input.rank[i] === 1 ? 0 : first;
  const hasIn = new Uint8Array(n);
  for (let r = 0; r < n; ++r) {
    const v = byRank[r];
    for (let k = start[v]; k < start[v + 1]; ++k) {
      const e = items[k];
      if (!forward(e)) continue;
      hasIn[dst[e]] = 1;
      layer[dst[e]] = Math.max(layer[dst[e]], layer[v] + 1);
    }
  }
  for (let r = n - 1; r >= 0; --r) {
    const v = byRank[r];
    if (hasIn[v] || input.rank[v]) continue;
    let lowest = Infinity;
    for (let k = start[v]; k < start[v + 1]; ++k) if (forward(items[k])) lowest = Math.min(lowest, layer[dst[items[k]]]);
    if (lowest !== Infinity) layer[v] = Math.max(layer[v], lowest - 1);
  }
  let last = 0;
  for (let i = 0; i < n; ++i) if (input.rank[i] !== 2) last = Math.max(last, layer[i]);
  for (let i = 0; i < n; ++i) if (input.rank[i] === 2) layer[i] = last + 1;
  return layer;
}

/** Items 0..count-1 by key: a counting sort. */
function group(keys: number, count: number, key: (i: number) => number): { start: Int32Array; items: Int32Array } {
  const start = new Int32Array(keys + 2);
  for (let i = 0; i < count; ++i) start[key(i) + 2]++;
  for (let i = 2; i < keys + 2; ++i) start[i] += start[i - 1];
  const items = new Int32Array(count);
  for (let i = 0; i < count; ++i) items[start[key(i) + 1]++] = i;
  return { start, items };
}

// Blocks of places that have met; kept, because rows are many and short.
let blockMean = new Float64Array(64), blockMass = new Float64Array(64), blockSize = new Int32Array(64);

/** The places nearest to `want`, in the sense of weighted squares, that keep the order and the distances. */
export function place(want: Float64Array, weight: Float64Array, distance: Float64Array, count: number, out: Float64Array) {
  if (count === 1) { out[0] = want[0]; return; }
  if (blockMean.length < count) {
    blockMean = new Float64Array(2 * count);
    blockMass = new Float64Array(2 * count);
    blockSize = new Int32Array(2 * count);
  }
  const mean = blockMean, mass = blockMass, size = blockSize;
  let shift = 0, blocks = 0;
  for (let i = 0; i < count; ++i) {
    if (i) shift += distance[i];
    let m = want[i] - shift, w = weight[i], s = 1;
    while (blocks && mean[blocks - 1] >= m) {
      --blocks;
      m = (m * w + mean[blocks] * mass[blocks]) / (w + mass[blocks]);
      w += mass[blocks];
      s += size[blocks];
    }
    mean[blocks] = m; mass[blocks] = w; size[blocks++] = s;
  }
  shift = 0;
  for (let b = 0, i = 0; b < blocks; ++b) {
    for (let k = 0; k < size[b]; ++k, ++i) {
      if (i) shift += distance[i];
      out[i] = mean[b] + shift;
    }
  }
}

/** How far the middles of two neighbours in a row are to be apart. */
function apart(a: number, b: number, width: Float64Array, boxes: number, gap: number): number {
  return (width[a] + width[b]) / 2 + (a >= boxes && b >= boxes ? 4 : a >= boxes || b >= boxes ? gap * 0.6 : gap);
}

interface Groups { start: Int32Array; items: Int32Array }

/**
 * Chains (dummies of one edge, boxes of which one directly follows the other and no third does) are made straight, where the
 * neighbours in their rows leave room: a line that wavers is seen as one that means something.
 */
function straighten(rows: Int32Array[], x: Float64Array, width: Float64Array, boxes: number, gap: number, src: number[], dst: number[],
                    srcDx: number[], dstDx: number[], down: Groups, up: Groups) {
  const total = x.length, next = new Int32Array(total).fill(-1), shift = new Float64Array(total), head = new Uint8Array(total).fill(1);
  // How many boxes are right above and below: what skips some goes beside those that it skips.
  const above = new Int32Array(total), below = new Int32Array(total);
  for (let e = 0; e < src.length; ++e) if (src[e] < boxes && dst[e] < boxes) { ++above[dst[e]]; ++below[src[e]]; }
  const only = (g: Groups, v: number) => g.start[v + 1] - g.start[v] === 1;
  const join = (wanted: (a: number, b: number) => boolean) => {
    for (let e = 0; e < src.length; ++e) {
      const a = src[e], b = dst[e];
      if (next[a] >= 0 || !head[b] || !wanted(a, b)) continue;
      next[a] = b; head[b] = 0; shift[b] = srcDx[e] - dstDx[e];
    }
  };
  join((a, b) => a < boxes && b < boxes && below[a] === 1 && above[b] === 1);
  join((a, b) => (a >= boxes && b >= boxes) || (only(up, a) && only(down, b)));
  const left = new Int32Array(total).fill(-1), right = new Int32Array(total).fill(-1);
  for (const row of rows) for (let k = 1; k < row.length; ++k) { left[row[k]] = row[k - 1]; right[row[k - 1]] = row[k]; }
  const move = (from: number, ideal: number) => {
    let lo = -Infinity, hi = Infinity, offset = 0;
    for (let v = from; v >= 0; v = next[v]) {
      if (v !== from) offset += shift[v];
      if (left[v] >= 0) lo = Math.max(lo, x[left[v]] + apart(left[v], v, width, boxes, gap) - offset);
      if (right[v] >= 0) hi = Math.min(hi, x[right[v]] - apart(v, right[v], width, boxes, gap) - offset);
    }
    if (lo > hi + 0.01) return;
    offset = 0;
    const at = Math.max(lo, Math.min(hi, ideal));
    for (let v = from; v >= 0; v = next[v]) { if (v !== from) offset += shift[v]; x[v] = at + offset; }
  };
  const length = (v: number) => { let count = 0; for (let u = v; u >= 0; u = next[u]) ++count; return count; };
  // Where the head of a chain is best: its edges to others pull it.
  const ideal = (v: number) => {
    let sum = 0, count = 0, offset = 0;
    for (let u = v; u >= 0; u = next[u]) {
      if (u !== v) offset += shift[u];
      sum += x[u] - offset;
      ++count;
      for (let k = down.start[u]; k < down.start[u + 1]; ++k) { const e = down.items[k]; if (next[src[e]] !== u) { sum += 2 * (x[src[e]] + srcDx[e] - dstDx[e] - offset); count += 2; } }
      for (let k = up.start[u]; k < up.start[u + 1]; ++k) { const e = up.items[k]; if (next[u] !== dst[e]) { sum += 2 * (x[dst[e]] + dstDx[e] - srcDx[e] - offset); count += 2; } }
    }
    return sum / count;
  };
  // Long chains push aside what is beside them, the second time as good as straight.
  const want = new Float64Array(total), weight = new Float64Array(total).fill(1);
  let widest = 0;
  for (const row of rows) widest = Math.max(widest, row.length);
  const rowWant = new Float64Array(widest), rowWeight = new Float64Array(widest), distance = new Float64Array(widest), result = new Float64Array(widest);
  for (let round = 0; round < 2; ++round) {
    want.set(x);
    for (let v = 0; v < total; ++v) {
      if (!head[v] || next[v] < 0) continue;
      let at = ideal(v);
      const heavy = Math.min(length(v), 200) ** 6;
      for (let u = v; u >= 0; u = next[u]) { if (u !== v) at += shift[u]; want[u] = at; weight[u] = heavy; }
    }
    for (const row of rows) {
      for (let k = 0; k < row.length; ++k) {
        rowWant[k] = want[row[k]];
        rowWeight[k] = weight[row[k]];
        if (k) distance[k] = apart(row[k - 1], row[k], width, boxes, gap);
      }
      place(rowWant, rowWeight, distance, row.length, result);
      for (let k = 0; k < row.length; ++k) x[row[k]] = result[k];
    }
  }
  for (let pass = 0; pass < 3; ++pass) for (let v = 0; v < total; ++v) if (head[v] && next[v] >= 0) move(v, ideal(v));
}

export function layout(input: LayoutInput, stopped: () => boolean = () => false): LayoutResult | null {
  const n = input.w.length, m = input.src.length, { src, dst } = input;
  const rank = topologicalRank(n, src, dst);
  const layerOfBox = assignLayers(input, rank);
  let layers = 0;
  for (let i = 0; i < n; ++i) layers = Math.max(layers, layerOfBox[i] + 1);
  if (stopped()) return null;

  const large = n > LARGE, maxSpan = large ? MAX_SPAN_LARGE : MAX_SPAN;

  // Chains of dummies, one for each bundle, as long as its longest edge that is not on a rail.
  const onRail = new Uint8Array(m);
  let bundles = 0;
  for (let e = 0; e < m; ++e) bundles = Math.max(bundles, input.bundle[e] + 1);
  const chainEnd = new Int32Array(bundles).fill(-1), chainSource = new Int32Array(bundles);
  for (let e = 0; e < m; ++e) {
    const from = layerOfBox[src[e]], to = layerOfBox[dst[e]], b = input.bundle[e];
    onRail[e] = to <= from || to - from > maxSpan ? 1 : 0;
    chainSource[b] = src[e];
    if (!onRail[e]) chainEnd[b] = Math.max(chainEnd[b], to - 1);
  }
  const chainStart = new Int32Array(bundles + 1);
  let total = n;
  for (let b = 0; b < bundles; ++b) {
    chainStart[b] = total;
    total += Math.max(0, chainEnd[b] - layerOfBox[chainSource[b]]);
  }
  chainStart[bundles] = total;
  const layer = new Int32Array(total), width = new Float64Array(total);
  layer.set(layerOfBox);
  width.set(input.w);
  const bundleOf = new Int32Array(total).fill(-1);
  for (let b = 0; b < bundles; ++b) {
    for (let k = chainStart[b]; k < chainStart[b + 1]; ++k) {
      layer[k] = layerOfBox[chainSource[b]] + 1 + k - chainStart[b];
      width[k] = DUMMY_WIDTH;
      bundleOf[k] = b;
    }
  }

  // Short edges: between neighbouring layers, of boxes and dummies.
  const sSrc: number[] = [], sDst: number[] = [], sSrcDx: number[] = [], sDstDx: number[] = [], sWeight: number[] = [];
  const short = (a: number, b: number, adx: number, bdx: number) => {
    sSrc.push(a); sDst.push(b); sSrcDx.push(adx); sDstDx.push(bdx);
    // What passes by is to be straight, and a chain of boxes straighter than what joins it from the side.
    sWeight.push(a >= n && b >= n ? 8 : a >= n || b >= n ? 1 : 3);
  };
  const begun = new Uint8Array(bundles);
  for (let e = 0; e < m; ++e) {
    if (onRail[e]) continue;
    const b = input.bundle[e], from = layerOfBox[src[e]], to = layerOfBox[dst[e]];
    if (!begun[b] && chainStart[b] < chainStart[b + 1]) {
      begun[b] = 1;
      short(src[e], chainStart[b], input.srcDx[e], 0);
      for (let k = chainStart[b] + 1; k < chainStart[b + 1]; ++k) short(k - 1, k, 0, 0);
    }
    if (to - from === 1) short(src[e], dst[e], input.srcDx[e], input.dstDx[e]);
    else short(chainStart[b] + to - from - 2, dst[e], 0, input.dstDx[e]);
  }
  const count = sSrc.length;
  const down = group(total, count, e => sDst[e]), up = group(total, count, e => sSrc[e]);

  // Order in the layers: the file's, then towards the middle of the neighbours.
  const key = new Float64Array(total);
  for (let i = 0; i < n; ++i) key[i] = i;
  for (let k = n; k < total; ++k) key[k] = chainSource[bundleOf[k]] + 0.5;
  const byLayer = group(layers, total, i => layer[i]);
  const rows: Int32Array[] = [];
  for (let l = 0; l < layers; ++l) rows.push(byLayer.items.slice(byLayer.start[l], byLayer.start[l + 1]).sort((a, b) => key[a] - key[b] || a - b));
  const pos = new Float64Array(total);
  // Positions are counted along a row's width, so that rows of different lengths compare.
  const spread = (row: Int32Array) => {
    let sum = 0;
    for (let i = 0; i < row.length; ++i) { pos[row[i]] = sum + width[row[i]] / 2; sum += width[row[i]] + input.gapX; }
    for (let i = 0; i < row.length; ++i) pos[row[i]] -= sum / 2;
  };
  rows.forEach(spread);
  const want = new Float64Array(total);
  for (let sweep = 0; sweep < (large ? 2 : 4); ++sweep) {
    if (stopped()) return null;
    const { start, items } = sweep % 2 ? up : down;
    for (let i = 0; i < layers; ++i) {
      const row = rows[sweep % 2 ? layers - 1 - i : i];
      if (row.length < 2) continue;
      for (let k = 0; k < row.length; ++k) {
        const v = row[k];
        let sum = 0, c = 0;
        for (let j = start[v]; j < start[v + 1]; ++j) {
          const e = items[j];
          sum += sweep % 2 ? pos[sDst[e]] + sDstDx[e] : pos[sSrc[e]] + sSrcDx[e];
          ++c;
        }
        want[v] = c ? sum / c : pos[v];
      }
      const before = pos;
      row.sort((a, b) => want[a] - want[b] || before[a] - before[b]);
      spread(row);
    }
  }

  // Places: each row towards its neighbours above, then below, in turn; the last time towards both.
  const x = new Float64Array(total);
  x.set(pos);
  let widest = 0;
  for (const row of rows) widest = Math.max(widest, row.length);
  const wantRow = new Float64Array(widest), weightRow = new Float64Array(widest), distance = new Float64Array(widest);
  const result = new Float64Array(widest);
  // Small graphs are worth more passes.
  const passes = large ? 3 : total < 4000 ? 15 : 7;
  let settled = false;
  for (let pass = 0, last = false; !last; ++pass) {
    if (stopped()) return null;
    last = pass === passes - 1 || (settled && pass > 1);
    const upward = pass % 2 === 1, both = last;
    let moved = 0;
    for (let i = 0; i < layers; ++i) {
      const row = rows[upward ? layers - 1 - i : i];
      for (let k = 0; k < row.length; ++k) {
        const v = row[k];
        let sum = 0, mass = 0;
        if (!upward || both) for (let j = down.start[v]; j < down.start[v + 1]; ++j) {
          const e = down.items[j];
          sum += sWeight[e] * (x[sSrc[e]] + sSrcDx[e] - sDstDx[e]);
          mass += sWeight[e];
        }
        if (upward || both) for (let j = up.start[v]; j < up.start[v + 1]; ++j) {
          const e = up.items[j];
          sum += sWeight[e] * (x[sDst[e]] + sDstDx[e] - sSrcDx[e]);
          mass += sWeight[e];
        }
        // A long chain that leans to a side by a little in each layer stays near the middle.
        wantRow[k] = (mass ? sum / mass : x[v]) * 0.995;
        weightRow[k] = Math.max(mass, 0.05);
        if (k) distance[k] = apart(row[k - 1], v, width, n, input.gapX);
      }
      place(wantRow, weightRow, distance, row.length, result);
      for (let k = 0; k < row.length; ++k) {
        moved = Math.max(moved, Math.abs(x[row[k]] - result[k]));
        x[row[k]] = result[k];
      }
    }
    settled = moved < 0.5;
  }

  if (!large) straighten(rows, x, width, n, input.gapX, sSrc, sDst, sSrcDx, sDstDx, down, up);

  // Heights of layers, and the whole to the corner.
  const layerTop = new Float64Array(layers), layerBottom = new Float64Array(layers), y = new Float64Array(n);
  let top = 0;
  for (let l = 0; l < layers; ++l) {
    let height = 0;
    for (const v of rows[l]) if (v < n) height = Math.max(height, input.h[v]);
    layerTop[l] = top;
    layerBottom[l] = top + height;
    for (const v of rows[l]) if (v < n) y[v] = height > 90 ? top : top + (height - input.h[v]) / 2;
    top += height + (height > 0 ? input.gapY : input.gapY * 0.5);
  }
  const height = layers ? layerBottom[layers - 1] : 0;
  let left = Infinity, right = -Infinity;
  for (let i = 0; i < total; ++i) { left = Math.min(left, x[i] - width[i] / 2); right = Math.max(right, x[i] + width[i] / 2); }
  if (!total) left = right = 0;
  for (let i = 0; i < total; ++i) x[i] -= left;
  right -= left;

  // Rails: one for each bundle, on the side that is nearer to its source, the short ones inside.
  const railFrom = new Map<number, [number, number]>();
  for (let e = 0; e < m; ++e) {
    if (!onRail[e]) continue;
    const a = Math.min(layerOfBox[src[e]], layerOfBox[dst[e]]), b = Math.max(layerOfBox[src[e]], layerOfBox[dst[e]]);
    const span = railFrom.get(input.bundle[e]);
    if (span) { span[0] = Math.min(span[0], a); span[1] = Math.max(span[1], b); } else railFrom.set(input.bundle[e], [a, b]);
  }
  const railX = new Map<number, number>();
  let leftRails = 0, rightRails = 0;
  const ends: number[][] = [[], []];  // by side and track: the layer where its last rail ends
  for (const [b, [from, to]] of [...railFrom].sort((p, q) => p[1][0] - q[1][0] || (p[1][1] - p[1][0]) - (q[1][1] - q[1][0]))) {
    const side = x[chainSource[b]] * 2 < right ? 0 : 1;
    let track = ends[side].findIndex(end => end < from);
    if (track < 0) track = ends[side].length < MAX_RAILS ? ends[side].length : b % MAX_RAILS;
    ends[side][track] = to;
    railX.set(b, side ? track + 1 : -track - 1);
    if (side) rightRails = Math.max(rightRails, track + 1); else leftRails = Math.max(leftRails, track + 1);
  }
  const margin = leftRails ? leftRails * RAIL_GAP + 8 : 0;
  for (let i = 0; i < total; ++i) x[i] += margin;
  for (const [b, track] of railX) railX.set(b, track > 0 ? margin + right + 8 + track * RAIL_GAP : margin - 8 + track * RAIL_GAP);
  const fullWidth = margin + right + (rightRails ? rightRails * RAIL_GAP + 8 : 0);

  // Ways of the edges.
  const routeStart = new Int32Array(m + 1);
  for (let e = 0; e < m; ++e) {
    const between = onRail[e] ? 4 : 2 * Math.max(0, layerOfBox[dst[e]] - layerOfBox[src[e]] - 1) + 2;
    routeStart[e + 1] = routeStart[e] + between + 2;
  }
  const points = new Float64Array(2 * routeStart[m]);
  let put = 0;
  const point = (px: number, py: number) => { points[put++] = px; points[put++] = py; };
  for (let e = 0; e < m; ++e) {
    const s = src[e], t = dst[e], sx = x[s] + input.srcDx[e], tx = x[t] + input.dstDx[e];
    const sl = layerOfBox[s], tl = layerOfBox[t], b = input.bundle[e];
    point(sx, y[s] + input.h[s]);
    if (onRail[e]) {
      const rx = railX.get(b)!, lane = input.gapY * 0.36;
      point(sx, layerBottom[sl] + lane);
      point(rx, layerBottom[sl] + lane);
      point(rx, layerTop[tl] - lane);
      point(tx, layerTop[tl] - lane);
    } else {
      point(sx, layerBottom[sl]);
      for (let l = sl + 1; l < tl; ++l) {
        const d = x[chainStart[b] + l - sl - 1];
        point(d, layerTop[l]);
        point(d, layerBottom[l]);
      }
      point(tx, layerTop[tl]);
    }
    point(tx, y[t]);
  }

  const order = new Int32Array(n), layerStart = new Int32Array(layers + 1);
  let o = 0;
  for (let l = 0; l < layers; ++l) {
    for (const v of rows[l]) if (v < n) order[o++] = v;
    layerStart[l + 1] = o;
  }
  return {
    x: x.slice(0, n), y, width: fullWidth, height, order, layerStart, layerTop, layerBottom, layer: layerOfBox,
    routeStart, points, onRail,
  };
}
