// The state of the page, and what can be done to it.
import { Colouring, changeOf, modesOf, type Mode } from './colour.ts';
import { opShort, parametersOf, shapeText, short, typeOfValue, type Model, type PageData } from './data.ts';
import { fillBar, listen } from './controls.ts';
import { byId, download, el } from './dom.ts';
import { Painter, type Box, TITLE, type Look, type Motion, type Pen } from './draw.ts';
import { drawLegend } from './legend.ts';
import { layout, type LayoutInput, type LayoutResult } from './layout.ts';
import { mergeModels } from './merge.ts';
import { MiniMap } from './minimap.ts';
import { fillPanel, itemText, type PanelHost } from './panel.ts';
import { Scene, type Link, type View } from './scene.ts';
import { SearchBox } from './searchbox.ts';
import { neighbourhood, pathsBetween, Selector } from './select.ts';
import { restoreState, stateLink } from './state.ts';
import { asPen, SvgPen } from './svg.ts';
import { DARK, LIGHT, tintBar, tintOf, type Theme } from './theme.ts';
import { Tree, type Item } from './tree.ts';

declare const WORKER_SOURCE: string;

export const MIN_ZOOM = 0.01, MAX_ZOOM = 4;
const OPENING_BOXES = 60, MOVE_MS = 140;

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
  readonly canvas = byId<HTMLCanvasElement>('canvas');
  private readonly pen = this.canvas.getContext('2d')!;
  private readonly map: MiniMap;
  readonly search: SearchBox;
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
    fillBar(this);
    this.applyTheme();
    this.plant();
    listen(this);
    if (!await restoreState(this)) {
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
  plant() {
    this.tree = new Tree(this.model, { constants: this.constants, maxInstances: 200000, onlyChanges: this.onlyChanges });
    if (this.model.change) this.tree.openChanges(2 * OPENING_BOXES); else this.tree.openTo(OPENING_BOXES);
    this.scene = new Scene(this.tree, { boxSize: item => this.boxSize(item), layoutLarge: input => this.layoutLarge(input) });
    this.selector = new Selector(this.tree, () => this.sizes, this.page.ops);
    this.colouring = new Colouring(this.mode, this.tree, this.page, this.sizes);
    this.mixes.clear();
    this.found = [];
    this.lit.clear();
  }

  replant() {
    this.selected = null;
    this.plant();
    return this.scene.update().then(() => { this.fit(); this.afterLayout(); this.select(null); });
  }

  // --- Boxes

  private shapeOf(value: number, sizes = this.sizes): string {
    const type = typeOfValue(this.model, value);
    return `${type.dtype === 'float32' ? '' : `${type.dtype} `}${shapeText(this.model, type, sizes)}`;
  }

  outputText(item: Item, sizes = this.sizes): string {
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

  detail(item: Item): string {
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

  click(px: number, py: number, shift: boolean) {
    const hit = this.hit(px, py);
    if (!hit) { this.select(null); return; }
    if (shift && this.selected && hit.item !== this.selected && hit.part === 'box') { this.tracePaths(this.selected, hit.item); return; }
    if (hit.part === 'frame') { this.select(null); return; }
    this.lit.clear();
    this.select(hit.item);
    if (hit.part === 'header' || hit.item.isGroup) { byId('trace').hidden = true; this.mapLit(); this.toggle(hit.item); }
    else if (shift) this.trace('both'); else { this.trace('both', 1); byId('trace').hidden = true; }
  }

  // --- Along the graph

  /** The next box along the data, or against it. */
  along(forward: boolean) {
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

  beside(by: number) {
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

  up() {
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
  remember() {
    clearTimeout(this.remembering);
    this.remembering = window.setTimeout(() => { try { history.replaceState(null, '', stateLink(this)); } catch { /* some browsers refuse it for files */ } }, 250);
  }
}
