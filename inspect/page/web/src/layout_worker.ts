// Large layouts in a worker, which can be stopped.
import { byId, el } from './dom.ts';
import { layout, type LayoutInput, type LayoutResult } from './layout.ts';

declare const WORKER_SOURCE: string;
const SAY_AFTER_MS = 250;

interface Spawned { worker: Worker; url: string }

export class LayoutWorker {
  private worker: Worker | null = null;
  private spare: Spawned | null = null;
  get busy() { return this.worker !== null; }
  /** Ends a layout that runs: its result is null. */
  stop = () => {};

  /** Starts it for a layout that is to come, beside what is done until then. */
  warm() { if (typeof Worker !== 'undefined') this.spare ??= this.spawn(); }

  private spawn(): Spawned {
    const url = URL.createObjectURL(new Blob([WORKER_SOURCE], { type: 'text/javascript' }));
    return { worker: new Worker(url), url };
  }

  run(input: LayoutInput): Promise<LayoutResult | null> {
    if (typeof Worker === 'undefined') return Promise.resolve(layout(input));
    const { worker, url } = this.spare ?? this.spawn(), wait = byId('wait');
    this.spare = null;
    this.worker = worker;
    const shown = setTimeout(() => {
      wait.replaceChildren(`Laying out ${input.w.length.toLocaleString('en')} boxes `, el('button', { class: 'act', onclick: () => this.stop() }, 'Stop'));
      wait.hidden = false;
    }, SAY_AFTER_MS);
    const result = new Promise<LayoutResult | null>((resolve, reject) => {
      this.stop = () => resolve(null);
      worker.onmessage = message => resolve(message.data);
      worker.onerror = event => reject(new Error(event.message || 'the layout failed'));
      worker.postMessage(input);
    });
    return result.finally(() => {
      clearTimeout(shown);
      wait.hidden = true;
      worker.terminate();
      URL.revokeObjectURL(url);
      this.worker = null;
      this.stop = () => {};
    });
  }
}
