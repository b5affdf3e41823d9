// The state of the page in its address, so that a link leads to what one saw.
import { MAX_ZOOM, MIN_ZOOM, type App } from './app.ts';
import { Colouring } from './colour.ts';
import { syncSizes } from './controls.ts';
import { byId } from './dom.ts';

/** "#sel=/layer3/…&color=time": the state, for a link. */
export function stateLink(app: App): string {
  const parts: [string, string][] = [], { tree, selected, camera } = app;
  if (selected) parts.push(['sel', selected.node >= 0 && tree.itemOfNode[selected.node] === selected.id ? app.model.nodeName[selected.node] : `@${selected.id}`]);
  const open = tree.items.filter(i => i.expanded && i !== tree.root).map(i => i.id);
  if (open.length < 400) parts.push(['open', ranges(open)]);
  if (app.mode !== app.modes[0]) parts.push(['color', app.mode.key]);
  if (app.query) parts.push(['find', app.query]);
  const sizes = app.sizes.map((s, i) => s === null ? '' : `${i}:${s}`).filter(Boolean).join(',');
  if (sizes) parts.push(['sizes', sizes]);
  if (app.constants) parts.push(['constants', '1']);
  if (app.onlyChanges) parts.push(['changes', '1']);
  parts.push(['at', [camera.x, camera.y, camera.zoom * 1000].map(v => Math.round(v)).join(',')]);
  return `#${parts.map(([k, v]) => `${k}=${encodeURIComponent(v).replace(/%2F/g, '/').replace(/%2C/g, ',').replace(/%3A/g, ':')}`).join('&')}`;
}

/** The state that the address names; false where it names none. */
export async function restoreState(app: App): Promise<boolean> {
  const state = new Map(location.hash.slice(1).split('&').map(p => { const i = p.indexOf('='); try { return [p.slice(0, i), decodeURIComponent(p.slice(i + 1))] as const; } catch { return ['', ''] as const; } }));
  if (![...state.keys()].some(k => ['sel', 'open', 'depth', 'color', 'find', 'sizes', 'at', 'constants', 'changes'].includes(k))) return false;
  const { tree, model } = app;
  app.constants = state.has('constants');
  app.onlyChanges = state.has('changes') && app.model.change !== null;
  if (app.constants || app.onlyChanges) { app.plant(); app.syncToggles(); }
  for (const pair of (state.get('sizes') ?? '').split(',')) {
    const [i, size] = pair.split(':').map(Number);
    if (i < model.symbols.length && size >= 1 && Number.isInteger(size)) app.sizes[i] = size;
  }
  app.mode = app.modes.find(m => m.key === state.get('color') || m.title === state.get('color')) ?? app.mode;
  byId<HTMLSelectElement>('colour').value = app.mode.key;
  app.colouring = new Colouring(app.mode, app.tree, app.page, app.sizes);
  if (state.has('depth')) tree.openToDepth(Number(state.get('depth')) || 0);
  if (state.has('open')) {
    for (const item of tree.items) item.expanded = item === tree.root;
    for (const id of unranges(state.get('open')!, tree.items.length)) if (tree.items[id]?.isGroup) tree.items[id].expanded = true;
  }
  const sel = state.get('sel') ?? '';
  const item = sel[0] === '@' ? app.tree.items[Number(sel.slice(1))] : sel ? app.selector.find(sel).items[0] : undefined;
  if (item) app.tree.reveal(item);
  await app.scene.update();
  syncSizes(app);
  const at = (state.get('at') ?? '').split(',').map(Number);
  if (at.length === 3 && at.every(Number.isFinite)) app.camera = { x: at[0], y: at[1], zoom: Math.max(MIN_ZOOM, Math.min(MAX_ZOOM, at[2] / 1000)) };
  else app.fit();
  if (item) { app.selected = item; if (!state.has('at')) app.centre(item); }
  if (state.get('find')) app.search.set(state.get('find')!, false);
  return true;
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
