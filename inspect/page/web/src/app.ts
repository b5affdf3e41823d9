// The state of the page, and what can be done to it.
import { Captions } from './captions.ts';
import { Colouring, changeOf, modesOf, type Mode } from './colour.ts';
import { fillBar, listen } from './controls.ts';
import type { Model, PageData } from './data.ts';
import { byId, download } from './dom.ts';
import { Painter, type Box, type Look, type Motion, type Pen } from './draw.ts';
import { hitAt, type Hit } from './hit.ts';
import { LayoutWorker } from './layout_worker.ts';
import { drawLegend } from './legend.ts';
import { mergeModels } from './merge.ts';
import { MiniMap } from './minimap.ts';
import { fillPanel, type PanelHost } from './panel.ts';
import { Scene, type View } from './scene.ts';
import { SearchBox } from './searchbox.ts';
import { Selector } from './select.ts';
import { restoreState, stateLink } from './state.ts';
import { asPen, SvgPen } from './svg.ts';
import { DARK, LIGHT, type Theme } from './theme.ts';
import { Trace } from './trace.ts';
import { Tree, type Item } from './tree.ts';
import { fillMirror } from './walk.ts';

export const MIN_ZOOM = 0.01, MAX_ZOOM = 4;
const OPENING_BOXES = 60, MOVE_MS = 140;
const PREVIEW_BOXES = 400;  // fill a large screen
const LARGE_MODEL = 10000;  // nodes, of which so many may be side by side that a worker lays them out

