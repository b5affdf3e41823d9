// The side panel: the model, or the box that is selected.
import {
  activationBytes, bytesText, macsOf, opShort, parametersOf, shapeText, short, typeOfValue, type Model, type OpDoc, allParameters, weightOf, type PageData, type Sizes, type Weight,
} from './data.ts';
import { copy, el, shellWord } from './dom.ts';
import type { Colouring } from './colour.ts';
import type { Item, Tree } from './tree.ts';
import { tintBar, tintOf, type Theme } from './theme.ts';

export interface PanelHost {
  page: PageData;
  tree: Tree;
  sizes: Sizes;
  colouring: Colouring;
  theme: Theme;
  go(item: Item): void;
  find(text: string): void;
  trace(kind: 'up' | 'down' | 'both'): void;
  toggle(item: Item): void;
}

const number = (x: number | null) => x === null ? '–' : String(Number(x.toPrecision(5)));

function copyButton(text: string) {
  return el('button', { class: 'copy', title: 'Copy', 'aria-label': `Copy ${text.slice(0, 60)}`, onclick: (e: Event) => {
    copy(text);
    const button = e.currentTarget as HTMLElement;
    button.textContent = 'copied';
    setTimeout(() => { button.textContent = 'copy'; }, 900);
  } }, 'copy');
}

const row = (name: string, value: string, title = '') => value === '' ? [] : [el('dt', { title: title || undefined }, name), el('dd', {}, copyButton(value), value)];

function histogram(weight: Weight, theme: Theme): Node[] {
  const out: Node[] = [];
  if (weight.few) out.push(el('div', { class: 'type' }, weight.few));
  if (weight.hist && weight.stats) {
    const canvas = el('canvas', { class: 'hist', width: 608, height: 88, role: 'img', 'aria-label': `Histogram from ${number(weight.stats[0])} to ${number(weight.stats[1])}` });
    const pen = canvas.getContext('2d')!, most = Math.max(...weight.hist);
    pen.fillStyle = theme.accent;
    weight.hist.forEach((count, i) => {
      const h = count ? Math.max(2, count / most * 84) : 0;
      pen.fillRect(i * 9.5, 88 - h, 8.5, h);
    });
    out.push(canvas, el('div', { class: 'ends' }, el('span', {}, number(weight.stats[0])), el('span', {}, number(weight.stats[1]))));
  }
  if (weight.stats && !weight.few) {
    const [, , mean, deviation, zeros, nans, infinities] = weight.stats;
    const share = (zeros ?? 0) / Math.max(1, weight.elements);
    const parts = [`mean ${number(mean)}`, `std ${number(deviation)}`];
    if (zeros) parts.push(`${share < 0.001 ? zeros : `${(100 * share).toPrecision(3)} %`} zeros`);
    out.push(el('div', { class: 'sub' }, parts.join(' · ')));
    if (nans || infinities) out.push(el('div', { class: 'badge missing' }, `${nans} NaN, ${infinities} infinite`));
  }
  if (weight.preview) out.push(preview(weight.preview));
  return out;
}

function preview([height, width, base64]: [number, number, string]) {
  const canvas = el('canvas', { class: 'preview', width, height, role: 'img', 'aria-label': 'Picture of the weight' });
  const pen = canvas.getContext('2d')!, image = pen.createImageData(width, height), bytes = atob(base64);
  for (let i = 0; i < bytes.length; ++i) {
    const b = bytes.charCodeAt(i);
    image.data.set([b, b, b, 255], 4 * i);
  }
  pen.putImageData(image, 0, 0);
  return canvas;
}

const link = (text: string, act: () => void) => el('button', { class: 'link', onclick: act }, text);

function valueEntry(host: PanelHost, value: number, label: string, others: Item[], name: string): HTMLElement {
  const { tree: { model } } = host, type = typeOfValue(model, value), weight = weightOf(model, value);
  const text = `${type.dtype}${shapeText(model, type, host.sizes)}`;
  return el('div', { class: 'value' }, copyButton(name), el('b', {}, name), label ? el('span', { class: 'sub' }, `  ${label}`) : null,
    el('div', { class: 'type' }, text, weight ? ` · ${weight.trainable ? 'weight' : 'frozen'} · ${bytesText(weight.bytes)}` : ''),
    ...(weight ? histogram(weight, host.theme) : []),
    ...others.slice(0, 12).map(o => el('div', {}, link(itemText(host.tree, o), () => host.go(o)))),
    others.length > 12 ? el('div', { class: 'sub' }, `and ${others.length - 12} more`) : null);
}

