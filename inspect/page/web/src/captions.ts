// What boxes say, and how large that makes them.
import type { App } from './app.ts';
import { changeOf } from './colour.ts';
import { opShort, parametersOf, shapeText, short, typeOfValue } from './data.ts';
import { TITLE } from './draw.ts';
import { tintBar, tintOf } from './theme.ts';
import type { Item } from './tree.ts';

export class Captions {
  private mixes = new Map<Item, [string, number][]>();

  constructor(private readonly app: App, private readonly pen: CanvasRenderingContext2D) {}

  /** After colours or the tree have changed. */
  forget() { this.mixes.clear(); }

  private shapeOf(value: number, sizes = this.app.sizes): string {
    const type = typeOfValue(this.app.model, value);
    return `${type.dtype === 'float32' ? '' : `${type.dtype} `}${shapeText(this.app.model, type, sizes)}`;
  }

  outputText(item: Item, sizes = this.app.sizes): string {
    if (item.value >= 0) { const t = typeOfValue(this.app.model, item.value); return `${t.dtype}${shapeText(this.app.model, t, sizes)}`; }
    const lo = this.app.model.outStart[item.node], hi = this.app.model.outStart[item.node + 1];
    for (let k = lo; k < hi; ++k) if (this.app.model.outs[k] >= 0) return this.shapeOf(this.app.model.outs[k], sizes) + (hi - lo > 1 ? '  …' : '');
    return '';
  }

  title(item: Item): string {
    if (item.node >= 0) return opShort(this.app.model.nodeOp[item.node]);
    return item.kind === 'run' && !item.expanded ? item.label : item.kind === 'run' ? `${item.label}  ×${item.children.length}` : item.label;
  }

  aside(item: Item): string {
    if (item.kind === 'input' || item.kind === 'output') return item.kind;
    if (item.node >= 0) return item.label === opShort(this.app.model.nodeOp[item.node]) ? '' : item.label;
    return '';
  }

  detail(item: Item): string {
    if (item.isEnd) return this.outputText(item);
    const value = this.app.colouring.mode.numeric ? this.app.colouring.valueOf(item) : null;
    if (value !== null) return `${item.ops} nodes · ${this.app.colouring.mode.text(value)}`;
    let parameters = 0;
    for (let p = item.lo; p < item.hi; ++p) if (this.app.tree.ends[p].node >= 0) parameters += parametersOf(this.app.model, this.app.tree.ends[p].node);
    return `${item.ops} nodes${parameters ? ` · ${short(parameters)} params` : ''}`;
  }

  boxSize(item: Item): [number, number] {
    const clamp = (x: number, lo: number, hi: number) => Math.max(lo, Math.min(hi, x));
    const title = this.titleWidth(this.title(item));
    if (item.isEnd) {
      const aside = this.aside(item).length, badge = this.app.model.lambda.has(item.node) ? 56 : 0;
      return [clamp(Math.max(title + (aside ? aside * 5.6 + 12 : 0) + badge + (item.isGroup ? 18 : 0), this.outputText(item, []).length * 5.7) + 30, 104, 216), 42];
    }
    return [clamp(Math.max(title + (item.kind === 'run' ? 60 : 22), 116) + 40, 150, 260), item.kind === 'run' ? 58 : 52];
  }

  private widths = new Map<string, number>();
  private titleWidth(text: string): number {
    let width = this.widths.get(text);
    if (width === undefined) {
      this.pen.font = TITLE;
      this.widths.set(text, width = this.pen.measureText(text.slice(0, 60)).width + 2);
    }
    return width;
  }

  mix(item: Item): [string, number][] {
    let known = this.mixes.get(item);
    if (known) return known;
    const counts = new Map<string, number>();
    let total = 0;
    for (let p = item.lo; p < item.hi; ++p) {
      const end = this.app.tree.ends[p];
      if (end.node < 0) continue;
      const colour = this.app.mode.key === 'change' ? this.app.theme.change[changeOf(this.app.tree, end)] : tintBar(tintOf(this.app.model.nodeOp[end.node]), this.app.theme);
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
      ++total;
    }
    known = [...counts].sort((a, b) => b[1] - a[1]).map(([c, k]) => [c, k / total]);
    this.mixes.set(item, known);
    return known;
  }
}
