// The bar, the keys and the mouse.
import type { App } from './app.ts';
import { allParameters, bytesText, short } from './data.ts';
import { byId, el } from './dom.ts';
import { showHelp } from './help.ts';
import { along, beside, up } from './walk.ts';

export function syncSizes(app: App) {
  document.querySelectorAll<HTMLInputElement>('#sizes input').forEach(input => {
    const size = app.sizes[Number(input.dataset.symbol)];
    input.value = input.type === 'range' ? String(Math.log2(size ?? 1)) : size === null ? '' : String(size);
  });
}

export function fillBar(app: App) {
  const { model, page } = app;
  document.title = `${model.file} – nomo view`;
  byId('file').textContent = page.diff ? `${page.models[0].file} → ${page.models[1].file}` : model.file;
  byId('file').title = byId('file').textContent!;
  byId('facts').textContent = byId('facts').title = `${model.nodeName.length.toLocaleString('en')} nodes · ${short(allParameters(page.models[page.models.length - 1]).elements)} parameters · ${bytesText(model.bytes)}`;
  byId('colour').replaceChildren(...app.modes.map(m => el('option', { value: m.key }, m.title)));
  byId('colour').addEventListener('change', () => app.setMode(byId<HTMLSelectElement>('colour').value));
  byId('sizes').replaceChildren(...model.symbols.map((symbol, i) => {
    const act = (size: number | null) => { app.setSize(i, size); syncSizes(app); };
    return el('label', { title: `The size of ${symbol}: shapes, bytes and MACs follow` }, el('span', {}, model.aliases[i] === symbol ? symbol : `${model.aliases[i]} = ${symbol}`),
      el('input', { type: 'number', min: 1, max: 1000000, placeholder: 'any', 'data-symbol': i, 'aria-label': `Size of ${symbol}`, oninput: (e: Event) => {
        const value = Number((e.target as HTMLInputElement).value);
        act(value >= 1 && Number.isInteger(value) ? value : null);
      } }),
      el('input', { type: 'range', min: 0, max: 12, step: 0.5, value: 0, 'data-symbol': i, 'aria-label': `Size of ${symbol} as a slider`, oninput: (e: Event) => act(Math.round(2 ** Number((e.target as HTMLInputElement).value))) }));
  }));
  const tool = (text: string, title: string, act: (e: Event) => void, id = '') => el('button', { class: 'tool', ...(id && { id }), title, 'aria-label': title, onclick: act }, text);
  byId('tools').replaceChildren(
    tool('Fit', 'Show from the start (F)', () => app.fit()),
    tool('Collapse', 'Close all groups (c)', () => void app.openToDepth(0)),
    tool('Expand', 'Open all groups (e)', () => void app.openAll(true)),
    tool('Constants', 'Show constants too, and what follows from them and from sizes alone (x)', () => app.toggleConstants(), 'constants'),
    ...(app.model.change ? [tool('Only changes', 'Fold what is the same in both (v)', () => app.toggleOnlyChanges(), 'only-changes')] : []),
    tool('SVG', 'Save what is shown as SVG (s)', () => app.saveSvg()),
    tool('◐', 'Light or dark (d)', () => app.toggleTheme()),
    tool('?', 'Keys and selectors (?)', () => showHelp()));
}

export function listen(app: App) {
  const { canvas } = app;
  let down: { x: number; y: number; moved: boolean } | null = null;
  canvas.addEventListener('pointerdown', e => {
    if (e.button > 1) return;
    canvas.setPointerCapture(e.pointerId);
    canvas.focus({ preventScroll: true });
    down = { x: e.offsetX, y: e.offsetY, moved: false };
  });
  canvas.addEventListener('pointermove', e => {
    if (!down) { hover(app, e.offsetX, e.offsetY); return; }
    const dx = e.offsetX - down.x, dy = e.offsetY - down.y;
    if (!down.moved && Math.hypot(dx, dy) < 4) return;
    down.moved = true;
    canvas.classList.add('drag');
    app.camera.x -= dx / app.camera.zoom;
    app.camera.y -= dy / app.camera.zoom;
    down.x = e.offsetX; down.y = e.offsetY;
    app.draw();
    app.remember();
  });
  const up = (e: PointerEvent) => {
    canvas.classList.remove('drag');
    if (down && !down.moved && e.type === 'pointerup') app.click(e.offsetX, e.offsetY, e.shiftKey);
    down = null;
  };
  canvas.addEventListener('pointerup', up);
  canvas.addEventListener('pointercancel', up);
  canvas.addEventListener('pointerleave', () => { byId('tip').hidden = true; });
  canvas.addEventListener('wheel', e => {
    e.preventDefault();
    const unit = e.deltaMode === 1 ? 16 : e.deltaMode === 2 ? app.view.h : 1;
    if (e.ctrlKey || e.metaKey) app.zoomAt(e.offsetX, e.offsetY, Math.exp(-e.deltaY * unit * (Math.abs(e.deltaY) < 30 ? 0.01 : 0.002)));
    else {
      app.camera.x += (e.shiftKey ? e.deltaY : e.deltaX) * unit / app.camera.zoom;
      app.camera.y += (e.shiftKey ? 0 : e.deltaY) * unit / app.camera.zoom;
      app.draw();
      app.remember();
    }
  }, { passive: false });
  addEventListener('keydown', e => onKey(app, e));
  new ResizeObserver(() => app.draw()).observe(canvas);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => app.applyTheme());
}

