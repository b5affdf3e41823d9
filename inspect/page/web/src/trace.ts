// What is lit: ancestors, descendants and paths; and what was found.
import type { App } from './app.ts';
import { byId, el } from './dom.ts';
import type { Link, View } from './scene.ts';
import { neighbourhood, pathsBetween } from './select.ts';
import type { Item } from './tree.ts';

export class Trace {
  /** Lit ends by position, and the colour of each. */
  readonly lit = new Map<number, string>();
  /** Whether only neighbours are lit: then the rest fades less. */
  near = false;
  /** The same and what was found, in terms of the boxes that are shown. */
  readonly litBoxes = new Map<Item, string>();
  readonly foundBoxes = new Set<Item>();
  private litValues = new Set<number>();
  /** Where paths begin, for those who have no mouse. */
  private from: Item | null = null;

  constructor(private readonly app: App) {}

  ends(item: Item): number[] {
    const list: number[] = [];
    for (let p = item.lo; p < item.hi; ++p) list.push(p);
    return list;
  }

  /** Lights what leads to the selection, what follows from it, or both; `steps` is how far. */
  neighbours(kind: 'up' | 'down' | 'both', steps = Infinity) {
    if (!this.app.selected) return;
    this.lit.clear();
    this.near = steps === 1;
    const from = this.ends(this.app.selected);
    if (kind !== 'down') for (const p of neighbourhood(this.app.tree, from, steps, false)) this.lit.set(p, this.app.theme.ancestor);
    if (kind !== 'up') for (const p of neighbourhood(this.app.tree, from, steps, true)) this.lit.set(p, this.app.theme.descendant);
    for (const p of from) this.lit.set(p, this.app.theme.accent);
    const what = steps === 1 ? 'neighbours' : kind === 'up' ? 'ancestors' : kind === 'down' ? 'descendants' : 'ancestors and descendants';
    this.show(`${(this.lit.size - from.length).toLocaleString('en')} ${what} of ${this.app.title(this.app.selected)}`);
  }

  /** Lights all paths between two boxes, whichever comes first. */
  paths(a: Item, b: Item) {
    this.near = false;
    let set = pathsBetween(this.app.tree, this.ends(a), this.ends(b));
    if (!set.size) set = pathsBetween(this.app.tree, this.ends(b), this.ends(a));
    this.lit.clear();
    for (const p of set) this.lit.set(p, this.app.theme.descendant);
    for (const p of [...this.ends(a), ...this.ends(b)]) this.lit.set(p, this.app.theme.accent);
    this.show(set.size ? `${set.size} nodes on paths from ${this.app.title(a)} to ${this.app.title(b)}` : `no path between ${this.app.title(a)} and ${this.app.title(b)}`);
  }

  /** Remembers the selection as one end of paths. */
  mark() {
    this.from = this.app.selected;
    if (this.from) this.app.say(`paths begin at ${this.app.title(this.from)}: select another and press p`);
  }

  /** Lights the paths between what was marked and the selection. */
  pathsFromMark() {
    const { from } = this, to = this.app.selected;
    if (!from || !to || from === to) { this.app.say('mark a box with m, select another, and press p'); return; }
    this.paths(from, to);
  }

  private show(text: string) {
    byId('trace').replaceChildren(text, el('button', { class: 'act', onclick: () => this.clear() }, 'Clear'));
    byId('trace').hidden = false;
    this.app.say(text);
    this.map();
    this.app.marked();
  }

  clear() {
    this.lit.clear();
    byId('trace').hidden = true;
    this.map();
    this.app.marked();
  }

  /** What is lit and found, in terms of the boxes that are shown. */
  map() {
    const { tree } = this.app;
    this.litBoxes.clear();
    this.litValues.clear();
    this.foundBoxes.clear();
    for (const [p, colour] of this.lit) {
      for (let at: Item | null = tree.ends[p]; at; at = at.parent) if (this.litBoxes.get(at) !== this.app.theme.accent) this.litBoxes.set(at, colour);
      for (let k = tree.inStart[p]; k < tree.inStart[p + 1]; ++k) if (this.lit.has(tree.inSrc[k])) this.litValues.add(tree.inValue[k]);
    }
    // A frame is no box of the trace.
    for (const item of [...this.litBoxes.keys()]) if (item.expanded && item.isGroup && tree.shown(item) === item && item !== this.app.selected) this.litBoxes.set(item, this.app.theme.frameLine);
    for (const item of this.app.found) this.foundBoxes.add(tree.shown(item));
  }

  linkColour(view: View, link: Link): string | null {
    if (!this.lit.size) {
      if (!this.app.model.edgeChange?.size) return null;
      const edge = this.app.model.edgeChange.get(`${this.app.tree.ends[link.to].node}:${link.values[0]}`);
      return edge && edge !== 'same' ? this.app.theme.change[edge] : null;
    }
    if (!link.values.some(v => this.litValues.has(v))) return null;
    // A frame is a way through, as a port is.
    const end = (slot: number) => {
      const colour = slot < view.portBase ? this.litBoxes.get(view.boxes[slot]) : 'port';
      return colour === this.app.theme.frameLine ? 'port' : colour;
    };
    const src = end(link.src), dst = end(link.dst);
    if (!src || !dst) return null;
    // Towards what was asked about an edge has the colour of its other end.
    const colour = [dst, src].find(c => c !== 'port' && c !== this.app.theme.accent);
    return colour ?? (src === 'port' && dst === 'port' ? this.lit.get(link.from) ?? this.lit.get(link.to) ?? this.app.theme.accent : this.app.theme.accent);
  }
}
