// The state of the page, and what keys, mouse and the address do to it.
import { Colouring, changeOf, modesOf, type Mode } from './colour.ts';
import { allParameters, bytesText, opShort, parametersOf, shapeText, short, typeOfValue, type Model, type PageData } from './data.ts';
import { byId, download, el } from './dom.ts';
import { Painter, type Box, TITLE, type Look, type Motion, type Pen } from './draw.ts';
import { showHelp } from './help.ts';
import { drawLegend } from './legend.ts';
import { layout, type LayoutInput, type LayoutResult } from './layout.ts';
import { mergeModels } from './merge.ts';
import { MiniMap } from './minimap.ts';
import { fillPanel, itemText, type PanelHost } from './panel.ts';
import { Scene, type Link, type View } from './scene.ts';
import { SearchBox } from './searchbox.ts';
import { neighbourhood, pathsBetween, Selector } from './select.ts';
import { asPen, SvgPen } from './svg.ts';
import { DARK, LIGHT, tintBar, tintOf, type Theme } from './theme.ts';
import { Tree, type Item } from './tree.ts';

declare const WORKER_SOURCE: string;

const OPENING_BOXES = 60, MOVE_MS = 140, MIN_ZOOM = 0.01, MAX_ZOOM = 4;

export class App implements PanelHost {
  tree!: Tree;
  scene!: Scene;
  selector!: Selector;
  sizes: (number | null)[];
  selected: Item | null = null;
  /** Lit ends by position, and the colour of each. */
  lit = new Map<number, string>();
  /** Whether only neighbours are lit: then the rest fades less. */
  private near = false;
  private litBoxes = new Map<Item, string>();
  private litValues = new Set<number>();
  found: Item[] = [];
  foundAt = -1;
  private foundBoxes = new Set<Item>();
  modes: Mode[];
  mode: Mode;
  colouring!: Colouring;
  theme: Theme = LIGHT;
  camera = { x: 0, y: 0, zoom: 1 };
  constants = false;
  onlyChanges = false;
  private motion: (Motion & { start: number }) | null = null;
  private frame = 0;
  private worker: Worker | null = null;
  private mixes = new Map<Item, [string, number][]>();
  private readonly canvas = byId<HTMLCanvasElement>('canvas');
  private readonly pen = this.canvas.getContext('2d')!;
  private readonly map: MiniMap;
  private readonly search: SearchBox;
  /** Milliseconds that things took, for those who measure. */
  readonly times: Record<string, number> = {};
  drawn = 0;

  /** The model, or two as one. */
  readonly model: Model;

  constructor(readonly page: PageData) {
    this.model = page.models[0];
    if (page.diff) {
      const { model, nodeOfB } = mergeModels(page);
      this.model = model;
      for (const column of page.numbers) column.ofNode = new Map([...column.ofNode].map(([n, v]) => [nodeOfB[n], v]));
    }
    this.sizes = this.model.symbols.map(() => null);
    this.modes = modesOf(page, this.model);
    this.mode = this.modes[0];
    this.map = new MiniMap(byId<HTMLCanvasElement>('map'), this);
    this.search = new SearchBox(this);
  }

  get bounds() { return { w: this.scene.root.width, h: this.scene.root.height }; }
  get view() { return { w: this.canvas.clientWidth, h: this.canvas.clientHeight }; }

  async start() {
    const begun = performance.now();
    this.bar();
    this.applyTheme();
    this.plant();
    this.listen();
    if (!await this.restore()) {
      await this.scene.update();
      this.fit();
    }
    this.recolour();
    this.select(this.selected);
    this.drawNow();
    this.times.start = performance.now() - begun;
    this.times.firstPicture = performance.now();
  }

  /** Makes the tree anew: after constants were shown or hidden. */
  private plant() {
    this.tree = new Tree(this.model, { constants: this.constants, maxInstances: 200000, onlyChanges: this.onlyChanges });
    if (this.model.change) this.tree.openChanges(2 * OPENING_BOXES); else this.tree.openTo(OPENING_BOXES);
    this.scene = new Scene(this.tree, { boxSize: item => this.boxSize(item), layoutLarge: input => this.layoutLarge(input) });
    this.selector = new Selector(this.tree, () => this.sizes, this.page.ops);
    this.colouring = new Colouring(this.mode, this.tree, this.page, this.sizes);
    this.mixes.clear();
    this.found = [];
    this.lit.clear();
  }

  private replant() {
    this.selected = null;
    this.plant();
    return this.scene.update().then(() => { this.fit(); this.afterLayout(); this.select(null); });
  }

  // --- Boxes

  private shapeOf(value: number, sizes = this.sizes): string {
    const type = typeOfValue(this.model, value);
    return `${type.dtype === 'float32' ? '' : `${type.dtype} `}${shapeText(this.model, type, sizes)}`;
  }

  private outputText(item: Item, sizes = this.sizes): string {
    if (item.value >= 0) { const t = typeOfValue(this.model, item.value); return `${t.dtype}${shapeText(this.model, t, sizes)}`; }
    const lo = this.model.outStart[item.node], hi = this.model.outStart[item.node + 1];
    for (let k = lo; k < hi; ++k) if (this.model.outs[k] >= 0) return this.shapeOf(this.model.outs[k], sizes) + (hi - lo > 1 ? '  …' : '');
    return '';
  }