export function itemText(tree: Tree, item: Item): string {
  const { model } = tree;
  if (item.kind === 'input' || item.kind === 'output') return `${item.kind} ${model.valueName[item.value]}`;
  if (item.node >= 0) return `${opShort(model.nodeOp[item.node])}  ${model.nodeName[item.node]}`;
  return tree.path(item) || model.name || model.file;
}

function command(host: PanelHost, item: Item): string {
  const { model } = host.tree, file = shellWord(model.file);
  return item.node >= 0 ? `nomo inspect ${file} ${shellWord(model.nodeName[item.node])}` : `nomo inspect ${file} ${shellWord(item.label)}`;
}

function neighbours(tree: Tree, item: Item, value: number, forward: boolean): Item[] {
  const start = forward ? tree.outStart : tree.inStart, to = forward ? tree.outDst : tree.inSrc, values = forward ? tree.outValue : tree.inValue;
  const seen = new Set<number>();
  for (let k = start[item.lo]; k < start[item.lo + 1]; ++k) if (values[k] === value) seen.add(to[k]);
  return [...seen].map(p => tree.ends[p]);
}

function actions(host: PanelHost, item: Item, name: string): HTMLElement {
  const acts: [string, string, () => void][] = [
    ['Ancestors', 'All that leads here (Shift+A)', () => host.trace('up')],
    ['Descendants', 'All that follows from here (Shift+D)', () => host.trace('down')],
    ['Copy as nomo command', command(host, item), () => copy(command(host, item))],
    ['Copy name', name, () => copy(name)],
  ];
  if (item.isGroup) acts.unshift([item.expanded ? 'Collapse' : 'Expand', 'Enter', () => host.toggle(item)]);
  return el('div', { class: 'acts' }, ...acts.map(([text, title, act]) => el('button', { class: 'act', title, onclick: act }, text)));
}

