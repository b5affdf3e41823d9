// What of a layout is on the screen. Layers are sorted by height and boxes in a layer by place, so the layout is its own index.
import type { LayoutResult } from './layout.ts';

export interface Rect { x0: number; y0: number; x1: number; y1: number }

/** The first index in [lo, hi) for which `test` holds, hi where there is none; `test` holds for all behind it. */
export function firstIndex(lo: number, hi: number, test: (i: number) => boolean): number {
  while (lo < hi) {
    const middle = (lo + hi) >> 1;
    if (test(middle)) hi = middle; else lo = middle + 1;
  }
  return lo;
}

/** Layers that touch the height of `rect`, as [first, end). */
export function visibleLayers(result: LayoutResult, rect: Rect): [number, number] {
  const layers = result.layerTop.length;
  const first = firstIndex(0, layers, l => result.layerBottom[l] >= rect.y0);
  return [first, firstIndex(first, layers, l => result.layerTop[l] > rect.y1)];
}

/** Calls `visit` with each box that touches `rect`. */
export function visibleBoxes(result: LayoutResult, w: Float64Array, rect: Rect, visit: (box: number) => void) {
  const [first, end] = visibleLayers(result, rect);
  for (let l = first; l < end; ++l) {
    const stop = result.layerStart[l + 1];
    let i = firstIndex(result.layerStart[l], stop, k => result.x[result.order[k]] + w[result.order[k]] / 2 >= rect.x0);
    for (; i < stop; ++i) {
      const box = result.order[i];
      if (result.x[box] - w[box] / 2 > rect.x1) break;
      visit(box);
    }
  }
}

/** Edges by the layers that they pass, so that those of a few layers are found at once. */
export class EdgeIndex {
  private readonly start: Int32Array;
  private readonly items: Int32Array;
  private readonly tall: number[] = [];
  private static readonly BLOCK = 8;  // layers in a bucket

  constructor(private readonly result: LayoutResult, src: Int32Array, dst: Int32Array) {
    const buckets = Math.ceil(result.layerTop.length / EdgeIndex.BLOCK) + 1;
    const first = (e: number) => Math.floor(Math.min(result.layer[src[e]], result.layer[dst[e]]) / EdgeIndex.BLOCK);
    const last = (e: number) => Math.floor(Math.max(result.layer[src[e]], result.layer[dst[e]]) / EdgeIndex.BLOCK);
    this.start = new Int32Array(buckets + 2);
    for (let e = 0; e < src.length; ++e) {
      if (last(e) - first(e) > 3) { this.tall.push(e); continue; }
      for (let b = first(e); b <= last(e); ++b) this.start[b + 2]++;
    }
    for (let b = 2; b < buckets + 2; ++b) this.start[b] += this.start[b - 1];
    this.items = new Int32Array(this.start[buckets + 1]);
    for (let e = 0; e < src.length; ++e) {
      if (last(e) - first(e) > 3) continue;
      for (let b = first(e); b <= last(e); ++b) this.items[this.start[b + 1]++] = e;
    }
  }

  /** Calls `visit` once with each edge whose points may touch `rect`. */
  visible(rect: Rect, visit: (edge: number) => void) {
    const [first, end] = visibleLayers(this.result, { ...rect, y0: rect.y0 - 60, y1: rect.y1 + 60 });
    const seen = new Set<number>();
    const from = Math.floor(Math.max(0, first - 1) / EdgeIndex.BLOCK), to = Math.floor(Math.max(0, end) / EdgeIndex.BLOCK);
    for (let b = from; b <= to && b + 1 < this.start.length; ++b) {
      for (let k = this.start[b]; k < this.start[b + 1]; ++k) {
        const e = this.items[k];
        if (seen.has(e) || !this.touches(e, rect)) continue;
        seen.add(e);
        visit(e);
      }
    }
    for (const e of this.tall) if (this.touches(e, rect)) visit(e);
  }

  private touches(e: number, rect: Rect): boolean {
    const { points, routeStart } = this.result;
    let x0 = Infinity, x1 = -Infinity, y0 = Infinity, y1 = -Infinity;
    for (let p = routeStart[e]; p < routeStart[e + 1]; ++p) {
      const x = points[2 * p], y = points[2 * p + 1];
      if (x < x0) x0 = x;
      if (x > x1) x1 = x;
      if (y < y0) y0 = y;
      if (y > y1) y1 = y;
    }
    return x1 >= rect.x0 && x0 <= rect.x1 && y1 >= rect.y0 && y0 <= rect.y1;
  }
}
