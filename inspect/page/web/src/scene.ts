// What is shown: for each open group a layout of its children, which are boxes of their own or open groups again. A change opens
// or closes one group and lays out that one and those around it; the layouts of all others stay.
import { EdgeIndex } from './cull.ts';
import { layout, type LayoutInput, type LayoutResult } from './layout.ts';
import type { Item, Tree } from './tree.ts';

export const HEADER = 28, PAD = 18;

export interface Link {
  /** Boxes of the view: children first, then ports. */
  src: number; dst: number;
  /** The values that run along it, each once. */
  values: number[];
  /** Positions of the ends of one of its edges. */
  from: number; to: number;
}

/** An open group with its layout. */
export class View {
  boxes: Item[] = [];
  /** The values of ports; a port stands where edges pass the group's frame. */
  inPorts: number[][] = [];
  outPorts: number[][] = [];
  links: Link[] = [];
  w = new Float64Array(0);
  h = new Float64Array(0);
  result!: LayoutResult;
  index!: EdgeIndex;
  inDx = new Map<number, number>();
  outDx = new Map<number, number>();
  /** Of the frame. */
  width = 0;
  height = 0;
  /** Of the layout in the frame. */
  left = 0;
  top = 0;
  constructor(readonly item: Item) {}
  get portBase() { return this.boxes.length; }
}

const MAX_KEPT_BOXES = 60, MAX_KEPT = 500;  // layouts that are kept

export interface SceneOptions {
  boxSize(item: Item): [number, number];
  /** Lays out what is large elsewhere; null where it was stopped. */
  layoutLarge?: (input: LayoutInput) => Promise<LayoutResult | null>;
  largeFrom?: number;
}

const LARGE = 3000;  // boxes
const MAX_LABEL = 40;  // letters for which a frame is widened
const MAX_PORTS = 24;  // of one side of a frame; more share one

export class Scene {
  private views = new Map<Item, View>();
  private owner: Int32Array;
  root!: View;

  constructor(readonly tree: Tree, readonly options: SceneOptions) {
    this.owner = new Int32Array(tree.ends.length).fill(-1);
  }

  view(item: Item): View | undefined { return item.expanded ? this.views.get(item) : undefined; }

  /** Call after `item` was opened or closed: its layout and those around it are to be made again. */
  invalidate(item: Item | null) {
    for (; item; item = item.parent) this.views.delete(item);
  }
  invalidateAll() { this.views.clear(); }

  /** Lays out what is not. False where it was stopped: then nothing has changed but for `expanded`. */
  async update(): Promise<boolean> {
    const view = await this.layOut(this.tree.root);
    if (!view) return false;
    this.root = view;
    return true;
  }

  /**
   * Shows the first boxes of the file alone, as long as all of them, which are very many side by side, are not laid out. False
   * where they are not so many.
   */
  preview(count: number): boolean {
    const { root } = this.tree, large = this.options.largeFrom ?? LARGE;
    if (!this.options.layoutLarge || root.children.length < large) return false;
    const view = new View(root);
    view.boxes = root.children.slice(0, count);
    if (view.boxes.some(box => box.expanded)) return false;
    const input = this.input(view, [], view.boxes[count - 1].hi);
    this.frame(view, input, layout(input)!);
    this.root = view;
    return true;
  }

  private async layOut(item: Item): Promise<View | null> {
    const known = this.views.get(item);
    if (known) return known;
    const view = new View(item);
    view.boxes = item.children;
    const inner: (View | undefined)[] = [];
    for (const child of item.children) {
      if (!child.expanded || !child.isGroup) { inner.push(undefined); continue; }
      const v = this.views.get(child) ?? await this.layOut(child);
      if (!v) return null;
      inner.push(v);
    }
    const input = this.input(view, inner);
    const large = input.w.length >= (this.options.largeFrom ?? LARGE) && this.options.layoutLarge;
    const result = large ? await large(input) : this.layoutOnce(input);
    if (!result) return null;
    this.frame(view, input, result);
    this.views.set(item, view);
    return view;
  }

  /** Equal groups, as models have them by the hundred, are laid out once. */
  private layoutOnce(input: LayoutInput): LayoutResult | null {
    if (input.w.length > MAX_KEPT_BOXES) return layout(input);
    const key = [input.w, input.h, input.rank, input.src, input.dst, input.srcDx, input.dstDx, input.bundle].join('|');
    let result = this.kept.get(key);
    if (!result) {
      if (this.kept.size >= MAX_KEPT) this.kept.clear();
      result = layout(input)!;
      this.kept.set(key, result);
    }
    return result;
  }
  private kept = new Map<string, LayoutResult>();