function hover(app: App, x: number, y: number) {
  const hit = app.hit(x, y), tip = byId('tip');
  app.canvas.classList.toggle('point', hit !== null && hit.part !== 'frame');
  if (!hit || hit.part === 'frame') { tip.hidden = true; return; }
  const { item } = hit, value = app.colouring.valueOf(item);
  const lines = [item.node >= 0 ? app.model.nodeName[item.node] : item.value >= 0 ? app.model.valueName[item.value] : app.tree.path(item)];
  if (item.isEnd) lines.push(`${app.title(item)}  ${app.outputText(item)}`); else lines.push(app.detail(item));
  if (value !== null) lines.push(`${app.colouring.mode.title}: ${app.colouring.mode.text(value)}`);
  tip.textContent = lines.join('\n');
  tip.hidden = false;
  const w = tip.offsetWidth, h = tip.offsetHeight;
  tip.style.left = `${Math.min(x + 14, app.view.w - w - 8)}px`;
  tip.style.top = `${y + 18 + h > app.view.h ? y - h - 10 : y + 18}px`;
}

function onKey(app: App, event: KeyboardEvent) {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key === 'Escape') {
    if (app.busy) app.stopLayout();
    else if (typing) { (event.target as HTMLElement).blur(); app.search.hide(); byId('canvas').focus(); }
    else if (app.lit.size && app.selected) app.clearTrace();
    else app.select(null);
    return;
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || byId<HTMLDialogElement>('help').open) return;
  const { w, h } = app.view, pan = (dx: number, dy: number) => { app.camera.x += dx / app.camera.zoom; app.camera.y += dy / app.camera.zoom; app.draw(); app.remember(); };
  const onButton = event.target instanceof HTMLButtonElement;
  const acts: Record<string, () => void> = {
    '/': () => app.search.focus(), '?': () => showHelp(),
    j: () => along(app, true), k: () => along(app, false), l: () => beside(app, 1), h: () => beside(app, -1),
    Enter: () => { if (!onButton && app.selected) app.toggle(app.selected); }, u: () => up(app),
    n: () => void app.step(1), N: () => void app.step(-1),
    A: () => app.trace('up'), D: () => app.trace('down'), T: () => app.trace('both'), t: () => app.trace('both', 1),
    m: () => app.tracer.mark(), p: () => app.tracer.pathsFromMark(),
    x: () => app.toggleConstants(), v: () => app.toggleOnlyChanges(), d: () => app.toggleTheme(), b: () => app.nextMode(),
    f: () => app.fit(app.selected), F: () => app.fit(), w: () => app.whole(),
    '+': () => app.zoomAt(w / 2, h / 2, 1.25), '=': () => app.zoomAt(w / 2, h / 2, 1.25), '-': () => app.zoomAt(w / 2, h / 2, 0.8),
    c: () => void app.openToDepth(0), e: () => void app.openAll(true), o: () => app.togglePanel(), s: () => app.saveSvg(),
    ArrowUp: () => pan(0, -80), ArrowDown: () => pan(0, 80), ArrowLeft: () => pan(-80, 0), ArrowRight: () => pan(80, 0),
    PageDown: () => pan(0, h * 0.85), PageUp: () => pan(0, -h * 0.85),
  };
  for (let d = 1; d <= 9; ++d) acts[String(d)] = () => void app.openToDepth(d - 1);
  const act = acts[event.key];
  if (!act || (onButton && event.key.startsWith('Arrow'))) return;
  event.preventDefault();
  act();
}
