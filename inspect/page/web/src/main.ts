// The page: what is open, selected, searched for, traced and coloured; the canvas, and all that listens.
import { App } from './app.ts';
import { readPage, unpack } from './data.ts';
import { byId } from './dom.ts';

async function start() {
  try {
    const app = new App(readPage(await unpack(byId('data').textContent!)));
    (globalThis as any).nomoView = app;
    await app.start();
  } catch (error) {
    const wait = byId('wait');
    wait.hidden = false;
    wait.textContent = typeof DecompressionStream === 'undefined'
      ? 'This browser cannot unpack the model: it has no DecompressionStream (Chrome 80, Firefox 113 and Safari 16.4 do).'
      : `The model cannot be shown: ${(error as Error).message}`;
    console.error(error);
  }
}
void start();