  /** Boxes, ports and links of a group; with `end`, of its part ahead of that position, without what leads out of it. */
  private input(view: View, inner: (View | undefined)[], end?: number): LayoutInput {
    const { tree, owner } = this, { item, boxes } = view;
    boxes.forEach((box, i) => { box.slot = i; owner.fill(i, box.lo, box.hi); });
    const inPort = new Map<number, number>(), outPort = new Map<number, number>();
    // By their ends; those of closed boxes, which may be very many, as numbers.
    const links = new Map<string | number, Link>();
    const sources = new Map<string | number, number>();
    const bundle: number[] = [], srcDx: number[] = [], dstDx: number[] = [];
    const port = (ports: Map<number, number>, list: number[][], value: number) => {
      let p = ports.get(value);
      if (p === undefined) {
        p = Math.min(list.length, MAX_PORTS - 1);
        ports.set(value, p);
        if (list[p]) list[p].push(value); else list.push([value]);
      }
      return p;
    };
    // In ports are numbered from 0 and out ports from 0 here; both stand behind the boxes in the end.
    const add = (a: number, aPort: number, b: number, bPort: number, value: number, from: number, to: number) => {
      const s = aPort >= 0 ? `i${aPort}` : inner[a] ? `${a}:${inner[a]!.outDx.get(value)}` : a;
      const t = bPort >= 0 ? `o${bPort}` : inner[b] ? `${b}:${inner[b]!.inDx.get(value)}` : b;
      const key = typeof s === 'number' && typeof t === 'number' ? s * boxes.length + t : `${s}>${t}`;
      const known = links.get(key);
      if (known) { if (known.values[known.values.length - 1] !== value) known.values.push(value); return; }
      links.set(key, { src: aPort >= 0 ? -1 - aPort : a, dst: bPort >= 0 ? -1 - bPort : b, values: [value], from, to });
      let source = sources.get(s);
      if (source === undefined) sources.set(s, source = sources.size);
      bundle.push(source);
      srcDx.push(aPort < 0 ? inner[a]?.outDx.get(value) ?? 0 : 0);
      dstDx.push(bPort < 0 ? inner[b]?.inDx.get(value) ?? 0 : 0);
    };
    // A node with bodies is an end itself, and the frame of its bodies, which no edge enters.
    const lo = item.isEnd ? item.lo + 1 : item.lo, hi = end ?? item.hi;
    for (let p = lo; p < hi; ++p) {
      const b = owner[p];
      for (let k = tree.inStart[p]; k < tree.inStart[p + 1]; ++k) {
        const q = tree.inSrc[k], value = tree.inValue[k];
        if (q >= lo && q < hi) { if (owner[q] !== b) add(owner[q], -1, b, -1, value, q, p); }
        else if (end === undefined) add(-1, port(inPort, view.inPorts, value), b, -1, value, q, p);
      }
      for (let k = tree.outStart[p]; k < tree.outStart[p + 1]; ++k) {
        const q = tree.outDst[k];
        if (end === undefined && (q < lo || q >= hi)) add(b, -1, -1, port(outPort, view.outPorts, tree.outValue[k]), tree.outValue[k], p, q);
      }
    }
    const n = boxes.length, ins = view.inPorts.length, all = n + ins + view.outPorts.length;
    const w = new Float64Array(all).fill(4), h = new Float64Array(all), rank = new Uint8Array(all);
    boxes.forEach((box, i) => {
      const v = inner[i];
      [w[i], h[i]] = v ? [v.width, v.height] : this.options.boxSize(box);
    });
    for (let i = n; i < n + ins; ++i) { h[i] = HEADER; rank[i] = 1; }
    for (let i = n + ins; i < all; ++i) { h[i] = 8; rank[i] = 2; }
    view.links = [...links.values()];
    for (const link of view.links) {
      if (link.src < 0) link.src = n - 1 - link.src;
      if (link.dst < 0) link.dst = n + ins - 1 - link.dst;
    }
    view.w = w;
    view.h = h;
    return {
      w, h, rank, src: Int32Array.from(view.links, l => l.src), dst: Int32Array.from(view.links, l => l.dst),
      srcDx: Float64Array.from(srcDx), dstDx: Float64Array.from(dstDx), bundle: Int32Array.from(bundle), gapX: 26, gapY: 30,
    };
  }

  /** The frame around the layout, and where its ports are. */
  private frame(view: View, input: LayoutInput, result: LayoutResult) {
    view.result = result;
    view.index = new EdgeIndex(result, input.src, input.dst);
    const isRoot = view.item === this.tree.root, ports = view.inPorts.length > 0, outs = view.outPorts.length > 0;
    const label = 70 + Math.min(view.item.label.length, MAX_LABEL) * 7;  // a longer one is cut in its middle
    view.width = Math.max(result.width + 2 * PAD, isRoot ? 0 : label);
    view.left = (view.width - result.width) / 2;
    view.top = isRoot ? 0 : ports ? 0 : HEADER + 8;
    view.height = view.top + result.height + (outs ? 0 : isRoot ? 0 : PAD);
    const n = view.boxes.length;
    view.inPorts.forEach((values, i) => { for (const v of values) view.inDx.set(v, view.left + result.x[n + i] - view.width / 2); });
    view.outPorts.forEach((values, i) => { for (const v of values) view.outDx.set(v, view.left + result.x[n + view.inPorts.length + i] - view.width / 2); });
  }

  /** Where a shown item's box is, from the scene's corner. */
  rect(item: Item): { x: number; y: number; w: number; h: number } {
    if (item === this.tree.root) return { x: 0, y: 0, w: this.root.width, h: this.root.height };
    const parent = item.parent!, outer = this.rect(parent), view = this.views.get(parent);
    if (!view) return outer;
    const i = item.slot, r = view.result;
    return { x: outer.x + view.left + r.x[i] - view.w[i] / 2, y: outer.y + view.top + r.y[i], w: view.w[i], h: view.h[i] };
  }
}
