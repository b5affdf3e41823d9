// What the colours mean.
import type { Colouring } from './colour.ts';
import type { Model } from './data.ts';
import { el } from './dom.ts';
import { tail } from './panel.ts';
import { scale, type Theme } from './theme.ts';
import type { Item } from './tree.ts';

export function drawLegend(box: HTMLElement, model: Model, colouring: Colouring, theme: Theme, go: (item: Item) => void) {
  const { mode } = colouring;
  if (!mode.numeric) {
    box.replaceChildren(...colouring.legend(theme).map(([name, colour]) => el('div', { class: 'row' }, dot(colour), name)));
    return;
  }
  const canvas = el('canvas', { width: 400, height: 18, 'aria-hidden': 'true' }), pen = canvas.getContext('2d')!;
  canvas.style.width = '200px';
  canvas.style.height = '9px';
  // Boxes are coloured by the root of their share, so that small ones can be told apart.
  for (let x = 0; x < 400; ++x) { pen.fillStyle = scale(Math.sqrt(x / 400), theme); pen.fillRect(x, 0, 1, 18); }
  box.replaceChildren(el('b', {}, mode.title), canvas,
    el('div', { class: 'ends' }, el('span', {}, mode.text(0)), el('span', {}, mode.text(colouring.max))),
    ...(mode.greatest ? [] : [el('div', {}, `total ${mode.text(colouring.total)}`)]),
    ...colouring.top(3).map(([item, value]) => {
      const button = el('button', { class: 'tool', title: 'Go there', onclick: () => go(item) }, `${mode.text(value)}  ${item.node >= 0 ? tail(model.nodeName[item.node]) : item.label}`);
      return el('div', {}, button);
    }));
}

function dot(colour: string) {
  const canvas = el('canvas', { class: 'dot', width: 18, height: 18, 'aria-hidden': 'true' }), pen = canvas.getContext('2d')!;
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 18, 18);
  return canvas;
}
