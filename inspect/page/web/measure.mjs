// Measures pages of 5,000 and 50,000 nodes against their budgets, and prints a table for README.md.
//   NOMO=path/to/nomo CHROMIUM=/usr/bin/chromium node measure.mjs
// Each number is the best of some tries; budgets are those of a machine of its own.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const nomo = process.env.NOMO;
if (!nomo) throw new Error('NOMO names no nomo');
const dir = mkdtempSync(join(tmpdir(), 'nomo-measure-'));
const run = (...args) => { const begun = performance.now(); execFileSync(nomo, args, { stdio: 'ignore' }); return performance.now() - begun; };

/** Residual blocks of three nodes, 33 to a part, eight parts to a stage. */
function write(file, blocks) {
  const values = ['x'], nodes = [], id = name => values.push(name);
  const node = (name, op, ins) => { const out = id(`${name}_out`); nodes.push(`  nodes { name: "${name}" op: "${op}" version: 1 inputs: [${ins}] outputs: ${out} }`); return out; };
  let at = 1;
  for (let i = 0; i < blocks; ++i) {
    const s = `/stage${Math.floor(i / 264)}/part${Math.floor(i / 33)}/block.${i}`, skip = at;
    at = node(`${s}/Add`, 'math.Add', [node(`${s}/two/Sigmoid`, 'nn.Sigmoid', [node(`${s}/one/Tanh`, 'math.Tanh', [at])]), skip]);
  }
  const type = 'type { dtype: FLOAT32 shape { dims { symbol: "batch" } dims { size: 8 } } }';
  writeFileSync(file, ['magic: "nomograph"', 'format_version: 1', 'graph {', '  name: "g"', ...values.map(v => `  values { name: "${v}" ${type} }`), ...nodes, '  inputs: 1', `  outputs: ${at}`, '}', ''].join('\n'));
}

const least = async (tries, act) => { let best = Infinity; for (let i = 0; i < tries; ++i) best = Math.min(best, await act()); return best; };
const ROWS = [
  ['written, ms', 200, 2000], ['its size, KB', 400, 2048], ['first picture, ms', 200, 600], ['expanding 100 nodes, ms', 50, 50],
  ['all laid out in a worker, ms', 50, 500], ['search, per key, ms', 10, 50], ['a frame close by, ms', 1000 / 60, 1000 / 60], ['a frame of all, ms', 1000 / 60, 1000 / 60],
];
const results = ROWS.map(() => []);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
try {
  for (const [column, blocks] of [1667, 16667].entries()) {
    const text = join(dir, 'model.nomo.txtpb'), file = join(dir, 'model.nomo'), html = join(dir, 'page.html');
    write(text, blocks);
    run('convert', text, file, '--force');
    const numbers = [await least(5, () => run('view', file, '-o', html, '--force')), statSync(html).size / 1024];
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' }), page = await context.newPage();
    numbers.push(await least(5, async () => {
      await page.goto('about:blank');
      await page.goto(`file://${html}`);
      await page.waitForFunction(() => globalThis.nomoView?.times.start > 0);
      return page.evaluate(() => globalThis.nomoView.times.firstPicture);
    }));
    numbers.push(...await page.evaluate(async () => {
      const a = globalThis.nomoView, least = async (tries, act) => { let best = Infinity; for (let i = 0; i < tries; ++i) { const b = performance.now(); await act(); best = Math.min(best, performance.now() - b); } return best; };
      const out = [], group = a.tree.items.find(i => i.kind === 'group' && i.ops === 99), input = document.getElementById('find');
      await a.change(() => { a.tree.reveal(group); a.scene.invalidate(group); });
      out.push(await least(6, () => a.change(() => { group.expanded = !group.expanded; a.scene.invalidate(group); }, group)));
      out.push(await least(6, () => { for (const item of a.tree.items) item.expanded = item === a.tree.root || item.isGroup; a.scene.invalidateAll(); return a.scene.update(); }));
      // The dearest of the keys of one word.
      const key = async text => { input.value = text; return least(4, () => input.dispatchEvent(new Event('input'))); };
      let dearest = 0;
      for (const text of ['b', 'bl', 'blo', 'bloc', 'block', 'block.', 'block.1', 'block.12']) dearest = Math.max(dearest, await key(text));
      out.push(dearest);
      await key('');
      const median = list => list.sort((p, q) => p - q)[list.length >> 1];
      const frames = move => { const list = []; for (let i = 0; i < 60; ++i) { move(); const b = performance.now(); a.drawNow(); list.push(performance.now() - b); } return median(list); };
      a.fit();
      out.push(frames(() => { a.camera.y += 50; }));
      a.whole();
      out.push(frames(() => { a.camera.x += 1; }));
      return out;
    }));
    await context.close();
    numbers.forEach((n, i) => { results[i][column] = n; });
  }
} finally {
  await browser.close();
  rmSync(dir, { recursive: true, force: true });
}
const shown = x => x >= 100 ? String(Math.round(x)) : x.toPrecision(2);
console.log('| | 5,000 nodes | budget | 50,000 nodes | budget |\n|---|--:|--:|--:|--:|');
ROWS.forEach(([name, small, large], i) => console.log(`| ${name} | ${shown(results[i][0])} | ${shown(small)} | ${shown(results[i][1])} | ${shown(large)} |`));
