// Walking along the graph with keys, and the page for those who hear it.
import type { App } from './app.ts';
import { byId, el } from './dom.ts';
import { itemText } from './panel.ts';
import { neighbourhood } from './select.ts';
import type { Item } from './tree.ts';

/** The next box along the data, or against it. */
export function along(app: App, forward: boolean) {
  const { tree } = app, at = app.selected;
  if (!at) { const first = app.scene.root.boxes[0]; if (first) void app.go(first); return; }
  const start = forward ? tree.outStart : tree.inStart, to = forward ? tree.outDst : tree.inSrc;
  let best = -1;
  for (let p = at.lo; p < at.hi; ++p) for (let k = start[p]; k < start[p + 1]; ++k) {
    const q = to[k];
    if (q >= at.lo && q < at.hi) continue;
    if (best < 0 || (forward ? q < best : q > best)) best = q;
  }
  if (best < 0) { app.say(forward ? 'nothing follows' : 'nothing comes before'); return; }
  const next = tree.shown(tree.ends[best]);
  app.select(next);
  app.centre(next);
}

/** The box so many places to the right in the same layer. */
export function beside(app: App, by: number) {
  const at = app.selected;
  if (!at?.parent) return;
  const view = app.scene.view(at.parent);
  if (!view) return;
  const r = view.result, l = r.layer[at.slot], row = Array.from(r.order.subarray(r.layerStart[l], r.layerStart[l + 1])).filter(i => i < view.portBase);
  // At the end of a row, the row's neighbour in the order of the file.
  let next = row[row.indexOf(at.slot) + by];
  if (row.length < 2) next = at.slot + by;
  if (next === undefined || next < 0 || next >= view.portBase) return;
  app.select(view.boxes[next]);
  app.centre(view.boxes[next]);
}

/** The group around. */
export function up(app: App) {
  const parent = app.selected?.parent;
  if (!parent || parent === app.tree.root) { app.select(null); return; }
  app.select(parent);
  app.centre(parent);
}

/** The way to the selection and its neighbours, as a list of buttons. */
export function fillMirror(app: App) {
  const { tree, selected } = app, mirror = byId('mirror');
  if (!selected) {
    mirror.replaceChildren(el('p', {}, `${app.model.file}: ${tree.root.ops} nodes. Press / to search, j and k to walk along the data, ? for all keys.`));
    return;
  }
  const button = (item: Item) => el('li', {}, el('button', { tabindex: -1, onclick: () => void app.go(item) }, itemText(tree, item)));
  const around = (forward: boolean) => [...new Set([...neighbourhood(tree, app.tracer.ends(selected), 1, forward)].filter(p => p < selected.lo || p >= selected.hi).map(p => tree.shown(tree.ends[p])))].slice(0, 20);
  const above: Item[] = [];
  for (let at = selected.parent; at && at !== tree.root; at = at.parent) above.unshift(at);
  mirror.replaceChildren(
    el('p', {}, `Selected: ${itemText(tree, selected)}. ${selected.isEnd ? app.outputText(selected) : app.detail(selected)}${selected.isGroup ? selected.expanded ? ', open' : ', closed' : ''}`),
    el('p', {}, 'In'), el('ul', {}, ...above.map(button)), el('p', {}, 'Comes from'), el('ul', {}, ...around(false).map(button)), el('p', {}, 'Leads to'), el('ul', {}, ...around(true).map(button)));
  app.say(`${itemText(tree, selected)} ${selected.isEnd ? app.outputText(selected) : ''}`);
}
