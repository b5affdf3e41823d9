// What boxes are coloured by: classes (op, dtype, change) or numbers (parameters, MACs, bytes, what a profile says). Of groups
// numbers are summed, or of errors the greatest is taken.
import { activationBytes, macsOf, parametersOf, typeOfValue, bytesText, short, type Model, type PageData, type Sizes } from './data.ts';
import { classColour, scale, tintBar, tintFill, tintLine, tintOf, type Theme } from './theme.ts';
import type { Item, Tree } from './tree.ts';

export interface Mode { key: string; title: string; unit: string; numeric: boolean; text(value: number): string; /** Of a group: the greatest of its values, not their sum. */ greatest?: boolean }

export function modesOf(page: PageData, model: Model): Mode[] {
  const classes = (key: string, title: string): Mode => ({ key, title, unit: '', numeric: false, text: String });
  const modes = [
    classes('op', 'op'), classes('dtype', 'dtype'),
    { key: 'parameters', title: 'parameters', unit: '', numeric: true, text: short },
    { key: 'bytes', title: 'activation bytes', unit: '', numeric: true, text: bytesText },
  ];
  if (page.models.some(m => m.macs.some(f => f >= 0))) modes.splice(3, 0, { key: 'macs', title: 'multiply-accumulates', unit: '', numeric: true, text: short });
  page.numbers.forEach((c, i) => modes.push({ key: `n${i}`, title: c.title, unit: c.unit, numeric: true, greatest: c.greatest, text: v => `${Number(v.toPrecision(3))}${c.unit ? ` ${c.unit}` : ''}` }));
  if (model.change) modes.unshift(classes('change', 'difference'));
  return modes;
}

export class Colouring {
  /** By position, and their sums from 0 on: those of a group are a difference. */
  private values = new Float64Array(0);
  private known = new Uint8Array(0);
  private sums = new Float64Array(0);
  private classes = new Map<string, number>();
  /** The largest among the boxes that are shown. */
  max = 0;
  min = 0;

  constructor(readonly mode: Mode, private tree: Tree, private page: PageData, sizes: Sizes) {
    const { model } = tree, n = tree.ends.length;
    if (!mode.numeric) {
      for (const type of model.types) if (!this.classes.has(type.dtype)) this.classes.set(type.dtype, this.classes.size);
      return;
    }
    this.values = new Float64Array(n);
    this.known = new Uint8Array(n);
    this.sums = new Float64Array(n + 1);
    // Numbers of totals need a size for each symbol.
    const all = model.symbols.map((_, i) => sizes[i] ?? 1);
    for (let p = 0; p < n; ++p) {
      const value = this.measure(tree.ends[p], all);
      this.known[p] = value === null ? 0 : 1;
      this.values[p] = value ?? 0;
      this.sums[p + 1] = this.sums[p] + this.values[p];
    }
  }

  private measure(item: Item, sizes: Sizes): number | null {
    const { model } = this.tree, { node } = item;
    if (node < 0) return null;
    switch (this.mode.key) {
      case 'parameters': return parametersOf(model, node);
      case 'bytes': return activationBytes(model, node, sizes);
      case 'macs': return macsOf(model, node, sizes);
    }
    return this.page.numbers[Number(this.mode.key.slice(1))].ofNode.get(node) ?? null;
  }

  valueOf(item: Item): number | null {
    if (!this.mode.numeric) return null;
    if (item.hi - item.lo === 1) return this.known[item.lo] ? this.values[item.lo] : null;
    return this.mode.greatest ? this.greatestOf(item) : this.sums[item.hi] - this.sums[item.lo];
  }
  private greatest = new Map<Item, number | null>();
  private greatestOf(item: Item): number | null {
    let found = this.greatest.get(item);
    if (found !== undefined) return found;
    found = null;
    for (let p = item.lo; p < item.hi; ++p) if (this.known[p] && (found === null || this.values[p] > found)) found = this.values[p];
    this.greatest.set(item, found);
    return found;
  }
  get total() { return this.sums[this.sums.length - 1] ?? 0; }