function nodePanel(host: PanelHost, item: Item): Node[] {
  const { tree, page, sizes } = host, { model } = tree, n = item.node, op = model.nodeOp[n];
  const doc: OpDoc | undefined = page.ops[op];
  const out: Node[] = [
    el('h2', {}, opShort(op)),
    el('p', { class: 'sub' }, copyButton(model.nodeName[n]), model.nodeName[n]),
  ];
  const lambda = model.lambda.get(n), change = model.change?.get(n);
  if (lambda) out.push(el('p', {}, el('span', { class: `badge ${lambda[0]}` }, `λ ${lambda[0]}`), ` ${lambda[1]}`));
  if (change && change.change !== 'same') {
    out.push(el('p', {}, el('span', { class: `badge ${change.change}` }, change.change), change.nameA ? ` was ${change.nameA}` : ''));
    for (const [what, a, b] of change.edits) out.push(el('p', {}, `${what}: `, a ? el('del', {}, a) : null, ' → ', b ? el('ins', {}, b) : null));
  }
  out.push(actions(host, item, model.nodeName[n]));

  const attrs = [...model.nodeAttrs[n]].sort((a, b) => a[2] - b[2]), tensors = model.weightsOfNode.get(n) ?? [];
  if (attrs.length) {
    out.push(el('h3', {}, 'Attributes'), el('dl', {}, ...attrs.flatMap(([name, text, isDefault]) => [
      el('dt', { class: isDefault ? 'default' : undefined, title: doc?.attrs?.[name]?.[1] }, name),
      el('dd', { class: isDefault ? 'default' : undefined }, copyButton(text), text, isDefault ? ' (default)' : ''),
    ])));
  }
  for (const [name, weight] of tensors) out.push(el('div', { class: 'value' }, el('b', {}, name), el('div', { class: 'type' }, `${weight.type} · ${bytesText(weight.bytes)}`), ...histogram(weight, host.theme)));

  const ports = (lo: number, hi: number, values: Int32Array, docs: [string, string][] | undefined, forward: boolean) => {
    const list: Node[] = [];
    for (let k = lo; k < hi; ++k) {
      const label = docs?.[Math.min(k - lo, docs.length - 1)]?.[0] ?? '';
      if (values[k] >= 0) list.push(valueEntry(host, values[k], label, neighbours(tree, item, values[k], forward), model.valueName[values[k]]));
    }
    return list;
  };
  const inputs = ports(model.inStart[n], model.inStart[n + 1], model.ins, doc?.in, false);
  const outputs = ports(model.outStart[n], model.outStart[n + 1], model.outs, doc?.out, true);
  if (inputs.length) out.push(el('h3', {}, 'Inputs'), ...inputs);
  if (outputs.length) out.push(el('h3', {}, 'Outputs'), ...outputs);

  const macs = macsOf(model, n, sizes), bytes = activationBytes(model, n, sizes), parameters = parametersOf(model, n);
  const cost = [...row('parameters', parameters ? parameters.toLocaleString('en') : ''), ...row('MACs', macs === null || macs === 0 ? '' : macs.toLocaleString('en')),
    ...row('output bytes', bytes === null ? '' : bytesText(bytes))];
  for (const column of page.numbers) {
    const value = column.ofNode.get(n);
    if (value !== undefined) cost.push(...row(column.title, `${number(value)} ${column.unit}`.trim()));
  }
  if (cost.length) out.push(el('h3', {}, 'Cost'), el('dl', {}, ...cost));

  const step = page.program?.steps.find(s => s[0] === model.nodeName[n]), into = page.program?.steps.find(s => s[2].some(f => f === model.nodeName[n] || f.startsWith(`${model.nodeName[n]} `)));
  if (page.program) {
    const text = step ? [step[1], ...step[2].map(f => `with ${f}`)] : into ? [`fused into ${into[0]}`] : ['no step of its own: folded, or fused into another'];
    out.push(el('h3', {}, 'Runs here as'), ...text.map(t => el('p', {}, t)));
  }
  const file = [...row('op', `${op} v${model.nodeVersion[n]}`), ...row('layer', model.nodeLayer[n]), ...row('provider', model.provider.get(n) ?? ''),
    ...row('graph', model.nodeGraph[n] ? `@${model.graphs[model.nodeGraph[n]].name}` : ''), ...row('note', model.nodeDoc.get(n) ?? '')];
  out.push(el('h3', {}, 'In the file'), el('dl', {}, ...file));
  const golden = model.nodeGraph[n] ? [] : goldenThrough(model, n);
  if (golden.length) out.push(el('h3', {}, 'Golden vectors'), ...golden);
  if (doc) {
    out.push(el('h3', {}, 'What it computes'), el('p', { class: 'doc' }, doc.doc));
    if (doc.source) out.push(el('p', { class: 'sub' }, doc.source));
  } else out.push(el('p', { class: 'sub' }, `The op ${op} is not known to the nomo that wrote this page.`));
  return out;
}

function goldenThrough(model: Model, n: number): Node[] {
  const names = new Set<string>(), list: Node[] = [];
  for (let k = model.outStart[n]; k < model.outStart[n + 1]; ++k) if (model.outs[k] >= 0) names.add(model.valueName[model.outs[k]]);
  for (const g of model.golden) for (const [name, text, tolerance] of g.outputs) {
    if (names.has(name)) list.push(el('p', {}, `${g.name}: ${name}`), el('div', { class: 'type' }, `${text}  ± ${tolerance}`));
  }
  return list;
}

function groupPanel(host: PanelHost, item: Item): Node[] {
  const { tree, sizes } = host, { model } = tree, ops = new Map<string, number>();
  const all = model.symbols.map((_, i) => sizes[i] ?? 1);
  let parameters = 0, macs = 0;
  for (let p = item.lo; p < item.hi; ++p) {
    const n = tree.ends[p].node;
    if (n < 0) continue;
    ops.set(model.nodeOp[n], (ops.get(model.nodeOp[n]) ?? 0) + 1);
    parameters += parametersOf(model, n);
    macs += macsOf(model, n, all) ?? 0;
  }
  const crossing = (forward: boolean) => {
    const start = forward ? tree.outStart : tree.inStart, to = forward ? tree.outDst : tree.inSrc, values = forward ? tree.outValue : tree.inValue;
    const found = new Map<number, Item[]>();
    for (let p = item.lo; p < item.hi; ++p) for (let k = start[p]; k < start[p + 1]; ++k) {
      if (to[k] >= item.lo && to[k] < item.hi) continue;
      const other = tree.ends[to[k]], list = found.get(values[k]);
      if (!list) found.set(values[k], [other]); else if (!list.includes(other) && list.length < 20) list.push(other);
    }
    return [...found].slice(0, 40).map(([v, others]) => valueEntry(host, v, '', others, model.valueName[v]));
  };
  const inputs = crossing(false), outputs = crossing(true);
  return [
    el('h2', {}, item.kind === 'run' ? `${item.label}  ×${item.children.length}` : item.label),
    el('p', { class: 'sub' }, item.kind === 'run' ? `${item.children.length} equal blocks in ${item.parent === tree.root ? 'the model' : tree.path(item.parent!)}` : tree.path(item)),
    actions(host, item, tree.path(item)),
    el('dl', {}, ...row('nodes', item.ops.toLocaleString('en')), ...row('parameters', parameters ? parameters.toLocaleString('en') : ''), ...row('MACs', macs ? short(macs) : '')),
    ...opBars(host, ops),
    ...(inputs.length ? [el('h3', {}, 'Takes'), ...inputs] : []),
    ...(outputs.length ? [el('h3', {}, 'Yields'), ...outputs] : []),
  ];
}

