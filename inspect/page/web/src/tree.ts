// The hierarchy: scopes from names ("/layer1/layer1.0/conv1/Conv"), layers, and the bodies of nodes that name functions. Boxes are
// items; what is an end of edges (a node, an input, an output) has a position, in the order in which the tree is walked, and each
// group covers a range of them.
import type { Model } from './data.ts';

export type Kind = 'group' | 'run' | 'body' | 'node' | 'input' | 'output';

export class Item {
  children: Item[] = [];
  /** Positions of the ends of edges in it: [lo, hi). A node's own is lo. */
  lo = 0;
  hi = 0;
  /** How many nodes are in it. */
  ops = 0;
  node = -1;   // of the model
  value = -1;  // of an input or output
  expanded = false;
  /** Which of its parent's children it is, while those are shown. */
  slot = 0;
  constructor(readonly id: number, readonly kind: Kind, public label: string, public parent: Item | null, readonly graph: number) {}
  get isGroup() { return this.children.length > 0; }
  get isEnd() { return this.kind === 'node' || this.kind === 'input' || this.kind === 'output'; }
}

export interface TreeOptions { constants: boolean; maxInstances: number; onlyChanges?: boolean }

const MAX_DEPTH = 40;  // of scopes; further parts of a name are its last

export class Tree {
  readonly root: Item;
  readonly items: Item[] = [];
  /** By position. */
  ends: Item[] = [];
  /** Edges by position: of position p those from edgeStart[p] on, sorted by their source or their target. */
  inStart = new Int32Array(1); inSrc = new Int32Array(0); inValue = new Int32Array(0);
  outStart = new Int32Array(1); outDst = new Int32Array(0); outValue = new Int32Array(0);
  /** The first item of each node of the model. */
  itemOfNode: Int32Array;
  private instances = 0;
  private scopeOf = new Map<Item, { items: Item[]; base: number }>();
  private edges: { src: Item; dst: Item; value: number }[] = [];

  constructor(readonly model: Model, readonly options: TreeOptions = { constants: false, maxInstances: 200000 }) {
    this.itemOfNode = new Int32Array(model.nodeName.length).fill(-1);
    this.root = this.add('group', model.name || model.file, null, 0);
    this.root.expanded = true;
    this.addGraph(this.root, 0, 0);
    this.compress(this.root);
    if (options.onlyChanges && model.change) this.foldSame(this.root);
    this.number();
    this.foldRuns(this.root);
    this.linkEdges();
  }

  private add(kind: Kind, label: string, parent: Item | null, graph: number): Item {
    const item = new Item(this.items.length, kind, label, parent, graph);
    this.items.push(item);
    parent?.children.push(item);
    return item;
  }

  private addGraph(root: Item, number: number, depth: number) {
    const { model } = this, graph = model.graphs[number];
    const producer = new Map<number, Item>();
    for (const v of graph.inputs) {
      const item = this.add('input', model.valueName[v], root, number);
      item.value = v;
      producer.set(v, item);
    }
    const scopes = new Map<string, Item>();
    const scope = (parts: string[]): Item => {
      let key = '', at = root;
      for (const part of parts) {
        key += '/' + part;
        let next = scopes.get(key);
        if (!next) { next = this.add('group', part, at, number); scopes.set(key, next); }
        at = next;
      }
      return at;
    };
    const items: (Item | null)[] = [];
    for (let n = graph.nodeLo; n < graph.nodeHi; ++n) {
      if (model.nodeFlag[n] && !this.options.constants) { items.push(null); continue; }
      ++this.instances;
      const parts = scopeParts(model.nodeName[n], model.nodeLayer[n]);
      const item = this.add('node', parts.pop()!, scope(parts), number);
      item.node = n;
      if (this.itemOfNode[n] < 0) this.itemOfNode[n] = item.id;
      items.push(item);
      for (let k = model.outStart[n]; k < model.outStart[n + 1]; ++k) if (model.outs[k] >= 0) producer.set(model.outs[k], item);
    }
    for (const v of graph.outputs) {
      const item = this.add('output', model.valueName[v], root, number);
      item.value = v;
      if (producer.has(v)) this.edges.push({ src: producer.get(v)!, dst: item, value: v });
    }
    items.forEach((item, i) => {
      if (!item) return;
      const n = graph.nodeLo + i;
      for (let k = model.inStart[n]; k < model.inStart[n + 1]; ++k) {
        const src = producer.get(model.ins[k]);
        if (src) this.edges.push({ src, dst: item, value: model.ins[k] });
      }
      for (const [label, callee] of model.calls.get(n) ?? []) {
        const size = model.graphs[callee].nodeHi - model.graphs[callee].nodeLo;
        if (depth >= MAX_DEPTH || this.instances + size > this.options.maxInstances) continue;
        const body = this.add('body', label, item, callee);
        this.addGraph(body, callee, depth + 1);
      }
    });
  }

