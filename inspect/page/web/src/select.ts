// Selectors: which nodes one means. The same language as on the command line (inspect/selector.h):
//   /layer1/layer1.0/conv1/Conv     the node of that name
//   /layer1/**  /layer1/*/Conv      patterns over names: * within a part, ** over parts
//   op:nn.Conv  op:conv*            ops, in full or without their domain, whatever the case
//   dtype:float16  shape:[*,64,*,*] of an output; attr:groups>1  attr:padding=same  attr:axis
//   kind:lambda|input|output|constant|changed|added|removed|…
//   A B  both;  A,B  either;  SEL+2  and what is up to two steps on;  SEL-2  back;  A..B  all on paths from A to B
// One who types gets what contains the text where no node has that name.
import { opShort, shapeText, sizeOf, typeOfValue, type Model, type Sizes } from './data.ts';
import type { Tree, Item } from './tree.ts';

export interface Found { items: Item[]; problem: string }

/** A pattern with * (and ** where parts are told apart by '/') and ?, as a regular expression for the whole text. */
export function globRegExp(glob: string, flags = ''): RegExp {
  let out = '';
  for (let i = 0; i < glob.length; ++i) {
    if (glob.startsWith('/**/', i)) { out += '/(?:.*/)?'; i += 3; }
    else if (glob.startsWith('**', i)) { out += '.*'; ++i; }
    else if (glob[i] === '*') out += '[^/]*';
    else if (glob[i] === '?') out += '[^/]';
    else out += glob[i].replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  }
  return new RegExp(`^${out}$`, flags + 's');
}

/** Splits at `separator` outside of brackets and quotes. */
function split(text: string, separator: RegExp): string[] {
  const parts: string[] = [];
  let depth = 0, quote = '', part = '';
  for (const c of text) {
    if (quote) { if (c === quote) quote = ''; }
    else if (c === '"' || c === "'") quote = c;
    else if (c === '[') ++depth;
    else if (c === ']') --depth;
    if (!quote && depth <= 0 && separator.test(c)) { parts.push(part); part = ''; } else part += c;
  }
  parts.push(part);
  return parts.filter(p => p.trim() !== '');
}

type Test = (item: Item) => boolean;

export class Selector {
  private names: Map<string, Item[]> | null = null;
  private lower: string[] | null = null;
  constructor(private tree: Tree, private sizes: () => Sizes) {}

  /** All that `text` means, in the order of the tree. */
  find(text: string): Found {
    const { ends } = this.tree;
    try {
      const set = new Set<number>();
      for (const either of split(text, /,/)) for (const p of this.conjunction(either.trim())) set.add(p);
      return { items: [...set].sort((a, b) => a - b).map(p => ends[p]), problem: '' };
    } catch (e) {
      return { items: [], problem: (e as Error).message };
    }
  }

  private conjunction(text: string): Set<number> {
    const path = /^(.+?)\.\.(.+)$/.exec(text);
    if (path) return pathsBetween(this.tree, this.conjunction(path[1].trim()), this.conjunction(path[2].trim()));
    const parts = split(text, /\s/);
    let result: Set<number> | null = null;
    for (const part of parts) {
      const set = this.stepped(part);
      result = result ? new Set([...result].filter(p => set.has(p))) : set;
    }
    return result ?? new Set();
  }

  private stepped(text: string): Set<number> {
    const exact = this.byName(unquote(text));
    if (exact.length) return new Set(exact.map(i => i.lo));
    const step = /^(.+)([+-])(\d+)$/.exec(text);
    if (step) {
      const inner = this.stepped(step[1]);
      if (inner.size) return neighbourhood(this.tree, inner, Number(step[3]), step[2] === '+');
    }
    return this.where(this.term(text));
  }

  private where(test: Test): Set<number> {
    const set = new Set<number>();
    for (const item of this.tree.ends) if (test(item)) set.add(item.lo);
    return set;
  }

  private byName(name: string): Item[] {
    if (!this.names) {
      this.names = new Map();
      for (const item of this.tree.ends) {
        const key = this.name(item), list = this.names.get(key);
        if (list) list.push(item); else this.names.set(key, [item]);
      }
    }
    return this.names.get(name) ?? [];
  }

  private name(item: Item): string {
    const { model } = this.tree;
    return item.node >= 0 ? model.nodeName[item.node] : model.valueName[item.value];
  }

