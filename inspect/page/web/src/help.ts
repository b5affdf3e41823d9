// The keys and the selectors.
import { byId, el } from './dom.ts';

const KEYS: [string, string][] = [
  ['/', 'search; Enter and Shift+Enter step'], ['n N', 'next, previous hit'], ['j k', 'along the data, and back'], ['h l', 'the boxes beside'],
  ['Enter', 'open or close the group'], ['u', 'up, to the group around'], ['t', 'neighbours'], ['A D', 'all ancestors, all descendants'], ['T', 'both'],
  ['Shift+click', 'paths from the selection to there'], ['m p', 'mark an end of paths; paths from there to the selection'], ['Esc', 'clear the trace, the selection; stop a layout'], ['1 … 9', 'open to that depth'],
  ['c e', 'close all, open all'], ['f F w', 'fit the selection; the start; the whole'], ['+ −', 'zoom (or Ctrl+wheel)'], ['arrows', 'move'], ['b d', 'next colouring; light or dark'], ['x v', 'constants; only changes'], ['o', 'side panel'], ['s', 'save as SVG'],
];
const SELECTORS: [string, string][] = [
  ['/layer1/**', 'names: * within a part, ** over parts'], ['re:conv[12]$', 'names by a regular expression'], ['op:conv*', 'ops, with or without domain'], ['shape:[*,64,...]', '* any size, ... any axes'], ['dtype:float16', 'element types of outputs'],
  ['attr:groups>1', 'attributes: =  !=  <  >  <=  >='], ['kind:lambda', 'lambda, missing, function, constant, input, output, weight, changed, added, removed …'], ['@then_1', 'what lies in that function'],
  ['A B', 'both'], ['A, B', 'either'], ['A->B->C', 'nodes in a row'], ['SEL+2  SEL-2', 'and up to two steps on, or back'], ['A..B  A..', 'all on paths from A to B; all behind A'],
];

export function showHelp() {
  const dialog = byId<HTMLDialogElement>('help');
  const list = (rows: [string, string][]) => el('dl', {}, ...rows.flatMap(([key, text]) => [el('dt', {}, key), el('dd', {}, text)]));
  dialog.replaceChildren(
    el('div', { class: 'cols' }, el('div', {}, el('h2', {}, 'Keys'), list(KEYS)), el('div', {}, el('h2', {}, 'Selectors'), list(SELECTORS))),
    el('p', { class: 'sub' }, 'This page is one file. It asks no network for anything and sends nothing.'),
    el('form', { method: 'dialog' }, el('button', { class: 'act', autofocus: true }, 'Close')));
  dialog.showModal();
}
