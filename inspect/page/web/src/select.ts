// Selectors: which nodes one means. The language is that of the command line (inspect/selector.h):
//   /layer1/conv1/Conv              the node or value of that name
//   /layer1/**  *.weight            names that fit a pattern: * within a part, ** over parts
//   re:conv[12]$                    names of which a part fits that regular expression (regex.ts)
//   op:nn.Conv  op:conv*            ops; without a dot by the name behind the domain, in any case
//   dtype:float16  shape:[*,64,...] values of that type, and the nodes that yield them
//   attr:groups>1  attr:axis        nodes by an attribute, defaults included
//   kind:lambda  @then_1            what kind of thing it is; what lies in that function
//   A->B->C                         nodes in a row, each of which reads what the one before yields
//   A B   A, B   A+2  A-2   A..B  A..  ..B
// One who types here gets what contains the text where no node and no value has that name.
import { opShort, sizeOf, type Model, type OpDoc, type Sizes } from './data.ts';
import { regexSearch } from './regex.ts';
import type { Tree, Item } from './tree.ts';

export interface Found {
  items: Item[];
  /** Nodes that were meant but are not shown: constants and what follows from them. */
  hidden: number;
  problem: string;
}

/** A pattern for whole names, as a regular expression. */
export function globRegExp(glob: string, flags = ''): RegExp {
  let out = '';
  for (let i = 0; i < glob.length; ++i) {
    if (glob[i] === '*' && glob[i + 1] === '*') {
      while (glob[i + 1] === '*') ++i;
      const scopes = (out === '' || out.endsWith('/')) && glob[i + 1] === '/';
      out += scopes ? '(?:[^/]*/)*' : '.*';
      if (scopes) ++i;
    } else if (glob[i] === '*') out += '[^/]*';
    else if (glob[i] === '?') out += '[^/]';
    else out += glob[i].replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  }
  return new RegExp(`^(?:${out})$`, flags + 's');
}

/** A word, and which of its characters stood in quotes. */
interface Word { text: string; quoted: boolean[] }