  title(item: Item): string {
    if (item.node >= 0) return opShort(this.model.nodeOp[item.node]);
    return item.kind === 'run' && !item.expanded ? item.label : item.kind === 'run' ? `${item.label}  ×${item.children.length}` : item.label;
  }

  private aside(item: Item): string {
    if (item.kind === 'input' || item.kind === 'output') return item.kind;
    if (item.node >= 0) return item.label === opShort(this.model.nodeOp[item.node]) ? '' : item.label;
    return '';
  }

  private detail(item: Item): string {
    if (item.isEnd) return this.outputText(item);
    const value = this.colouring.mode.numeric ? this.colouring.valueOf(item) : null;
    if (value !== null) return `${item.ops} nodes · ${this.colouring.mode.text(value)}`;
    let parameters = 0;
    for (let p = item.lo; p < item.hi; ++p) if (this.tree.ends[p].node >= 0) parameters += parametersOf(this.model, this.tree.ends[p].node);
    return `${item.ops} nodes${parameters ? ` · ${short(parameters)} params` : ''}`;
  }

  private boxSize(item: Item): [number, number] {
    const clamp = (x: number, lo: number, hi: number) => Math.max(lo, Math.min(hi, x));
    const title = this.titleWidth(this.title(item));
    if (item.isEnd) {
      const aside = this.aside(item).length, badge = this.model.lambda.has(item.node) ? 56 : 0;
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

  private mix(item: Item): [string, number][] {
    let known = this.mixes.get(item);
    if (known) return known;
    const counts = new Map<string, number>();
    let total = 0;
    for (let p = item.lo; p < item.hi; ++p) {
      const end = this.tree.ends[p];
      if (end.node < 0) continue;
      const colour = this.mode.key === 'change' ? this.theme.change[changeOf(this.tree, end)] : tintBar(tintOf(this.model.nodeOp[end.node]), this.theme);
      counts.set(colour, (counts.get(colour) ?? 0) + 1);
      ++total;
    }
    known = [...counts].sort((a, b) => b[1] - a[1]).map(([c, k]) => [c, k / total]);
    this.mixes.set(item, known);
    return known;
  }

  private look(): Look {
    const { theme, model } = this, lit = this.lit.size > 0;
    return {
      theme,
      tracing: lit,
      fade: this.near ? 0.6 : 0.35,
      colours: item => this.colouring.colours(item, theme),
      title: item => this.title(item),
      aside: item => this.aside(item),
      detail: item => this.detail(item),
      badge: item => item.kind === 'run' ? `×${item.children.length}` : model.lambda.has(item.node) ? `λ ${model.lambda.get(item.node)![0]}` : '',
      mix: item => this.mix(item),
      ring: item => item === this.selected ? theme.accent : this.litBoxes.get(item) ?? (this.foundBoxes.has(item) ? theme.match : null),
      faded: item => lit && !this.litBoxes.has(item),
      link: (view, link) => this.linkColour(view, link),
      dashed: item => model.lambda.get(item.node)?.[0] === 'missing' || (model.change !== null && ['removed', 'folded'].includes(changeOf(this.tree, item))),
      hatched: item => ['missing', 'refused'].includes(model.lambda.get(item.node)?.[0] ?? ''),
    };
  }

  private linkColour(view: View, link: Link): string | null {
    if (!this.lit.size) {
      if (!this.model.edgeChange?.size) return null;
      const edge = this.model.edgeChange.get(`${this.tree.ends[link.to].node}:${link.values[0]}`);
      return edge && edge !== 'same' ? this.theme.change[edge] : null;
    }
    if (!link.values.some(v => this.litValues.has(v))) return null;
    const src = link.src < view.portBase ? this.litBoxes.get(view.boxes[link.src]) : 'port';
    const dst = link.dst < view.portBase ? this.litBoxes.get(view.boxes[link.dst]) : 'port';
    if (!src || !dst) return null;
    // Towards what was asked about an edge has the colour of its other end.
    const colour = [dst, src].find(c => c !== 'port' && c !== this.theme.accent);
    return colour ?? (src === 'port' && dst === 'port' ? this.lit.get(link.from) ?? this.lit.get(link.to) ?? this.theme.accent : this.theme.accent);
  }

  // --- Layout

  private layoutLarge(input: LayoutInput): Promise<LayoutResult | null> {
    if (typeof Worker === 'undefined') return Promise.resolve(layout(input));
    const url = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: 'text/javascript' }));
    const worker = new Worker(url), wait = byId('wait');
    this.worker = worker;
    const shown = setTimeout(() => {
      wait.replaceChildren(`Laying out ${input.w.length.toLocaleString('en')} boxes `, el('button', { class: 'act', onclick: () => stop() }, 'Stop'));
      wait.hidden = false;
    }, 250);
    let stop = () => {};
    const result = new Promise<LayoutResult | null>((resolve, reject) => {
      stop = () => resolve(null);
      worker.onmessage = message => resolve(message.data);
      worker.onerror = event => reject(new Error(event.message || 'the layout failed'));
      worker.postMessage(input);
    });
    this.stopLayout = () => stop();
    return result.finally(() => {
      clearTimeout(shown);
      wait.hidden = true;
      worker.terminate();
      URL.revokeObjectURL(url);
      this.worker = null;
      this.stopLayout = () => {};
    });
  }
  stopLayout = () => {};
  get busy() { return this.worker !== null; }

  /** Where all that is on the screen is now. */
  private snapshot(): Map<Item, Box> {
    const boxes = new Map<Item, Box>();
    const walk = (view: View, x: number, y: number) => {
      const r = view.result;
      for (let i = 0; i < view.portBase && boxes.size < 3000; ++i) {
        const box = { x: x + view.left + r.x[i] - view.w[i] / 2, y: y + view.top + r.y[i], w: view.w[i], h: view.h[i] };
        boxes.set(view.boxes[i], box);
        const inner = this.scene.view(view.boxes[i]);
        if (inner) walk(inner, box.x, box.y);
      }
    };
    walk(this.scene.root, 0, 0);
    return boxes;
  }

  /** Changes what is open, and keeps `anchor` where it is on the screen. */
  async change(act: () => void, anchor: Item | null = null) {
    if (this.busy) return;
    const begun = performance.now(), before = this.snapshot();
    const open = this.tree.items.filter(i => i.expanded);
    const was = anchor ? this.scene.rect(this.tree.shown(anchor)) : null;
    act();
    if (!await this.scene.update()) {
      for (const item of this.tree.items) item.expanded = false;
      for (const item of open) item.expanded = true;
      this.scene.invalidateAll();
      await this.scene.update();
    }
    if (anchor && was) {
      const now = this.scene.rect(this.tree.shown(anchor));
      this.camera.x += now.x + now.w / 2 - was.x - was.w / 2;
      this.camera.y += now.y - was.y;
      const dx = now.x + now.w / 2 - was.x - was.w / 2, dy = now.y - was.y;
      for (const box of before.values()) { box.x += dx; box.y += dy; }
    }
    if (before.size < 3000 && !matchMedia('(prefers-reduced-motion: reduce)').matches) this.motion = { from: before, part: 0, start: performance.now() };
    this.afterLayout();
    this.times.change = performance.now() - begun;
  }

  private afterLayout() {
    this.recolourRange();
    this.mapLit();
    this.map.invalidate();
    this.draw();
    this.remember();
  }

  toggle(item: Item) {
    if (!item.isGroup || item === this.tree.root) return;
    void this.change(() => {
      item.expanded = !item.expanded;
      this.scene.invalidate(item);
      if (!item.expanded && this.selected && this.tree.shown(this.selected) !== this.selected) this.select(item);
    }, item).then(() => { if (this.selected === item) this.showPanel(); });
  }

  openAll(open: boolean) {
    return this.change(() => {
      for (const item of this.tree.items) item.expanded = item === this.tree.root || (open && item.isGroup);
      this.scene.invalidateAll();
    }).then(() => this.fit());
  }

  openToDepth(depth: number) {
    return this.change(() => { this.tree.openToDepth(depth); this.scene.invalidateAll(); }).then(() => this.fit());
  }

  // --- Camera

  fit(item: Item | null = null) {
    const { w, h } = this.view;
    if (!item || item === this.tree.root) {
      const b = this.bounds;
      const whole = Math.min((w - 60) / b.w, (h - 60) / b.h);
      // A long chain is not shown whole as a thread: it begins at its top, as wide as one can read it.
      const readable = whole >= 0.62, zoom = readable ? Math.min(1.15, whole) : Math.min(0.85, Math.max(0.55, (w - 80) / b.w));
      this.camera.zoom = Math.max(MIN_ZOOM, zoom);
      this.camera.x = b.w / 2 - w / 2 / this.camera.zoom;
      this.camera.y = readable ? b.h / 2 - h / 2 / this.camera.zoom : -24 / this.camera.zoom;
      if (!readable) this.camera.x = this.mainColumn() - w / 2 / this.camera.zoom;
    } else {
      const r = this.scene.rect(item), zoom = Math.min(1.2, (w - 120) / r.w, (h - 120) / r.h);
      this.camera.zoom = Math.max(MIN_ZOOM, zoom);
      this.camera.x = r.x + r.w / 2 - w / 2 / this.camera.zoom;
      this.camera.y = r.y + r.h / 2 - h / 2 / this.camera.zoom;
    }
    this.draw();
    this.remember();
  }

  /** Where the first boxes are: the middle of a wide graph may be empty at its top. */
  private mainColumn(): number {
    const { result, boxes, left } = this.scene.root, b = this.bounds;
    if (b.w * this.camera.zoom < this.view.w || !boxes.length) return b.w / 2;
    return left + result.x[result.order[Math.floor((result.layerStart[1] - 1) / 2)]];
  }

  whole() {
    const { w, h } = this.view, b = this.bounds;
    this.camera.zoom = Math.max(MIN_ZOOM, Math.min(1.15, (w - 40) / b.w, (h - 40) / b.h));
    this.camera.x = b.w / 2 - w / 2 / this.camera.zoom;
    this.camera.y = b.h / 2 - h / 2 / this.camera.zoom;
    this.draw();
  }

  zoomAt(px: number, py: number, factor: number) {
    const zoom = Math.max(MIN_ZOOM, Math.min(MAX_ZOOM, this.camera.zoom * factor));
    this.camera.x += px / this.camera.zoom - px / zoom;
    this.camera.y += py / this.camera.zoom - py / zoom;
    this.camera.zoom = zoom;
    this.draw();
    this.remember();
  }

  /** Brings a box into sight, if it is not. */
  centre(item: Item) {
    const r = this.scene.rect(this.tree.shown(item)), { w, h } = this.view, c = this.camera;
    if (c.zoom < 0.4) c.zoom = 0.8;
    const x = (r.x - c.x) * c.zoom, y = (r.y - c.y) * c.zoom, x1 = x + r.w * c.zoom, y1 = y + Math.min(r.h, 60) * c.zoom;
    if (x < 20 || x1 > w - 20) c.x = r.x + r.w / 2 - w / 2 / c.zoom;
    if (y < 20 || y1 > h - 20) c.y = r.y + Math.min(r.h, 60) / 2 - h * 0.45 / c.zoom;
    this.draw();
    this.remember();
  }

  // --- Selection and traces

  select(item: Item | null) {
    this.selected = item;
    if (item === null) this.clearTrace();
    this.showPanel();
    this.mirror();
    this.draw();
    this.remember();
  }

  private showPanel() { fillPanel(byId('panel'), this, this.selected); }

  /** Selects, opens what hides it, and goes there. */
  async go(item: Item) {
    if (this.tree.shown(item) !== item) await this.change(() => { this.tree.reveal(item); this.scene.invalidate(item); });
    this.select(item);
    this.centre(item);
  }

  private ends(item: Item): number[] {
    const list: number[] = [];
    for (let p = item.lo; p < item.hi; ++p) list.push(p);
    return list;
  }

  /** Lights what leads to the selection, what follows from it, or both; `steps` is how far. */
  trace(kind: 'up' | 'down' | 'both', steps = Infinity) {
    if (!this.selected) return;
    this.lit.clear();
    this.near = steps === 1;
    const from = this.ends(this.selected);
    if (kind !== 'down') for (const p of neighbourhood(this.tree, from, steps, false)) this.lit.set(p, this.theme.ancestor);
    if (kind !== 'up') for (const p of neighbourhood(this.tree, from, steps, true)) this.lit.set(p, this.theme.descendant);
    for (const p of from) this.lit.set(p, this.theme.accent);
    const what = steps === 1 ? 'neighbours' : kind === 'up' ? 'ancestors' : kind === 'down' ? 'descendants' : 'ancestors and descendants';
    this.showTrace(`${(this.lit.size - from.length).toLocaleString('en')} ${what} of ${this.title(this.selected)}`);
  }

  /** Lights all paths between two boxes, whichever comes first. */
  tracePaths(a: Item, b: Item) {
    this.near = false;
    let set = pathsBetween(this.tree, this.ends(a), this.ends(b));
    if (!set.size) set = pathsBetween(this.tree, this.ends(b), this.ends(a));
    this.lit.clear();
    for (const p of set) this.lit.set(p, this.theme.descendant);
    for (const p of [...this.ends(a), ...this.ends(b)]) this.lit.set(p, this.theme.accent);
    this.showTrace(set.size ? `${set.size} nodes on paths from ${this.title(a)} to ${this.title(b)}` : `no path between ${this.title(a)} and ${this.title(b)}`);
  }

  private showTrace(text: string) {
    byId('trace').replaceChildren(text, el('button', { class: 'act', onclick: () => this.clearTrace() }, 'Clear'));
    byId('trace').hidden = false;
    this.say(text);
    this.mapLit();
    this.map.invalidate();
    this.draw();
  }

  clearTrace() {
    this.lit.clear();
    byId('trace').hidden = true;
    this.mapLit();
    this.map.invalidate();
    this.draw();
  }

  /** What is lit and found, in terms of the boxes that are shown. */
  private mapLit() {
    const { tree } = this;
    this.litBoxes.clear();
    this.litValues.clear();
    this.foundBoxes.clear();
    for (const [p, colour] of this.lit) {
      for (let at: Item | null = tree.ends[p]; at; at = at.parent) if (this.litBoxes.get(at) !== this.theme.accent) this.litBoxes.set(at, colour);
      for (let k = tree.inStart[p]; k < tree.inStart[p + 1]; ++k) if (this.lit.has(tree.inSrc[k])) this.litValues.add(tree.inValue[k]);
    }
    // A frame is no box of the trace.
    for (const item of [...this.litBoxes.keys()]) if (item.expanded && item.isGroup && tree.shown(item) === item && item !== this.selected) this.litBoxes.set(item, this.theme.frameLine);
    for (const item of this.found) this.foundBoxes.add(tree.shown(item));
  }

  // --- Search

  find(text: string) { this.search.set(text, false); }

  setFound(items: Item[]) {
    this.found = items;
    this.foundAt = -1;
    this.mapLit();
    this.map.invalidate();
    this.draw();
    this.remember();
  }

  async step(by: number) {
    if (!this.found.length) return;
    this.foundAt = (this.foundAt + by + this.found.length) % this.found.length;
    await this.go(this.found[this.foundAt]);
    this.search.showAt();
  }

  get marks(): Iterable<Item> { return this.foundBoxes; }
  get query() { return this.search.text; }

  // --- Colours and sizes

  recolour() {
    this.colouring = new Colouring(this.mode, this.tree, this.page, this.sizes);
    this.mixes.clear();
    this.recolourRange();
    this.showPanel();
    this.map.invalidate();
    this.draw();
  }

  private *shownBoxes(): Iterable<Item> {
    const stack = [this.scene.root];
    while (stack.length) {
      const view = stack.pop()!;
      for (const item of view.boxes) {
        const inner = this.scene.view(item);
        if (inner) stack.push(inner); else yield item;
      }
    }
  }

  private recolourRange() {
    if (this.mode.numeric) this.colouring.setRange(this.shownBoxes());
    drawLegend(byId('legend'), this.colouring, this.theme, item => void this.go(item));
  }

  setMode(key: string) {
    this.mode = this.modes.find(m => m.key === key) ?? this.modes[0];
    byId<HTMLSelectElement>('colour').value = this.mode.key;
    this.recolour();
    this.remember();
  }

  setSize(symbol: number, size: number | null) {
    this.sizes[symbol] = size;
    this.recolour();
    this.remember();
  }

  applyTheme(which?: 'light' | 'dark') {
    const dark = which ? which === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    this.theme = dark ? DARK : LIGHT;
    document.documentElement.dataset.theme = dark ? 'dark' : 'light';
    if (!this.scene?.root) return;
    if (this.lit.size) this.clearTrace();
    this.recolour();
  }

  // --- Drawing

  draw() { this.frame ||= requestAnimationFrame(() => this.drawNow()); }

  drawNow() {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    if (!this.scene?.root) return;
    const begun = performance.now(), { canvas, pen, camera } = this, { w, h } = this.view, ratio = devicePixelRatio || 1;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); }
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = this.theme.paper;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    const z = camera.zoom * ratio;
    pen.setTransform(z, 0, 0, z, -camera.x * z, -camera.y * z);
    if (this.motion) {
      const t = Math.min(1, (performance.now() - this.motion.start) / MOVE_MS);
      this.motion.part = 1 - (1 - t) ** 3;
      if (t >= 1) this.motion = null;
    }
    const painter = new Painter(pen as Pen, this.scene, this.look(), camera.zoom, this.motion);
    painter.paint({ x0: camera.x, y0: camera.y, x1: camera.x + w / camera.zoom, y1: camera.y + h / camera.zoom });
    this.drawn = painter.drawn;
    this.map.draw();
    this.times.draw = performance.now() - begun;
    if (this.motion) this.draw();
  }

  /** All of the scene, as the minimap shows it. */
  paintMap(pen: Pen, zoom: number) {
    new Painter(pen, this.scene, this.look(), zoom).paint({ x0: -Infinity, y0: -Infinity, x1: Infinity, y1: Infinity });
  }

  svg(): string {
    const pen = new SvgPen(this.pen), { camera } = this, { w, h } = this.view;
    new Painter(asPen(pen), this.scene, this.look(), camera.zoom).paint({ x0: camera.x, y0: camera.y, x1: camera.x + w / camera.zoom, y1: camera.y + h / camera.zoom });
    return pen.toString(camera.x, camera.y, w / camera.zoom, h / camera.zoom, this.theme.paper, this.model.file);
  }

  // --- Hits

  /** The box at a place of the screen, and whether its sign or its frame was hit. */
  hit(px: number, py: number): { item: Item; part: 'box' | 'frame' | 'header' } | null {
    const x = px / this.camera.zoom + this.camera.x, y = py / this.camera.zoom + this.camera.y;
    const walk = (view: View, ox: number, oy: number): { item: Item; part: 'box' | 'frame' | 'header' } | null => {
      const r = view.result, lx = x - ox - view.left, ly = y - oy - view.top;
      for (let l = 0; l < r.layerTop.length; ++l) {
        if (ly < r.layerTop[l] || ly > r.layerBottom[l]) continue;
        for (let k = r.layerStart[l]; k < r.layerStart[l + 1]; ++k) {
          const i = r.order[k];
          if (i >= view.portBase || Math.abs(lx - r.x[i]) > view.w[i] / 2 || ly < r.y[i] || ly > r.y[i] + view.h[i]) continue;
          const item = view.boxes[i], inner = this.scene.view(item);
          if (!inner) return { item, part: 'box' };
          const bx = ox + view.left + r.x[i] - view.w[i] / 2, by = oy + view.top + r.y[i];
          return walk(inner, bx, by) ?? { item, part: y - by < 28 && x - bx < 60 + item.label.length * 8 ? 'header' : 'frame' };
        }
      }
      return null;
    };
    return walk(this.scene.root, 0, 0);
  }

  private click(px: number, py: number, shift: boolean) {
    const hit = this.hit(px, py);
    if (!hit) { this.select(null); return; }
    if (shift && this.selected && hit.item !== this.selected && hit.part === 'box') { this.tracePaths(this.selected, hit.item); return; }
    if (hit.part === 'frame') { this.select(null); return; }
    this.lit.clear();
    this.select(hit.item);
    if (hit.part === 'header' || hit.item.isGroup) { byId('trace').hidden = true; this.mapLit(); this.toggle(hit.item); }
    else if (shift) this.trace('both'); else { this.trace('both', 1); byId('trace').hidden = true; }
  }

  // --- Keys

  /** The next box along the data, or against it. */
  private along(forward: boolean) {
    const { tree } = this, at = this.selected;
    if (!at) { const first = this.scene.root.boxes[0]; if (first) void this.go(first); return; }
    const start = forward ? tree.outStart : tree.inStart, to = forward ? tree.outDst : tree.inSrc;
    let best = -1;
    for (let p = at.lo; p < at.hi; ++p) for (let k = start[p]; k < start[p + 1]; ++k) {
      const q = to[k];
      if (q >= at.lo && q < at.hi) continue;
      if (best < 0 || (forward ? q < best : q > best)) best = q;
    }
    if (best < 0) { this.say(forward ? 'nothing follows' : 'nothing comes before'); return; }
    const next = tree.shown(tree.ends[best]);
    this.select(next);
    this.centre(next);
  }

  private beside(by: number) {
    const at = this.selected;
    if (!at?.parent) return;
    const view = this.scene.view(at.parent);
    if (!view) return;
    const r = view.result, l = r.layer[at.slot], row = Array.from(r.order.subarray(r.layerStart[l], r.layerStart[l + 1])).filter(i => i < view.portBase);
    // At the end of a row, the row's neighbour in the order of the file.
    let next = row[row.indexOf(at.slot) + by];
    if (row.length < 2) next = at.slot + by;
    if (next === undefined || next < 0 || next >= view.portBase) return;
    this.select(view.boxes[next]);
    this.centre(view.boxes[next]);
  }

  key(event: KeyboardEvent) {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (event.key === 'Escape') {
      if (this.busy) this.stopLayout();
      else if (typing) { (event.target as HTMLElement).blur(); this.search.hide(); byId('canvas').focus(); }
      else if (this.lit.size && this.selected) this.clearTrace();
      else this.select(null);
      return;
    }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || byId<HTMLDialogElement>('help').open) return;
    const { w, h } = this.view, pan = (dx: number, dy: number) => { this.camera.x += dx / this.camera.zoom; this.camera.y += dy / this.camera.zoom; this.draw(); this.remember(); };
    const onButton = event.target instanceof HTMLButtonElement;
    const acts: Record<string, () => void> = {
      '/': () => this.search.focus(), '?': () => showHelp(),
      j: () => this.along(true), k: () => this.along(false), l: () => this.beside(1), h: () => this.beside(-1),
      Enter: () => { if (!onButton && this.selected) this.toggle(this.selected); }, u: () => this.up(),
      n: () => void this.step(1), N: () => void this.step(-1),
      A: () => this.trace('up'), D: () => this.trace('down'), T: () => this.trace('both'), t: () => this.trace('both', 1),
      f: () => this.fit(this.selected), F: () => this.fit(), w: () => this.whole(),
      '+': () => this.zoomAt(w / 2, h / 2, 1.25), '=': () => this.zoomAt(w / 2, h / 2, 1.25), '-': () => this.zoomAt(w / 2, h / 2, 0.8),
      c: () => void this.openToDepth(0), e: () => void this.openAll(true), o: () => this.togglePanel(), s: () => this.saveSvg(),
      ArrowUp: () => pan(0, -80), ArrowDown: () => pan(0, 80), ArrowLeft: () => pan(-80, 0), ArrowRight: () => pan(80, 0),
      PageDown: () => pan(0, h * 0.85), PageUp: () => pan(0, -h * 0.85),
    };
    for (let d = 1; d <= 9; ++d) acts[String(d)] = () => void this.openToDepth(d - 1);
    const act = acts[event.key];
    if (!act || (onButton && event.key.startsWith('Arrow'))) return;
    event.preventDefault();
    act();
  }

  private up() {
    const parent = this.selected?.parent;
    if (!parent || parent === this.tree.root) { this.select(null); return; }
    this.select(parent);
    this.centre(parent);
  }

  togglePanel() { document.body.classList.toggle('wide'); this.draw(); }
  saveSvg() { download(`${this.model.file}.svg`, 'image/svg+xml', this.svg()); }

  // --- For those who hear the page

  private say(text: string) { byId('say').textContent = text; }

  /** The way to the selection and its neighbours, as a list of buttons. */
  private mirror() {
    const { tree, selected } = this, mirror = byId('mirror');
    if (!selected) {
      mirror.replaceChildren(el('p', {}, `${this.model.file}: ${tree.root.ops} nodes. Press / to search, j and k to walk along the data, ? for all keys.`));
      return;
    }
    const button = (item: Item) => el('li', {}, el('button', { tabindex: -1, onclick: () => void this.go(item) }, itemText(tree, item)));
    const around = (forward: boolean) => [...new Set([...neighbourhood(tree, this.ends(selected), 1, forward)].filter(p => p < selected.lo || p >= selected.hi).map(p => tree.shown(tree.ends[p])))].slice(0, 20);
    const above: Item[] = [];
    for (let at = selected.parent; at && at !== tree.root; at = at.parent) above.unshift(at);
    mirror.replaceChildren(
      el('p', {}, `Selected: ${itemText(tree, selected)}. ${selected.isEnd ? this.outputText(selected) : this.detail(selected)}${selected.isGroup ? selected.expanded ? ', open' : ', closed' : ''}`),
      el('p', {}, 'In'), el('ul', {}, ...above.map(button)), el('p', {}, 'Comes from'), el('ul', {}, ...around(false).map(button)), el('p', {}, 'Leads to'), el('ul', {}, ...around(true).map(button)));
    this.say(`${itemText(tree, selected)} ${selected.isEnd ? this.outputText(selected) : ''}`);
  }

  // --- The address

  private remembering = 0;
  private remember() {
    clearTimeout(this.remembering);
    this.remembering = window.setTimeout(() => { try { history.replaceState(null, '', this.link()); } catch { /* some browsers refuse it for files */ } }, 250);
  }

  /** "#sel=/layer3/…&color=time": the state, for a link. */
  link(): string {
    const parts: [string, string][] = [], { tree, selected, camera } = this;
    if (selected) parts.push(['sel', selected.node >= 0 && tree.itemOfNode[selected.node] === selected.id ? this.model.nodeName[selected.node] : `@${selected.id}`]);
    const open = tree.items.filter(i => i.expanded && i !== tree.root).map(i => i.id);
    if (open.length < 400) parts.push(['open', ranges(open)]);
    if (this.mode !== this.modes[0]) parts.push(['color', this.mode.key]);
    if (this.query) parts.push(['find', this.query]);
    const sizes = this.sizes.map((s, i) => s === null ? '' : `${i}:${s}`).filter(Boolean).join(',');
    if (sizes) parts.push(['sizes', sizes]);
    if (this.constants) parts.push(['constants', '1']);
    parts.push(['at', [camera.x, camera.y, camera.zoom * 1000].map(v => Math.round(v)).join(',')]);
    return `#${parts.map(([k, v]) => `${k}=${encodeURIComponent(v).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3A/g, ':')}`).join('&')}`;
  }

  /** The state that the address names; false where it names none. */
  private async restore(): Promise<boolean> {
    const state = new Map(location.hash.slice(1).split('&').map(p => { const i = p.indexOf('='); try { return [p.slice(0, i), decodeURIComponent(p.slice(i + 1))] as const; } catch { return ['', ''] as const; } }));
    if (![...state.keys()].some(k => ['sel', 'open', 'depth', 'color', 'find', 'sizes', 'at', 'constants'].includes(k))) return false;
    const { tree, model } = this;
    if (state.get('constants')) { this.constants = true; this.plant(); }
    for (const pair of (state.get('sizes') ?? '').split(',')) {
      const [i, size] = pair.split(':').map(Number);
      if (i < model.symbols.length && size >= 1 && Number.isInteger(size)) this.sizes[i] = size;
    }
    this.mode = this.modes.find(m => m.key === state.get('color') || m.title === state.get('color')) ?? this.mode;
    byId<HTMLSelectElement>('colour').value = this.mode.key;
    this.colouring = new Colouring(this.mode, this.tree, this.page, this.sizes);
    if (state.has('depth')) tree.openToDepth(Number(state.get('depth')) || 0);
    if (state.has('open')) {
      for (const item of tree.items) item.expanded = item === tree.root;
      for (const id of unranges(state.get('open')!, tree.items.length)) if (tree.items[id]?.isGroup) tree.items[id].expanded = true;
    }
    const sel = state.get('sel') ?? '';
    const item = sel[0] === '@' ? this.tree.items[Number(sel.slice(1))] : sel ? this.selector.find(sel).items[0] : undefined;
    if (item) this.tree.reveal(item);
    await this.scene.update();
    this.syncSizes();
    const at = (state.get('at') ?? '').split(',').map(Number);
    if (at.length === 3 && at.every(Number.isFinite)) this.camera = { x: at[0], y: at[1], zoom: Math.max(MIN_ZOOM, Math.min(MAX_ZOOM, at[2] / 1000)) };
    else this.fit();
    if (item) { this.selected = item; if (!state.has('at')) this.centre(item); }
    if (state.get('find')) this.search.set(state.get('find')!, false);
    return true;
  }

  // --- The bar and what listens

  private syncSizes() {
    document.querySelectorAll<HTMLInputElement>('#sizes input').forEach(input => {
      const size = this.sizes[Number(input.dataset.symbol)];
      input.value = input.type === 'range' ? String(Math.log2(size ?? 1)) : size === null ? '' : String(size);
    });
  }

  private bar() {
    const { model, page } = this;
    document.title = `${model.file} – nomo view`;
    byId('file').textContent = page.diff ? `${page.models[0].file} → ${page.models[1].file}` : model.file;
    byId('facts').textContent = `${model.nodeName.length.toLocaleString('en')} nodes · ${short(allParameters(page.models[page.models.length - 1]).elements)} parameters · ${bytesText(model.bytes)}`;
    byId('colour').replaceChildren(...this.modes.map(m => el('option', { value: m.key }, m.title)));
    byId('colour').addEventListener('change', () => this.setMode(byId<HTMLSelectElement>('colour').value));
    byId('sizes').replaceChildren(...model.symbols.map((symbol, i) => {
      const act = (size: number | null) => { this.setSize(i, size); this.syncSizes(); };
      return el('label', { title: `The size of ${symbol}: shapes, bytes and MACs follow` }, el('span', {}, model.aliases[i] === symbol ? symbol : `${model.aliases[i]} = ${symbol}`),
        el('input', { type: 'number', min: 1, max: 1000000, placeholder: 'any', 'data-symbol': i, 'aria-label': `Size of ${symbol}`, oninput: (e: Event) => {
          const value = Number((e.target as HTMLInputElement).value);
          act(value >= 1 && Number.isInteger(value) ? value : null);
        } }),
        el('input', { type: 'range', min: 0, max: 12, step: 0.5, value: 0, 'data-symbol': i, 'aria-label': `Size of ${symbol} as a slider`, oninput: (e: Event) => act(Math.round(2 ** Number((e.target as HTMLInputElement).value))) }));
    }));
    const tool = (text: string, title: string, act: (e: Event) => void) => el('button', { class: 'tool', title, 'aria-label': title, onclick: act }, text);
    byId('tools').replaceChildren(
      tool('Fit', 'Show from the start (F)', () => this.fit()),
      tool('Collapse', 'Close all groups (c)', () => void this.openToDepth(0)),
      tool('Expand', 'Open all groups (e)', () => void this.openAll(true)),
      tool('Constants', 'Show constants too, and what follows from them and from sizes alone', e => {
        this.constants = !this.constants;
        (e.currentTarget as HTMLElement).setAttribute('aria-pressed', String(this.constants));
        this.replant();
      }),
      ...(this.model.change ? [tool('Only changes', 'Fold what is the same in both', e => {
        this.onlyChanges = !this.onlyChanges;
        (e.currentTarget as HTMLElement).setAttribute('aria-pressed', String(this.onlyChanges));
        this.replant();
      })] : []),
      tool('SVG', 'Save what is shown as SVG (s)', () => this.saveSvg()),
      tool('◐', 'Light or dark', () => this.applyTheme(this.theme.dark ? 'light' : 'dark')),
      tool('?', 'Keys and selectors (?)', () => showHelp()));
  }

  private listen() {
    const { canvas } = this;
    let down: { x: number; y: number; moved: boolean } | null = null;
    canvas.addEventListener('pointerdown', e => {
      if (e.button > 1) return;
      canvas.setPointerCapture(e.pointerId);
      canvas.focus({ preventScroll: true });
      down = { x: e.offsetX, y: e.offsetY, moved: false };
    });
    canvas.addEventListener('pointermove', e => {
      if (!down) { this.hover(e.offsetX, e.offsetY); return; }
      const dx = e.offsetX - down.x, dy = e.offsetY - down.y;
      if (!down.moved && Math.hypot(dx, dy) < 4) return;
      down.moved = true;
      canvas.classList.add('drag');
      this.camera.x -= dx / this.camera.zoom;
      this.camera.y -= dy / this.camera.zoom;
      down.x = e.offsetX; down.y = e.offsetY;
      this.draw();
      this.remember();
    });
    const up = (e: PointerEvent) => {
      canvas.classList.remove('drag');
      if (down && !down.moved && e.type === 'pointerup') this.click(e.offsetX, e.offsetY, e.shiftKey);
      down = null;
    };
    canvas.addEventListener('pointerup', up);
    canvas.addEventListener('pointercancel', up);
    canvas.addEventListener('pointerleave', () => { byId('tip').hidden = true; });
    canvas.addEventListener('wheel', e => {
      e.preventDefault();
      const unit = e.deltaMode === 1 ? 16 : e.deltaMode === 2 ? this.view.h : 1;
      if (e.ctrlKey || e.metaKey) this.zoomAt(e.offsetX, e.offsetY, Math.exp(-e.deltaY * unit * (Math.abs(e.deltaY) < 30 ? 0.01 : 0.002)));
      else {
        this.camera.x += (e.shiftKey ? e.deltaY : e.deltaX) * unit / this.camera.zoom;
        this.camera.y += (e.shiftKey ? 0 : e.deltaY) * unit / this.camera.zoom;
        this.draw();
        this.remember();
      }
    }, { passive: false });
    addEventListener('keydown', e => this.key(e));
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.applyTheme());
  }

  private hover(x: number, y: number) {
    const hit = this.hit(x, y), tip = byId('tip');
    this.canvas.classList.toggle('point', hit !== null && hit.part !== 'frame');
    if (!hit || hit.part === 'frame') { tip.hidden = true; return; }
    const { item } = hit, value = this.colouring.valueOf(item);
    const lines = [item.node >= 0 ? this.model.nodeName[item.node] : item.value >= 0 ? this.model.valueName[item.value] : this.tree.path(item)];
    if (item.isEnd) lines.push(`${this.title(item)}  ${this.outputText(item)}`); else lines.push(this.detail(item));
    if (value !== null) lines.push(`${this.colouring.mode.title}: ${this.colouring.mode.text(value)}`);
    tip.textContent = lines.join('\n');
    tip.hidden = false;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = `${Math.min(x + 14, this.view.w - w - 8)}px`;
    tip.style.top = `${y + 18 + h > this.view.h ? y - h - 10 : y + 18}px`;
  }
}

/** 3,4,5,9 as "3-5,9". */
function ranges(ids: number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < ids.length;) {
    let j = i;
    while (ids[j + 1] === ids[j] + 1) ++j;
    parts.push(i === j ? String(ids[i]) : `${ids[i]}-${ids[j]}`);
    i = j + 1;
  }
  return parts.join(',');
}

function unranges(text: string, limit: number): number[] {
  const ids: number[] = [];
  for (const part of text.split(',')) {
    const [a, b] = part.split('-').map(Number);
    for (let i = a; i <= Math.min(Number.isNaN(b ?? a) ? a : b ?? a, limit); ++i) ids.push(i);
  }
  return ids;
}