  /** The range of what is shown. */
  setRange(shown: Iterable<Item>) {
    this.max = 0;
    this.min = Infinity;
    for (const item of shown) {
      const value = this.valueOf(item);
      if (value === null) continue;
      this.max = Math.max(this.max, value);
      if (value > 0) this.min = Math.min(this.min, value);
    }
    if (this.min === Infinity) this.min = 0;
  }

  /** The nodes with the largest values. */
  top(count: number): [Item, number][] {
    const all: [Item, number][] = [];
    for (const item of this.tree.ends) {
      const value = this.known[item.lo] ? this.values[item.lo] : 0;
      if (value <= 0) continue;
      if (all.length >= count && value <= all[all.length - 1][1]) continue;
      all.push([item, value]);
      all.sort((a, b) => b[1] - a[1] || a[0].lo - b[0].lo);
      if (all.length > count) all.pop();
    }
    return all;
  }

  /** Fill, line and bar of a box. */
  colours(item: Item, theme: Theme): [string, string, string] {
    const { model } = this.tree;
    const plain: [string, string, string] = [theme.box, theme.line, theme.faint];
    if (this.mode.numeric) {
      const value = this.valueOf(item);
      if (value === null || this.max <= 0) return plain;
      const t = value <= 0 ? 0 : Math.sqrt(value / this.max), colour = scale(t, theme);
      return [colour, theme.dark ? scale(Math.min(1, t + 0.2), theme) : scale(Math.min(1, t + 0.25), theme), scale(Math.min(1, t + 0.3), theme)];
    }
    if (this.mode.key === 'change') {
      const change = changeOf(this.tree, item);
      if (change === 'same') return plain;
      const colour = theme.change[change];
      return [item.node >= 0 ? `color-mix(in srgb, ${colour} ${theme.dark ? 22 : 13}%, ${theme.box})` : theme.box, colour, colour];
    }
    if (item.node < 0) return plain;
    if (this.mode.key === 'dtype') {
      const k = model.outStart[item.node], v = model.outs[k];
      if (k === model.outStart[item.node + 1] || v < 0) return plain;
      const colour = classColour(this.classes.get(typeOfValue(model, v).dtype) ?? 0, theme);
      return [colour, theme.line, colour];
    }
    const tint = tintOf(model.nodeOp[item.node]);
    return [tintFill(tint, theme), tintLine(tint, theme), tintBar(tint, theme)];
  }

  /** The colours of the classes that there are, for the legend. */
  legend(theme: Theme): [string, string][] {
    const { model } = this.tree, rows = new Map<string, string>();
    if (this.mode.key === 'change') {
      for (const c of model.change?.values() ?? []) if (c.change !== 'same') rows.set(c.change, theme.change[c.change]);
    } else for (const item of this.tree.ends) {
      if (item.node < 0) continue;
      if (this.mode.key === 'op') {
        const tint = tintOf(model.nodeOp[item.node]);
        if (!rows.has(tint[2])) rows.set(tint[2], tintBar(tint, theme));
      } else if (this.mode.key === 'dtype') {
        const v = model.outs[model.outStart[item.node]];
        if (v >= 0) rows.set(typeOfValue(model, v).dtype, classColour(this.classes.get(typeOfValue(model, v).dtype) ?? 0, theme));
      }
    }
    return [...rows].slice(0, 14);
  }
}

/** What became of a node, or of a group: "same" where nothing in it differs, else one change where all are of one kind. */
export function changeOf(tree: Tree, item: Item): string {
  const { change } = tree.model;
  if (!change) return 'same';
  if (item.node >= 0 && !item.isGroup) return change.get(item.node)?.change ?? 'same';
  let found = '';
  for (let p = item.lo; p < item.hi; ++p) {
    const node = tree.ends[p].node;
    if (node < 0) continue;
    const c = change.get(node)?.change ?? 'same';
    if (!found) found = c;
    else if (c !== found) return 'changed';
  }
  return found || 'same';
}