/** The regular expression that begins at `i`, whose characters have no other meaning; yields where it ends. */
function regexWord(selector: string, i: number, add: (c: string, quoted: boolean) => void): number {
  const quote = /["']/.test(selector[i]) ? selector[i] : '';
  for (let depth = 0, k = quote ? i + 1 : i; ; ++k) {
    const c = selector[k];
    if (c === undefined) return k;  // while one types, a quote is open
    if (quote ? c === quote : /\s/.test(c) || (c === ',' && !depth)) return quote ? k : k - 1;
    if (c === '\\' && k + 1 < selector.length) {
      if (selector[k + 1] !== quote) add(c, true);
      add(selector[++k], true);
      continue;
    }
    if ('([{'.includes(c)) ++depth;
    if (')]}'.includes(c) && depth) --depth;
    add(c, true);
  }
}

/** Words, alternatives apart: "a b, c" is [[a, b], [c]]. */
export function words(selector: string): Word[][] {
  const all: Word[][] = [[]];
  let word: Word | null = null, depth = 0;
  const add = (c: string, quoted: boolean) => { word ??= { text: '', quoted: [] }; word.text += c; word.quoted.push(quoted); };
  const end = () => { if (word) all[all.length - 1].push(word); word = null; };
  for (let i = 0; i < selector.length; ++i) {
    const c = selector[i];
    if (word && /(^|->|\.\.)re:$/.test((word as Word).text) && !(word as Word).quoted.slice(-3).some(Boolean)) i = regexWord(selector, i, add);
    else if (c === ',' && !depth) { end(); all.push([]); }
    else if (/\s/.test(c) && !depth) end();
    else if (c === '"' || c === "'") {
      const close = selector.indexOf(c, i + 1);
      // While one types, a quote is open.
      const stop = close < 0 ? selector.length : close;
      for (const q of selector.slice(i + 1, stop)) add(q, true);
      i = stop;
    } else {
      if (c === '[') ++depth;
      if (c === ']' && depth) --depth;
      add(c, false);
    }
  }
  end();
  return all.filter(w => w.length);
}

class Set2 {
  constructor(readonly nodes: Uint8Array, readonly values: Uint8Array) {}
  static of(model: Model) { return new Set2(new Uint8Array(model.nodeName.length), new Uint8Array(model.valueName.length)); }
  get empty() { return !this.nodes.includes(1) && !this.values.includes(1); }
  and(other: Set2) { this.nodes.forEach((_, i) => { this.nodes[i] &= other.nodes[i]; }); this.values.forEach((_, i) => { this.values[i] &= other.values[i]; }); }
  or(other: Set2) { this.nodes.forEach((_, i) => { this.nodes[i] |= other.nodes[i]; }); this.values.forEach((_, i) => { this.values[i] |= other.values[i]; }); }
}

const KINDS = ['lambda', 'constant', 'function', 'input', 'output', 'weight', 'kernel', 'body', 'missing', 'refused', 'same', 'renamed', 'changed', 'added', 'removed', 'folded'];

export class Selector {
  private readonly model: Model;
  private nodesByName: Map<string, number[]> | null = null;
  private valuesByName: Map<string, number[]> | null = null;
  private lower: string[] | null = null;
  private lowerValues: string[] | null = null;
  private users: { start: Int32Array; items: Int32Array } | null = null;
  private itemsOfNode: Map<number, Item[]> | null = null;
  private itemsOfValue: Map<number, Item[]> | null = null;

  constructor(private tree: Tree, private sizes: () => Sizes, private ops: Record<string, OpDoc> = {}) { this.model = tree.model; }

  find(text: string): Found {
    try {
      const set = Set2.of(this.model);
      for (const either of words(text)) {
        let both: Set2 | null = null;
        for (const word of either) {
          const found = this.path(word);
          if (both) both.and(found); else both = found;
        }
        if (both) set.or(both);
      }
      return { ...this.shown(set), problem: '' };
    } catch (e) {
      return { items: [], hidden: 0, problem: (e as Error).message };
    }
  }

  /** The boxes of what was selected, in the order of the tree. Of a weight, which has none, those that read it. */
  private shown(set: Set2): { items: Item[]; hidden: number } {
    const { model, tree } = this, found = new Set<Item>();
    let hidden = 0;
    if (!this.itemsOfNode) {
      this.itemsOfNode = new Map();
      this.itemsOfValue = new Map();
      for (const item of tree.ends) {
        const map = item.node >= 0 ? this.itemsOfNode : this.itemsOfValue!, key = item.node >= 0 ? item.node : item.value, list = map.get(key);
        if (list) list.push(item); else map.set(key, [item]);
      }
    }
    const addNode = (n: number) => {
      const items = this.itemsOfNode!.get(n);
      if (items) for (const item of items) found.add(item); else ++hidden;
    };
    set.nodes.forEach((on, n) => { if (on) addNode(n); });
    set.values.forEach((on, v) => {
      if (!on) return;
      if (model.producer_[v] >= 0) { if (!set.nodes[model.producer_[v]]) addNode(model.producer_[v]); return; }
      const items = this.itemsOfValue!.get(v);
      if (items) for (const item of items) found.add(item);
      else for (const n of this.usersOf(v)) if (this.itemsOfNode!.has(n)) addNode(n);
    });
    return { items: [...found].sort((a, b) => a.lo - b.lo), hidden };
  }

  // "A..B"
  private path(word: Word): Set2 {
    if (!this.exact(word.text)) {
      for (let at = word.text.indexOf('..'); at >= 0; at = word.text.indexOf('..', at + 1)) {
        if (word.quoted[at] || word.text[at + 2] === '.' || word.text[at - 1] === '.' || /^shape:/.test(word.text)) continue;
        const from = part(word, 0, at), to = part(word, at + 2);
        if (!from.text && !to.text) break;
        const set = Set2.of(this.model);
        set.nodes.fill(1);
        if (from.text) set.and(withoutValues(this.reach(this.steps(from), Infinity)));
        if (to.text) set.and(withoutValues(this.reach(this.steps(to), -Infinity)));
        return withoutValues(set);
      }
    }
    return this.steps(word);
  }

  // "A+2"
  private steps(word: Word): Set2 {
    const parts = this.exact(word.text) ? null : /^(.+)([+-])(\d+)$/s.exec(word.text);
    if (!parts || word.quoted.slice(parts[1].length).some(Boolean)) return this.row(word);
    return this.reach(this.row(part(word, 0, parts[1].length)), Number(parts[3]) * (parts[2] === '+' ? 1 : -1));
  }

  // "A->B->C": forwards what each can follow, then backwards what is followed to the end.
  private row(word: Word): Set2 {
    if (this.exact(word.text)) return this.term(word);
    const terms: Word[] = [];
    let begin = 0;
    for (let i = 0; i + 1 < word.text.length; ++i) {
      if (word.text[i] !== '-' || word.text[i + 1] !== '>' || word.quoted[i] || word.quoted[i + 1]) continue;
      terms.push(part(word, begin, i));
      begin = i + 2;
    }
    terms.push(part(word, begin));
    if (terms.length === 1) return this.term(word);
    if (terms.some(t => !t.text)) throw new Error('nodes in a row are written A->B');
    const places = terms.map(t => this.withProducers(this.term(t)));
    for (let i = 1; i < places.length; ++i) places[i].and(this.beside(places[i - 1], true));
    for (let i = places.length - 2; i >= 0; --i) places[i].and(this.beside(places[i + 1], false));
    for (let i = 1; i < places.length; ++i) places[0].or(places[i]);
    return places[0];
  }

  /** Nodes, those that yield the values among them. */
  private withProducers(set: Set2): Set2 {
    set.values.forEach((on, v) => { if (on && this.model.producer_[v] >= 0) set.nodes[this.model.producer_[v]] = 1; });
    return withoutValues(set);
  }

  /** The nodes right behind those of the set, or right ahead of them. */
  private beside(set: Set2, forward: boolean): Set2 {
    const { model } = this, next = Set2.of(model);
    for (let n = 0; n < model.nodeName.length; ++n) for (let k = model.inStart[n]; k < model.inStart[n + 1]; ++k) {
      const from = model.ins[k] >= 0 ? model.producer_[model.ins[k]] : -1;
      if (from < 0) continue;
      if (forward) { if (set.nodes[from]) next.nodes[n] = 1; } else if (set.nodes[n]) next.nodes[from] = 1;
    }
    return next;
  }

  private exact(name: string): { nodes: number[]; values: number[] } | null {
    const index = (names: string[]) => {
      const map = new Map<string, number[]>();
      names.forEach((n, i) => { const list = map.get(n); if (list) list.push(i); else map.set(n, [i]); });
      return map;
    };
    this.nodesByName ??= index(this.model.nodeName);
    this.valuesByName ??= index(this.model.valueName);
    const nodes = this.nodesByName.get(name) ?? [], values = this.valuesByName.get(name) ?? [];
    return nodes.length || values.length ? { nodes, values } : null;
  }

  private term(word: Word): Set2 {
    const { model } = this, { text } = word, set = Set2.of(model);
    const named = this.exact(text);
    if (named) {
      for (const n of named.nodes) set.nodes[n] = 1;
      for (const v of named.values) set.values[v] = 1;
      return set;
    }
    const property = word.quoted.slice(0, word.text.indexOf(':') + 1).some(Boolean) ? null : /^(op|dtype|shape|attr|kind|re):(.*)$/s.exec(text);
    if (property) {
      switch (property[1]) {
        case 'op': this.byOp(set, property[2]); break;
        case 'dtype': this.byType(set, type => globRegExp(property[2]).test(model.types[type].dtype)); break;
        case 'shape': this.byType(set, shapeTest(model, property[2], this.sizes())); break;
        case 'attr': this.byAttr(set, property[2]); break;
        case 're': if (property[2]) this.byName(set, regexSearch(property[2])); break;
        default: this.byKind(set, property[2]);
      }
      return set;
    }
    if (text[0] === '@' && !word.quoted[0]) {
      const test = globRegExp(text.slice(1));
      model.graphs.forEach((graph, i) => {
        if (i === 0 ? text.length > 1 : !test.test(graph.name)) return;
        set.nodes.fill(1, graph.nodeLo, graph.nodeHi);
        set.values.fill(1, graph.valueLo, graph.valueHi);
      });
      return set;
    }
    if ([...text].some((c, i) => (c === '*' || c === '?') && !word.quoted[i])) {
      const glob = globRegExp(text);
      this.byName(set, name => glob.test(name));
      return set;
    }
    const needle = text.toLowerCase();
    this.lower ??= model.nodeName.map((name, n) => `${name} ${opShort(model.nodeOp[n])}`.toLowerCase());
    this.lower.forEach((name, n) => { if (name.includes(needle)) set.nodes[n] = 1; });
    if (!set.nodes.includes(1)) {
      this.lowerValues ??= model.valueName.map(name => name.toLowerCase());
      this.lowerValues.forEach((name, v) => { if (name.includes(needle)) set.values[v] = 1; });
    }
    return set;
  }

  private byName(set: Set2, test: (name: string) => boolean) {
    this.model.nodeName.forEach((name, n) => { if (test(name)) set.nodes[n] = 1; });
    this.model.valueName.forEach((name, v) => { if (test(name)) set.values[v] = 1; });
  }

  private byOp(set: Set2, pattern: string) {
    const test = globRegExp(pattern, 'i'), whole = pattern.includes('.'), known = new Map<string, boolean>();
    this.model.nodeOp.forEach((op, n) => {
      let hit = known.get(op);
      if (hit === undefined) known.set(op, hit = test.test(whole ? op : opShort(op)));
      if (hit) set.nodes[n] = 1;
    });
  }

  private byType(set: Set2, test: (type: number) => boolean) {
    const { model } = this, known = new Map<number, boolean>();
    model.valueType.forEach((type, v) => {
      let hit = known.get(type);
      if (hit === undefined) known.set(type, hit = test(type));
      if (!hit) return;
      set.values[v] = 1;
      if (model.producer_[v] >= 0) set.nodes[model.producer_[v]] = 1;
    });
  }

  private byAttr(set: Set2, text: string) {
    const parts = /^([^<>=!]+)(?:(<=|>=|!=|=|<|>)(.*))?$/s.exec(text);
    if (!parts) throw new Error('write an attribute as attr:groups>1');
    const { model } = this, [, name, op, want] = parts;
    if (op && op !== '=' && op !== '!=' && (want === '' || Number.isNaN(Number(want)))) throw new Error(`only numbers are less or greater; found ${want}`);
    const test = globRegExp(want ?? ''), list = (t: string) => t.slice(1, -1).split(',').map(s => s.trim()).filter(Boolean);
    const equal = (value: string) => Number(value) === Number(want) && want.trim() !== '' ? true : test.test(bare(value));
    const holds = (value: string): boolean => {
      if (!op) return true;
      const isList = value[0] === '[', elements = isList ? list(value) : [value];
      const same = /^\[.*\]$/s.test(want ?? '') ? isList && list(want).join() === elements.map(bare).join() : elements.some(equal);
      if (op === '=') return same;
      if (op === '!=') return !same;
      const b = Number(want);
      return elements.some(e => {
        const a = Number(e);
        return op === '<' ? a < b : op === '>' ? a > b : op === '<=' ? a <= b : a >= b;
      });
    };
    model.nodeAttrs.forEach((attrs, n) => {
      const value = attrs.find(a => a[0] === name)?.[1] ?? (this.ops[model.nodeOp[n]]?.attrs?.[name]?.[0] || undefined);
      if (value !== undefined && holds(value)) set.nodes[n] = 1;
    });
  }

  private byKind(set: Set2, kind: string) {
    const { model } = this;
    const nodes = (test: (n: number) => boolean) => model.nodeName.forEach((_, n) => { if (test(n)) set.nodes[n] = 1; });
    switch (kind) {
      case 'input': for (const g of model.graphs) for (const v of g.inputs) set.values[v] = 1; return;
      case 'output': for (const g of model.graphs) for (const v of g.outputs) set.values[v] = 1; return;
      case 'weight': for (const v of model.weightOfValue.keys()) set.values[v] = 1; return;
      case 'lambda': return nodes(n => model.lambda.has(n));
      case 'constant': return nodes(n => model.nodeOp[n] === 'core.Constant');
      case 'function': return nodes(n => model.calls.has(n));
    }
    if (['kernel', 'body', 'missing', 'refused'].includes(kind)) return nodes(n => model.lambda.get(n)?.[0] === kind);
    if (KINDS.includes(kind)) return nodes(n => (model.change?.get(n)?.change ?? 'same') === kind);
    throw new Error(`there is no kind ${kind}; kinds are ${KINDS.join(', ')}`);
  }

  private usersOf(value: number): number[] {
    const { model } = this;
    if (!this.users) {
      const start = new Int32Array(model.valueName.length + 2);
      for (const v of model.ins) if (v >= 0) start[v + 2]++;
      for (let i = 2; i < start.length; ++i) start[i] += start[i - 1];
      const items = new Int32Array(start[start.length - 1]);
      for (let n = 0; n < model.nodeName.length; ++n) for (let k = model.inStart[n]; k < model.inStart[n + 1]; ++k) if (model.ins[k] >= 0) items[start[model.ins[k] + 1]++] = n;
      this.users = { start, items };
    }
    return Array.from(this.users.items.subarray(this.users.start[value], this.users.start[value + 1]));
  }

  /** The set, and nodes up to so many steps behind it, or ahead of it where negative. */
  private reach(set: Set2, steps: number): Set2 {
    const { model } = this, forward = steps > 0;
    let front: number[] = [];
    const enter = (n: number) => { if (n >= 0 && !set.nodes[n]) { set.nodes[n] = 1; front.push(n); } };
    const begin: number[] = [];
    set.nodes.forEach((on, n) => { if (on) begin.push(n); });
    steps = Math.abs(steps);
    if (!steps) return set;
    const fromValue = (v: number) => { if (forward) this.usersOf(v).forEach(enter); else enter(model.producer_[v]); };
    const values = forward ? [model.outStart, model.outs] as const : [model.inStart, model.ins] as const;
    const expand = (n: number) => { for (let k = values[0][n]; k < values[0][n + 1]; ++k) if (values[1][k] >= 0) fromValue(values[1][k]); };
    set.values.forEach((on, v) => { if (on) fromValue(v); });
    begin.forEach(expand);
    while (front.length && --steps > 0) { const now = front; front = []; now.forEach(expand); }
    return set;
  }
}

const part = (word: Word, from: number, to?: number): Word => ({ text: word.text.slice(from, to), quoted: word.quoted.slice(from, to) });
const withoutValues = (set: Set2) => { set.values.fill(0); return set; };
/** An attribute's text as one compares it: without quotes and the mark of a function. */
const bare = (text: string) => text.replace(/^(["'])(.*)\1$/s, '$2').replace(/^@/, '');

function shapeTest(model: Model, text: string, sizes: Sizes): (type: number) => boolean {
  const body = /^\[(.*)\]$/s.exec(text);
  if (!body) throw new Error('a shape is written in brackets, as in shape:[*,64,...]');
  const parts = body[1].trim() === '' ? [] : body[1].split(',').map(s => s.trim());
  const open = parts.indexOf('...');
  if (open >= 0 && parts.indexOf('...', open + 1) >= 0) throw new Error('... can stand once in a shape');
  const head = open < 0 ? parts : parts.slice(0, open), tail = open < 0 ? [] : parts.slice(open + 1);
  const fits = (want: string, size: import('./data.ts').Size): boolean => {
    if (want === '*') return true;
    if (want === '?') return size === null;
    if (/^\d+$/.test(want)) return sizeOf(model, size, sizes) === Number(want);
    return size === want || (typeof size === 'object' && size?.kind === 'symbol' && (model.symbols[size.index] === want || model.aliases[size.index] === want));
  };
  return type => {
    const { shape } = model.types[type];
    if (!shape) return open >= 0 && !head.length && !tail.length;
    if (open < 0 ? shape.length !== head.length : shape.length < head.length + tail.length) return false;
    return head.every((w, i) => fits(w, shape[i])) && tail.every((w, i) => fits(w, shape[shape.length - tail.length + i]));
  };
}

/** The ends within `steps` steps along the data (or against it), those of `from` among them. */
export function neighbourhood(tree: Tree, from: Iterable<number>, steps: number, forward: boolean): Set<number> {
  const seen = new Set<number>(from);
  let front = [...seen];
  const start = forward ? tree.outStart : tree.inStart, next = forward ? tree.outDst : tree.inSrc;
  while (front.length && steps-- > 0) {
    const more: number[] = [];
    for (const p of front) for (let k = start[p]; k < start[p + 1]; ++k) if (!seen.has(next[k])) { seen.add(next[k]); more.push(next[k]); }
    front = more;
  }
  return seen;
}

/** All on paths from one of `a` to one of `b`, both included; empty where there is no path. */
export function pathsBetween(tree: Tree, a: Iterable<number>, b: Iterable<number>): Set<number> {
  const down = neighbourhood(tree, a, Infinity, true), up = neighbourhood(tree, b, Infinity, false);
  return new Set([...down].filter(p => up.has(p)));
}
