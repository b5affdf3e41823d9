// The search: results as a list while one types, a count, steps from one to the next.
import type { App } from './app.ts';
import { byId, el } from './dom.ts';
import { itemText } from './panel.ts';

const MOST_SHOWN = 100;

export class SearchBox {
  private readonly input = byId<HTMLInputElement>('find');
  private readonly results = byId('results');
  private readonly hits = byId('hits');

  constructor(private app: App) {
    this.input.addEventListener('input', () => this.run());
    this.input.addEventListener('focus', () => { if (this.input.value) this.results.hidden = false; });
    this.input.addEventListener('blur', () => setTimeout(() => { if (!this.results.contains(document.activeElement)) this.hide(); }, 150));
    this.input.addEventListener('keydown', e => {
      if (e.key === 'Enter') { e.preventDefault(); void app.step(e.shiftKey ? -1 : 1); this.hide(); }
      if (e.key === 'ArrowDown') { e.preventDefault(); void app.step(1); }
      if (e.key === 'ArrowUp') { e.preventDefault(); void app.step(-1); }
    });
  }

  get text() { return this.input.value; }
  focus() { this.input.focus(); this.input.select(); }
  hide() { this.results.hidden = true; }
  set(text: string, show = true) { this.input.value = text; this.run(); this.results.hidden = !show || !text; }

  private run() {
    const begun = performance.now(), text = this.input.value.trim(), { app } = this;
    if (!text) {
      app.setFound([]);
      this.hits.textContent = '';
      this.hide();
      return;
    }
    const { items, hidden, problem } = app.selector.find(text);
    app.setFound(items);
    this.hits.textContent = items.length ? items.length.toLocaleString('en') : problem ? '' : 'none';
    const rows: HTMLElement[] = items.slice(0, MOST_SHOWN).map((item, i) => {
      const [op, name] = split(itemText(app.tree, item));
      return el('button', { role: 'option', tabindex: -1, onclick: () => { app.foundAt = i - 1; void app.step(1); } }, el('i', {}, op), el('span', {}, name));
    });
    if (problem) rows.push(el('p', {}, problem));
    if (hidden) rows.push(el('p', {}, `${hidden.toLocaleString('en')} more are constants, which are not shown`));
    else if (!items.length && !problem) rows.push(el('p', {}, 'Nothing fits. Names, parts of names, or op:  dtype:  shape:  attr:  kind:'));
    if (items.length > MOST_SHOWN) rows.push(el('p', {}, `and ${(items.length - MOST_SHOWN).toLocaleString('en')} more; n and N step through all`));
    this.results.replaceChildren(...rows);
    this.results.hidden = false;
    app.times.search = performance.now() - begun;
  }

  showAt() {
    this.hits.textContent = `${this.app.foundAt + 1} of ${this.app.found.length.toLocaleString('en')}`;
    this.results.querySelectorAll('button').forEach((b, i) => b.setAttribute('aria-selected', String(i === this.app.foundAt)));
    this.results.querySelectorAll('button')[this.app.foundAt]?.scrollIntoView({ block: 'nearest' });
  }
}

function split(text: string): [string, string] {
  const i = text.search(/\s/);
  return i < 0 ? ['', text] : [text.slice(0, i), text.slice(i).trim()];
}