export class App implements PanelHost {
  tree!: Tree;
  scene!: Scene;
  selector!: Selector;
  sizes: (number | null)[];
  selected: Item | null = null;
  found: Item[] = [];
  foundAt = -1;
  modes: Mode[];
  mode: Mode;
  colouring!: Colouring;
  theme: Theme = LIGHT;
  camera = { x: 0, y: 0, zoom: 1 };
  constants = false;
  onlyChanges = false;
  private motion: (Motion & { start: number }) | null = null;
  private frame = 0;
  readonly canvas = byId<HTMLCanvasElement>('canvas');
  private readonly pen = this.canvas.getContext('2d')!;
  private readonly captions = new Captions(this, this.pen);
  private readonly worker = new LayoutWorker();
  readonly tracer = new Trace(this);
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
    if (this.model.nodeName.length > LARGE_MODEL) this.worker.warm();
    fillBar(this);
    this.applyTheme();
    this.plant();
    listen(this);
    if (!await restoreState(this)) {
      const previewed = await this.preview(), { x, y, zoom } = this.camera;
      await this.scene.update();
      const moved = x !== this.camera.x || y !== this.camera.y || zoom !== this.camera.zoom;
      if (!previewed || !moved) this.fit();
    }
    this.recolour();
    this.select(this.selected);
    this.drawNow();
    this.times.start = performance.now() - begun;
    this.times.lastPicture = performance.now();
    this.times.firstPicture ??= this.times.lastPicture;
  }

  /** Of a large graph, a picture of its beginning, which is seen while all of it is laid out. */
  private async preview(): Promise<boolean> {
    if (!this.scene.preview(PREVIEW_BOXES)) return false;
    this.fit();
    this.drawNow();
    // Until it is on the screen; a page in the background draws nothing.
    await new Promise(resolve => { requestAnimationFrame(() => setTimeout(resolve)); setTimeout(resolve, 100); });
    this.times.firstPicture = performance.now();
    return true;
  }

  /** Makes the tree anew: after constants were shown or hidden. */
  plant() {
    this.tree = new Tree(this.model, { constants: this.constants, maxInstances: 200000, onlyChanges: this.onlyChanges });
    if (this.model.change) this.tree.openChanges(2 * OPENING_BOXES); else this.tree.openTo(OPENING_BOXES);
    this.scene = new Scene(this.tree, { boxSize: item => this.captions.boxSize(item), layoutLarge: input => this.worker.run(input) });
    this.selector = new Selector(this.tree, () => this.sizes, this.page.ops);
    this.colouring = new Colouring(this.mode, this.tree, this.page, this.sizes);
    this.captions.forget();
    this.found = [];
    this.tracer.lit.clear();
  }

  /** What the buttons of these names say about the state. */
  syncToggles() {
    for (const [id, on] of [['constants', this.constants], ['only-changes', this.onlyChanges]] as const) document.getElementById(id)?.setAttribute('aria-pressed', String(on));
  }
  toggleConstants() { this.constants = !this.constants; void this.replant(); }
  toggleOnlyChanges() { if (this.model.change) { this.onlyChanges = !this.onlyChanges; void this.replant(); } }
  toggleTheme() { this.applyTheme(this.theme.dark ? 'light' : 'dark'); }
  /** The next colouring. */
  nextMode() { this.setMode(this.modes[(this.modes.indexOf(this.mode) + 1) % this.modes.length].key); this.say(`coloured by ${this.mode.title}`); }

  replant() {
    this.syncToggles();
    this.selected = null;
    this.plant();
    return this.scene.update().then(() => { this.fit(); this.afterLayout(); this.select(null); });
  }

  // --- Boxes

  title(item: Item) { return this.captions.title(item); }
  outputText(item: Item) { return this.captions.outputText(item); }
  detail(item: Item) { return this.captions.detail(item); }

  private look(): Look {
    const { theme, model, tracer } = this, lit = tracer.lit.size > 0;
    return {
      theme,
      tracing: lit,
      fade: tracer.near ? 0.6 : 0.35,
      colours: item => this.colouring.colours(item, theme),
      title: item => this.captions.title(item),
      aside: item => this.captions.aside(item),
      detail: item => this.captions.detail(item),
      badge: item => item.kind === 'run' ? `×${item.children.length}` : model.lambda.has(item.node) ? `λ ${model.lambda.get(item.node)![0]}` : '',
      mix: item => this.captions.mix(item),
      ring: item => item === this.selected ? theme.accent : tracer.litBoxes.get(item) ?? (tracer.foundBoxes.has(item) ? theme.match : null),
      faded: item => lit && !tracer.litBoxes.has(item),
      link: (view, link) => tracer.linkColour(view, link),
      dashed: item => model.lambda.get(item.node)?.[0] === 'missing' || (model.change !== null && ['removed', 'folded'].includes(changeOf(this.tree, item))),
      hatched: item => ['missing', 'refused'].includes(model.lambda.get(item.node)?.[0] ?? ''),
    };
  }

  // --- Layout

  get busy() { return this.worker.busy; }
  stopLayout() { this.worker.stop(); }

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
    this.tracer.map();
    this.marked();
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
      this.makeRoomForCorner();
    } else {
      const r = this.scene.rect(item), zoom = Math.min(1.2, (w - 120) / r.w, (h - 120) / r.h);
      this.camera.zoom = Math.max(MIN_ZOOM, zoom);
      this.camera.x = r.x + r.w / 2 - w / 2 / this.camera.zoom;
      this.camera.y = r.y + r.h / 2 - h / 2 / this.camera.zoom;
    }
    this.draw();
    this.remember();
  }

  /** Moves the graph to the right, as far as there is room, from below the legend and the sliders. */
  private makeRoomForCorner() {
    const { x, zoom } = this.camera, taken = byId('corner').offsetWidth + 24;
    const room = this.view.w - 20 - (this.bounds.w - x) * zoom;
    this.camera.x -= Math.max(0, Math.min(taken + x * zoom, room)) / zoom;
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
    fillMirror(this);
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

  get lit() { return this.tracer.lit; }
  trace(kind: 'up' | 'down' | 'both', steps = Infinity) { this.tracer.neighbours(kind, steps); }
  tracePaths(a: Item, b: Item) { this.tracer.paths(a, b); }
  clearTrace() { this.tracer.clear(); }
  /** After something was marked on what is shown. */
  marked() {
    this.map.invalidate();
    this.draw();
  }

  // --- Search

  find(text: string) { this.search.set(text, false); }

  setFound(items: Item[]) {
    this.found = items;
    this.foundAt = -1;
    this.tracer.map();
    this.marked();
    this.remember();
  }

  async step(by: number) {
    if (!this.found.length) return;
    this.foundAt = (this.foundAt + by + this.found.length) % this.found.length;
    await this.go(this.found[this.foundAt]);
    this.search.showAt();
  }

  get marks(): Iterable<Item> { return this.tracer.foundBoxes; }
  get query() { return this.search.text; }

  // --- Colours and sizes

  recolour() {
    this.colouring = new Colouring(this.mode, this.tree, this.page, this.sizes);
    this.captions.forget();
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
    drawLegend(byId('legend'), this.model, this.colouring, this.theme, item => void this.go(item));
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
    if (this.tracer.lit.size) this.clearTrace();
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

  /** What is at a place of the screen. */
  hit(px: number, py: number): Hit | null {
    return hitAt(this.scene, px / this.camera.zoom + this.camera.x, py / this.camera.zoom + this.camera.y);
  }

  click(px: number, py: number, shift: boolean) {
    const hit = this.hit(px, py);
    if (!hit) { this.select(null); return; }
    if (shift && this.selected && hit.item !== this.selected && hit.part === 'box') { this.tracePaths(this.selected, hit.item); return; }
    if (hit.part === 'frame') { this.select(null); return; }
    this.tracer.lit.clear();
    this.select(hit.item);
    if (hit.part === 'header' || hit.item.isGroup) { byId('trace').hidden = true; this.tracer.map(); this.toggle(hit.item); }
    else if (shift) this.trace('both'); else { this.trace('both', 1); byId('trace').hidden = true; }
  }

  togglePanel() { document.body.classList.toggle('wide'); this.draw(); }
  saveSvg() { download(`${this.model.file}.svg`, 'image/svg+xml', this.svg()); }

  // --- For those who hear the page

  say(text: string) { byId('say').textContent = text; }

  // --- The address

  private remembering = 0;
  remember() {
    clearTimeout(this.remembering);
    this.remembering = window.setTimeout(() => { try { history.replaceState(null, '', stateLink(this)); } catch { /* some browsers refuse it for files */ } }, 250);
  }
}