  /** A scope of one box is that box. */
  private compress(item: Item) {
    for (let i = 0; i < item.children.length; ++i) {
      let child = item.children[i];
      while (child.kind === 'group' && child.children.length === 1) {
        const only = child.children[0];
        only.parent = item;
        // The op tells what a node is; its scope, which one.
        only.label = only.kind === 'node' ? child.label : `${child.label}/${only.label}`;
        item.children[i] = child = only;
      }
      this.compress(child);
    }
  }

  /** Of two models: what is the same in both, in a row, becomes one box. True where all of the item is. */
  private foldSame(item: Item): boolean {
    if (item.kind === 'input' || item.kind === 'output') return false;
    const same = item.children.map(child => this.foldSame(child));
    const own = item.node < 0 || (this.model.change!.get(item.node)?.change ?? 'same') === 'same';
    if (own && item.children.length && same.every(Boolean)) return true;
    if (!item.children.length) return own;
    const kept: Item[] = [];
    for (let i = 0; i < item.children.length;) {
      let end = i;
      while (end < item.children.length && same[end] && item.children[end].kind !== 'body') ++end;
      if (end - i < 2) { kept.push(item.children[i++]); continue; }
      const fold = new Item(this.items.length, 'group', '', item, item.graph);
      this.items.push(fold);
      fold.children = item.children.slice(i, end);
      let count = 0;
      const walk = (at: Item) => { if (at.node >= 0) ++count; at.children.forEach(walk); };
      fold.children.forEach(child => { child.parent = fold; walk(child); });
      fold.label = `… ${count} the same …`;
      kept.push(fold);
      i = end;
    }
    item.children = kept;
    return false;
  }

  private number() {
    const walk = (item: Item) => {
      item.lo = this.ends.length;
      item.ops = item.kind === 'node' ? 1 : 0;
      if (item.isEnd) this.ends.push(item);
      for (const child of item.children) { walk(child); item.ops += child.ops; }
      item.hi = this.ends.length;
    };
    walk(this.root);
  }

  /** What a group computes, without names: equal texts are equal blocks. */
  private signature(item: Item, producers: Map<Item, { src: Item; dst: Item; value: number }[]>): string {
    const parts: (string | number)[] = [];
    for (let p = item.lo; p < item.hi; ++p) {
      const end = this.ends[p], n = end.node;
      parts.push(end.kind);
      if (n < 0) continue;
      parts.push(this.model.nodeOp[n], this.model.nodeAttrKey[n]);
      for (let k = this.model.outStart[n]; k < this.model.outStart[n + 1]; ++k) if (this.model.outs[k] >= 0) parts.push(this.model.valueType[this.model.outs[k]]);
      for (const e of producers.get(end) ?? []) parts.push(e.src.lo >= item.lo && e.src.lo < item.hi ? p - e.src.lo : 'x');
      const change = this.model.change?.get(n);
      if (change && change.change !== 'same') parts.push(change.change, n);
    }
    return parts.join();
  }

  /** Equal blocks in a row become one box. */
  private foldRuns(root: Item) {
    const producers = new Map<Item, { src: Item; dst: Item; value: number }[]>();
    for (const e of this.edges) { const list = producers.get(e.dst); if (list) list.push(e); else producers.set(e.dst, [e]); }
    const walk = (item: Item) => {
      const kept: Item[] = [];
      for (let i = 0; i < item.children.length;) {
        const first = item.children[i];
        let end = i + 1;
        if (first.kind === 'group' && first.ops > 1) {
          let text: string | null = null;
          while (end < item.children.length && item.children[end].kind === 'group' && item.children[end].ops === first.ops) {
            text ??= this.signature(first, producers);
            if (this.signature(item.children[end], producers) !== text) break;
            ++end;
          }
        }
        if (end - i < 2) {
          for (; i < end; ++i) kept.push(item.children[i]);
          continue;
        }
        const run = new Item(this.items.length, 'run', runLabel(first.label, item.children[end - 1].label), item, item.graph);
        this.items.push(run);
        run.children = item.children.slice(i, end);
        for (const child of run.children) { child.parent = run; run.ops += child.ops; }
        run.lo = first.lo;
        run.hi = run.children[run.children.length - 1].hi;
        kept.push(run);
        i = end;
      }
      item.children = kept;
      if (kept.length === 1 && kept[0].kind === 'run' && item.kind === 'group' && item !== root) {
        // A group of nothing but a run is that run.
        const [run] = kept, siblings = item.parent!.children;
        run.label = `${item.label}/${run.label}`;
        run.parent = item.parent;
        siblings[siblings.indexOf(item)] = run;
      }
      for (const child of kept) for (const c of child.kind === 'run' ? child.children : [child]) walk(c);
    };
    walk(root);
  }