/** As many of a name's last parts as some 26 letters hold. */
export function tail(name: string): string {
  if (name.length <= 26 || !name.includes('/')) return name;
  const parts = name.split('/');
  let kept = parts.pop()!;
  while (parts.length && kept.length + parts[parts.length - 1].length < 25) kept = `${parts.pop()}/${kept}`;
  return `…/${kept}`;
}

function opBars(host: PanelHost, ops: Map<string, number>): Node[] {
  const rows = [...ops].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)), most = rows[0]?.[1] ?? 1;
  return [el('h3', {}, 'Ops'), ...rows.slice(0, 24).map(([op, count]) => bar(opShort(op), count / most, String(count), tintBar(tintOf(op), host.theme), () => host.find(`op:${op}`), op)),
    ...(rows.length > 24 ? [el('p', { class: 'sub' }, `and ${rows.length - 24} more`)] : [])];
}

function bar(text: string, part: number, value: string, colour: string, act: () => void, title: string) {
  const canvas = el('canvas', { width: 148, height: 14, 'aria-hidden': 'true', class: 'part' });
  const pen = canvas.getContext('2d')!;
  pen.fillStyle = colour;
  pen.beginPath();
  pen.roundRect(0, 2, Math.max(4, part * 148), 10, 4);
  pen.fill();
  const button = el('button', { class: 'bar', onclick: act, title }, el('span', {}, text), canvas, el('em', {}, value));
  return button;
}