  private term(text: string): Test {
    const { model } = this.tree, colon = /^(op|dtype|shape|attr|kind):(.*)$/s.exec(text);
    if (colon) {
      const what = colon[2];
      switch (colon[1]) {
        case 'op': {
          const test = globRegExp(what, 'i'), cache = new Map<string, boolean>();
          return item => {
            if (item.node < 0) return false;
            const op = model.nodeOp[item.node];
            let hit = cache.get(op);
            if (hit === undefined) cache.set(op, hit = test.test(op) || test.test(opShort(op)));
            return hit;
          };
        }
        case 'dtype': return item => outputs(model, item).some(v => typeOfValue(model, v).dtype === what);
        case 'shape': return shapeTest(model, what, this.sizes());
        case 'attr': return attrTest(model, what);
        default: return kindTest(model, what);
      }
    }
    const plain = unquote(text);
    if (/[*?]/.test(plain)) {
      const test = globRegExp(plain);
      return item => test.test(this.name(item));
    }
    const needle = plain.toLowerCase();
    this.lower ??= this.tree.ends.map(i => `${this.name(i)} ${i.node >= 0 ? opShort(model.nodeOp[i.node]) : ''}`.toLowerCase());
    const lower = this.lower;
    return item => lower[item.lo].includes(needle);
  }
}

const unquote = (text: string) => /^(["']).*\1$/s.test(text) ? text.slice(1, -1) : text;

function outputs(model: Model, item: Item): number[] {
  if (item.node < 0) return item.value >= 0 ? [item.value] : [];
  return Array.from(model.outs.subarray(model.outStart[item.node], model.outStart[item.node + 1])).filter(v => v >= 0);
}

function shapeTest(model: Model, text: string, sizes: Sizes): Test {
  const body = /^\[(.*)\]$/s.exec(text);
  if (!body) throw new Error('write a shape as shape:[*,64,*,*]');
  const want = body[1].trim() === '' ? [] : body[1].split(',').map(s => s.trim());
  const known = new Map<number, boolean>();
  const fits = (type: number): boolean => {
    const shape = model.types[type].shape;
    if (!shape) return false;
    const open = want.indexOf('**');
    if (open < 0 && shape.length !== want.length) return false;
    const texts = shapeText(model, { dtype: '', shape }, []).slice(1, -1).split(',');
    return want.every((w, i) => {
      if (w === '*' || w === '**') return true;
      const s = shape[i];
      return String(sizeOf(model, s, []) ?? '') === w || texts[i] === w || String(sizeOf(model, s, sizes) ?? '') === w;
    });
  };
  return item => outputs(model, item).some(v => {
    const type = model.valueType[v];
    let hit = known.get(type);
    if (hit === undefined) known.set(type, hit = fits(type));
    return hit;
  });
}

function attrTest(model: Model, text: string): Test {
  const parts = /^([^<>=!]+)(?:(<=|>=|!=|=|<|>)(.*))?$/s.exec(text);
  if (!parts) throw new Error('write an attribute as attr:groups>1');
  const [, name, op, want] = parts;
  return item => {
    if (item.node < 0) return false;
    const attr = model.nodeAttrs[item.node].find(a => a[0] === name);
    if (!attr) return false;
    if (!op) return true;
    const value = unquote(attr[1]), a = Number(value), b = Number(want), number = value !== '' && want !== '' && !Number.isNaN(a) && !Number.isNaN(b);
    const same = number ? a === b : value.replace(/\s/g, '') === unquote(want).replace(/\s/g, '');
    switch (op) {
      case '=': return same;
      case '!=': return !same;
      case '<': return number && a < b;
      case '>': return number && a > b;
      case '<=': return number && a <= b;
      default: return number && a >= b;
    }
  };
}

function kindTest(model: Model, what: string): Test {
  switch (what) {
    case 'input': case 'output': return item => item.kind === what;
    case 'constant': return item => item.node >= 0 && model.nodeFlag[item.node] === 1;
    case 'lambda': return item => item.node >= 0 && model.lambda.has(item.node);
    case 'kernel': case 'body': case 'missing': case 'refused': return item => item.node >= 0 && model.lambda.get(item.node)?.[0] === what;
    case 'control': return item => item.node >= 0 && model.calls.has(item.node);
    case 'same': case 'renamed': case 'changed': case 'added': case 'removed': case 'folded':
      return item => item.node >= 0 && (model.change?.get(item.node)?.change ?? 'same') === what;
  }
  throw new Error(`there is no kind ${what}; kinds are lambda, kernel, body, missing, refused, control, input, output, constant, changed, added, removed, renamed, folded`);
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