  private linkEdges() {
    const n = this.ends.length, { edges } = this;
    this.inStart = new Int32Array(n + 1); this.outStart = new Int32Array(n + 1);
    for (const e of edges) { this.inStart[e.dst.lo + 1]++; this.outStart[e.src.lo + 1]++; }
    for (let i = 0; i < n; ++i) { this.inStart[i + 1] += this.inStart[i]; this.outStart[i + 1] += this.outStart[i]; }
    this.inSrc = new Int32Array(edges.length); this.inValue = new Int32Array(edges.length);
    this.outDst = new Int32Array(edges.length); this.outValue = new Int32Array(edges.length);
    const inAt = this.inStart.slice(), outAt = this.outStart.slice();
    for (const e of edges) {
      const i = inAt[e.dst.lo]++, o = outAt[e.src.lo]++;
      this.inSrc[i] = e.src.lo; this.inValue[i] = e.value;
      this.outDst[o] = e.dst.lo; this.outValue[o] = e.value;
    }
    this.edges = [];
  }

  /** Opens levels as long as no more than `most` boxes show. */
  openTo(most: number) {
    for (const item of this.items) item.expanded = item === this.root;
    let level = [this.root], shown = this.root.children.length;
    while (level.length) {
      const next: Item[] = [];
      for (const item of level) for (const child of item.children) if (child.isGroup) next.push(child);
      const more = next.reduce((sum, item) => sum + item.children.length, 0);
      if (!next.length || shown + more > most) break;
      for (const item of next) item.expanded = true;
      shown += more;
      level = next;
    }
    // What is left: the groups that fit, the largest share of nodes first would move with every edit, so in order.
    for (const item of level) for (const child of item.children) {
      if (child.isGroup && child.kind !== 'body' && level[0] === this.root && shown < most / 2 && shown + child.children.length <= most) {
        child.expanded = true;
        shown += child.children.length;
      }
    }
  }

  /** Of two models: opens the groups in which something differs, as long as no more than `most` boxes show. */
  openChanges(most: number) {
    const { change } = this.model;
    for (const item of this.items) item.expanded = item === this.root;
    const differing = new Int32Array(this.ends.length + 1);
    this.ends.forEach((end, p) => { differing[p + 1] = differing[p] + (end.node >= 0 && (change?.get(end.node)?.change ?? 'same') !== 'same' ? 1 : 0); });
    const queue = [this.root];
    let shown = this.root.children.length;
    for (let i = 0; i < queue.length; ++i) {
      for (const child of queue[i].children) {
        const count = differing[child.hi] - differing[child.lo];
        // A group that is new as a whole is told by its own colour.
        if (!child.isGroup || !count || count === child.ops || shown + child.children.length > most) continue;
        child.expanded = true;
        shown += child.children.length;
        queue.push(child);
      }
    }
  }

  openToDepth(depth: number) {
    const walk = (item: Item, d: number) => {
      if (item !== this.root) item.expanded = item.isGroup && d <= depth;
      const inner = item.kind === 'run' ? d : d + 1;
      for (const child of item.children) walk(child, inner);
    };
    walk(this.root, 0);
  }

  /** Opens what hides the item. */
  reveal(item: Item) {
    for (let at = item.parent; at; at = at.parent) at.expanded = true;
  }

  /** The box that shows the item: itself, or the closed group that it is in. */
  shown(item: Item): Item {
    let box = item;
    for (let at = item.parent; at; at = at.parent) if (!at.expanded) box = at;
    return box;
  }

  /** Where an item stands, for a link: labels from the root on. */
  path(item: Item): string {
    const labels: string[] = [];
    for (let at: Item | null = item; at && at !== this.root; at = at.parent) labels.push(at.label);
    return labels.reverse().join(' › ');
  }
}

function scopeParts(name: string, layer: string): string[] {
  let parts = name.split('/').filter(Boolean);
  if (!parts.length) parts = [name || '?'];
  if (layer && parts[0] !== layer.split('/')[0]) parts = [...layer.split('/').filter(Boolean), ...parts];
  if (parts.length > MAX_DEPTH) parts = [...parts.slice(0, MAX_DEPTH), parts.slice(MAX_DEPTH).join('/')];
  return parts;
}

/** "layer.0", "layer.11": "layer.0–11". */
export function runLabel(first: string, last: string): string {
  let same = 0;
  while (same < first.length && same < last.length && first[same] === last[same] && !/\d/.test(first[same])) ++same;
  // A number that both share is part of the name only where it is followed by another.
  const a = /^(.*?)(\d+)$/.exec(first), b = /^(.*?)(\d+)$/.exec(last);
  if (a && b && a[1] === b[1]) return `${a[1]}${a[2]}–${b[2]}`;
  return same ? `${first} … ${last.slice(same)}` : `${first} … ${last}`;
}