function modelPanel(host: PanelHost): Node[] {
  const { tree, page, colouring, sizes } = host, { model } = tree, graph = model.graphs[0];
  const ops = new Map<string, number>();
  const { elements: parameters, bytes: weightBytes } = allParameters(page.models[page.models.length - 1]), hidden = model.nodeFlag.reduce((sum, f) => sum + (f ? 1 : 0), 0);
  model.nodeOp.forEach((op, n) => { if (!model.nodeFlag[n]) ops.set(op, (ops.get(op) ?? 0) + 1); });
  const all = model.symbols.map((_, i) => sizes[i] ?? 1);
  const macs = model.nodeName.reduce((sum, _, n) => sum + (model.nodeGraph[n] ? 0 : macsOf(model, n, all) ?? 0), 0);
  const itemOf = (value: number, kind: string) => tree.root.children.find(c => c.kind === kind && c.value === value);
  const io = (values: number[], kind: string) => values.map(v => {
    const type = typeOfValue(model, v), item = itemOf(v, kind);
    return el('div', { class: 'value' }, copyButton(model.valueName[v]), link(model.valueName[v], () => item && host.go(item)),
      el('div', { class: 'type' }, `${type.dtype}${shapeText(model, type, sizes)}`));
  });
  const out: Node[] = [
    el('h2', {}, page.diff ? `${page.models[0].file} → ${page.models[1].file}` : model.file),
    el('p', { class: 'sub' }, [model.name, model.producer].filter(Boolean).join(' · ')),
    model.doc ? el('p', { class: 'doc' }, model.doc) : '',
    el('dl', {}, ...row('nodes', (model.nodeName.length - hidden).toLocaleString('en')), ...row('constants', hidden ? `${hidden.toLocaleString('en')} further nodes follow from constants and sizes alone` : ''), ...row('parameters', parameters.toLocaleString('en')),
      ...row('weights', bytesText(weightBytes)), ...(macs ? row('MACs', `${short(macs)}${model.symbols.length ? ` at ${model.aliases.map((s, i) => `${s}=${all[i]}`).join(', ')}` : ''}`) : []),
      ...row('file', `${model.form}, ${bytesText(model.bytes)}`)),
  ].filter(Boolean) as Node[];
  if (model.change) out.push(...changeList(host));
  out.push(el('h3', {}, 'Inputs'), ...io(graph.inputs, 'input'), el('h3', {}, 'Outputs'), ...io(graph.outputs, 'output'));
  if (colouring.mode.numeric) {
    const top = colouring.top(10), most = top[0]?.[1] ?? 1;
    out.push(el('h3', {}, `Top ten by ${colouring.mode.title}`), ...top.map(([item, value]) =>
      bar(tail(model.nodeName[item.node]), value / most, colouring.mode.text(value), host.theme.accent, () => host.go(item), itemText(tree, item))));
    if (!top.length) out.push(el('p', { class: 'sub' }, 'no node has a number'));
  }
  out.push(...opBars(host, ops));
  if (model.lambda.size) {
    out.push(el('h3', {}, `Lambdas (${model.lambda.size})`));
    for (const [n, [badge, text]] of [...model.lambda].slice(0, 100)) {
      const item = tree.items[tree.itemOfNode[n]];
      out.push(el('div', { class: 'value' }, el('span', { class: `badge ${badge}` }, badge), ' ', link(`${model.nodeName[n]} (${model.nodeOp[n]})`, () => item && host.go(item)), el('div', { class: 'sub' }, text)));
    }
  }
  if (model.golden.length) {
    out.push(el('h3', {}, `Golden vectors (${model.golden.length})`));
    for (const g of model.golden.slice(0, 20)) {
      out.push(el('div', { class: 'value' }, el('b', {}, g.name), g.training ? el('span', { class: 'sub' }, ' training') : null,
        ...g.inputs.map(([name, text]) => el('div', { class: 'type' }, `${name} = ${text}`)), ...g.outputs.map(([name, text, t]) => el('div', { class: 'type' }, `→ ${name} = ${text} ± ${t}`))));
    }
  }
  if (model.variables.length) out.push(el('h3', {}, 'Variables'), el('dl', {}, ...model.variables.flatMap(([name, type]) => row(name, type))));
  if (page.program) out.push(el('h3', {}, 'Compiled here'), el('p', {}, `${page.program.steps.length} steps, arena ${bytesText(page.program.arena)}, of which ${bytesText(page.program.peak)} live at once`));
  if (model.metadata.length) out.push(el('h3', {}, 'Metadata'), el('dl', {}, ...model.metadata.flatMap(([key, text]) => row(key, text))));
  if (model.warnings.length) out.push(el('h3', {}, 'Warnings'), ...model.warnings.slice(0, 30).map(w => el('p', {}, w)));
  return out;
}

function changeList(host: PanelHost): Node[] {
  const { tree } = host, { model } = tree, counts = new Map<string, number>();
  const rows: Node[] = [];
  for (const item of tree.ends) {
    const c = item.node >= 0 ? model.change!.get(item.node) : undefined;
    if (!c || c.change === 'same') continue;  // constants have no boxes
    counts.set(c.change, (counts.get(c.change) ?? 0) + 1);
    if (rows.length < 200) rows.push(el('div', {}, el('span', { class: `badge ${c.change}` }, c.change), ' ', link(model.nodeName[item.node], () => host.go(item))));
  }
  const text = [...counts].map(([c, k]) => `${k} ${c}`).join(', ') || 'no node differs';
  return [el('h3', {}, 'Differences'), el('p', {}, text), ...rows, ...(host.page.diff?.notes ?? []).map((note: string) => el('p', { class: 'sub' }, note))];
}

export function fillPanel(panel: HTMLElement, host: PanelHost, item: Item | null) {
  const { tree } = host, { model } = tree;
  let nodes: Node[];
  if (!item) nodes = modelPanel(host);
  else if (item.node >= 0) nodes = nodePanel(host, item);
  else if (item.value >= 0) {
    const others = neighbours(tree, item, item.value, item.kind === 'input');
    nodes = [el('h2', {}, model.valueName[item.value]), el('p', { class: 'sub' }, item.kind), actions(host, item, model.valueName[item.value]), valueEntry(host, item.value, '', others, model.valueName[item.value])];
  } else nodes = groupPanel(host, item);
  panel.replaceChildren(...nodes);
  panel.scrollTop = 0;
}
