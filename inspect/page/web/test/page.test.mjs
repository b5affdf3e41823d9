// Drives the page in a real browser: opens pages that `nomo view` wrote and does with them what people do.
//   NOMO=path/to/nomo ACME_OPS=path/to/libacme_ops.so CHROMIUM=/usr/bin/chromium node test/page.test.mjs [folder for screenshots]
// Models are made here, as text files, so that every answer is known. The last line is "N passed, N failed".
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import assert from 'node:assert/strict';

const nomo = process.env.NOMO, library = process.env.ACME_OPS, shots = process.argv[2];
if (!nomo) throw new Error('NOMO names no nomo');
if (!library) throw new Error('ACME_OPS names no library of //tools:acme_ops');
const dir = mkdtempSync(join(tmpdir(), 'nomo-view-'));
const quote = text => JSON.stringify(text).replace(/\\u([0-9a-f]{4})/g, (_, h) => `\\x${h.slice(2)}`);

/** A model as a text file: x -> blocks of Conv-like scopes -> y. Values by name; sizes: numbers or symbols. */
function write(file, { inputs, nodes, outputs, producer = 'test' }) {
  const names = [], types = [], number = (name, type = ['batch', 8]) => {
    const at = names.indexOf(name);
    if (at >= 0) return at + 1;
    types.push(type);
    return names.push(name);
  };
  for (const [name, type] of inputs) number(name, type);
  const body = nodes.map(n => {
    const ins = n.in.map(v => number(v)), outs = (n.out ?? [`${n.name}_out`]).map(v => number(v, n.type));
    const attrs = (n.attrs ?? []).map(a => ` attributes { ${a} }`).join('');
    return `  nodes { name: ${quote(n.name)} op: ${quote(n.op ?? 'nn.Relu')} version: 1 inputs: [${ins}] outputs: [${outs}]${attrs}${n.more ?? ''} }`;
  });
  const dims = type => type.map(d => ` dims { ${typeof d === 'number' ? `size: ${d}` : `symbol: ${quote(d)}`} }`).join('');
  const values = names.map((n, i) => `  values { name: ${quote(n)} type { dtype: FLOAT32 shape {${dims(types[i])} } } }`);
  writeFileSync(join(dir, file), ['magic: "nomograph"', 'format_version: 1', `producer: ${quote(producer)}`, 'graph {', '  name: "g"', ...values, ...body,
    `  inputs: [${inputs.map(([n]) => number(n))}]`, `  outputs: [${outputs.map(n => number(n))}]`, '}', ''].join('\n'));
  return join(dir, file);
}
const view = (...args) => { const out = join(dir, `${args.map(a => a.replace(/\W+/g, '_')).join('').slice(-60)}.html`); execFileSync(nomo, ['view', ...args, '-o', out, '--force'], { stdio: ['ignore', 'ignore', 'inherit'] }); return out; };

/** Blocks with skips; with stages, so many blocks in each. */
function net(blocks, change = () => ({}), stage = 0) {
  const nodes = [{ name: '/stem/Relu', in: ['x'] }];
  let at = '/stem/Relu_out';
  for (let i = 0; i < blocks; ++i) {
    const s = stage ? `/stage${Math.floor(i / stage / 8)}/part${Math.floor(i / stage)}/block.${i}` : `/body/block.${i}`;
    nodes.push({ name: `${s}/one/Tanh`, op: 'math.Tanh', in: [at], ...change(`${s}/one/Tanh`) }, { name: `${s}/two/Sigmoid`, op: 'nn.Sigmoid', in: [`${s}/one/Tanh_out`] }, { name: `${s}/Add`, op: 'math.Add', in: [`${s}/two/Sigmoid_out`, at] });
    at = `${s}/Add_out`;
  }
  nodes.push({ name: '/head/Relu', in: [at] }, { name: '/head/Exp', op: 'math.Exp', in: ['/head/Relu_out'], out: ['y'] });
  return { inputs: [['x', ['batch', 8]]], nodes, outputs: ['y'] };
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
let passed = 0, failed = 0;

async function check(name, file, act, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme: options.dark ? 'dark' : 'light', acceptDownloads: true, reducedMotion: options.motion ? 'no-preference' : 'reduce' });
  const page = await context.newPage(), problems = [];
  page.on('pageerror', e => problems.push(String(e)));
  page.on('console', m => { if (m.type() === 'error' || m.type() === 'warning') problems.push(m.text()); });
  page.on('dialog', d => { problems.push(`a dialog: ${d.message()}`); void d.dismiss(); });
  page.on('request', r => { if (!/^(file|blob|data):/.test(r.url())) problems.push(`a request to ${r.url()}`); });
  try {
    await page.goto(`file://${file}${options.hash ?? ''}`);
    await page.waitForFunction(() => globalThis.nomoView?.times.start > 0, null, { timeout: 30000 });
    await act(page, context, problems);
    if (shots) await page.screenshot({ path: join(resolve(shots), `${name.replace(/\W+/g, '_')}.png`) });
    assert.deepEqual(problems.slice(0, 3), []);
    ++passed;
    console.log(`ok ${name}`);
  } catch (error) {
    ++failed;
    console.log(`not ok ${name}\n  ${String(error.stack ?? error).split('\n').slice(0, 12).join('\n  ')}\n  ${problems.slice(0, 3).join('\n  ')}`);
  } finally {
    await context.close();
  }
}

/** Where a box is on the screen, by the path of its labels. */
const place = (page, label) => page.evaluate(label => {
  const a = globalThis.nomoView, item = a.tree.items.find(i => i.label === label && a.tree.shown(i) === i && (!i.parent || i.parent.children.includes(i)));
  if (!item) return null;
  const r = a.scene.rect(item), box = document.getElementById('canvas').getBoundingClientRect(), z = a.camera.zoom;
  return { x: box.x + (r.x - a.camera.x) * z, y: box.y + (r.y - a.camera.y) * z, w: r.w * z, h: r.h * z };
}, label);
const click = async (page, label, options) => { const p = await place(page, label); assert.ok(p, `${label} is shown`); await page.mouse.click(p.x + p.w / 2, p.y + 14, { ...options }); await page.waitForTimeout(60); };
const shown = page => page.evaluate(() => { const a = globalThis.nomoView, out = [], walk = v => v.boxes.forEach(b => { const i = a.scene.view(b); if (i) walk(i); else out.push(b.label); }); walk(a.scene.root); return out; });
const selected = page => page.evaluate(() => globalThis.nomoView.selected?.label ?? null);

try {
  const file = write('net.nomo.txtpb', net(3)), html = view(file);

  await check('it opens, says what it shows, and has no network to ask', html, async (page, context, problems) => {
    assert.equal(await page.title(), 'net.nomo.txtpb – nomo view');
    assert.match(await page.textContent('#facts'), /^12 nodes/);
    assert.match(await page.getAttribute('meta[http-equiv]', 'content'), /^default-src 'none'; script-src 'sha256-/);
    assert.ok(await page.evaluate(() => globalThis.nomoView.drawn > 0));
    await assert.rejects(page.evaluate(() => fetch('https://example.org/')));
    assert.ok(problems.length && problems.every(p => p.includes('Content Security Policy')), 'the browser itself refuses');
    problems.length = 0;
  });
  await check('a click opens a group in place, and closes it again', html, async page => {
    await page.keyboard.press('c');
    await page.waitForTimeout(80);
    assert.deepEqual(await shown(page), ['x', 'stem', 'body/block.0–2', 'head', 'y']);
    const before = await place(page, 'body/block.0–2');
    await click(page, 'body/block.0–2');
    assert.deepEqual(await shown(page), ['x', 'stem', 'block.0', 'block.1', 'block.2', 'head', 'y']);
    const after = await place(page, 'body/block.0–2');
    assert.ok(Math.abs(after.y - before.y) < 1 && Math.abs(after.x + after.w / 2 - before.x - before.w / 2) < 1, 'it stays where it was');
    await page.mouse.click(after.x + 20, after.y + 10);
    await page.waitForTimeout(80);
    assert.deepEqual(await shown(page), ['x', 'stem', 'body/block.0–2', 'head', 'y']);
  });
  await check('search finds names and selectors, within what is closed too', html, async page => {
    await page.keyboard.press('c');
    await page.keyboard.press('/');
    for (const [text, count] of [['op:tanh', 3], ['/body/block.1/**', 3], ['op:relu, op:exp', 3], ['sigm', 3], ['x..y op:add', 3], ['/head/Exp-1', 2], ['shape:[batch,8] op:exp', 1]]) {
      await page.fill('#find', text);
      assert.equal(await page.textContent('#hits'), String(count), text);
    }
    await page.fill('#find', '/body/block.1/two/Sigmoid');
    await page.keyboard.press('Enter');
    await page.waitForTimeout(100);
    assert.equal(await selected(page), 'two');
    assert.ok((await shown(page)).includes('two'));
    await page.fill('#find', 'kind:nonsense');
    assert.match(await page.textContent('#results'), /there is no kind nonsense/);
  });
  await check('selecting fills the panel and the mirror', html, async page => {
    await page.evaluate(() => { const a = globalThis.nomoView; return a.go(a.selector.find('/body/block.0/Add').items[0]); });
    const panel = await page.textContent('#panel');
    for (const text of ['Add', '/body/block.0/Add', 'float32[batch,8]', 'math.Add v1', 'Copy as nomo command', 'What it computes']) assert.ok(panel.includes(text), text);
    assert.match(await page.textContent('#mirror'), /Selected: Add {2}\/body\/block.0\/Add.*Comes from.*Sigmoid.*Leads to.*Tanh/);
  });
  await check('tracing lights ancestors, descendants and paths', html, async page => {
    await page.evaluate(() => { const a = globalThis.nomoView; return a.go(a.selector.find('/body/block.1/Add').items[0]); });
    await page.keyboard.press('A');
    assert.match(await page.textContent('#trace'), /^7 ancestors of Add/);
    await page.keyboard.press('D');
    assert.match(await page.textContent('#trace'), /^6 descendants of Add/);
    const lines = await page.evaluate(() => {
      const a = globalThis.nomoView, { root } = a.scene;
      return root.links.filter(l => l.dst < root.portBase && root.boxes[l.dst].expanded && root.boxes[l.dst].isGroup).map(l => [root.boxes[l.dst].label, a.tracer.linkColour(root, l), a.theme.descendant]);
    });
    assert.ok(lines.length && lines.some(([, colour, wanted]) => colour === wanted), 'lines into open frames are lit too');
    await page.evaluate(() => { const a = globalThis.nomoView, of = n => a.selector.find(n).items[0]; a.tracePaths(of('/body/block.0/Add'), of('/stem/Relu')); });
    assert.match(await page.textContent('#trace'), /^4 nodes on paths/);
    await page.keyboard.press('Escape');
    assert.ok(await page.isHidden('#trace'));
  });
  await check('keys: along the data, beside, up, open, help', html, async page => {
    await page.evaluate(() => globalThis.nomoView.openToDepth(0));
    await page.focus('#canvas');
    const walk = [];
    for (const key of ['j', 'j', 'j', 'j', 'k']) { await page.keyboard.press(key); await page.waitForTimeout(40); walk.push(await selected(page)); }
    assert.deepEqual(walk, ['x', 'stem', 'body/block.0–2', 'head', 'body/block.0–2']);
    await page.keyboard.press('Enter');
    await page.waitForTimeout(80);
    assert.ok((await shown(page)).includes('block.1'));
    await click(page, 'block.1');
    await page.keyboard.press('h');
    assert.equal(await selected(page), 'block.0');
    await page.keyboard.press('u');
    assert.equal(await selected(page), 'body/block.0–2');
    await page.keyboard.press('?');
    assert.ok(await page.isVisible('#help'));
    await page.keyboard.press('Escape');
  });
  await check('the shape slider: shapes and bytes follow', html, async page => {
    await page.selectOption('#colour', 'bytes');
    await page.fill('#sizes input[type=number]', '16');
    assert.match(await page.textContent('#panel'), /float32\[16,8\]/);
    assert.match(await page.textContent('#legend'), /total 6 KB/);  // 12 nodes * 16 * 8 * 4 bytes
    await page.fill('#sizes input[type=number]', '');
    assert.match(await page.textContent('#panel'), /float32\[batch,8\]/);
  });
  await check('the state is in the address', html, async (page, context) => {
    await page.evaluate(async () => { const a = globalThis.nomoView; await a.go(a.selector.find('/body/block.2/two/Sigmoid').items[0]); a.setMode('dtype'); a.setSize(0, 4); a.find('op:tanh'); });
    await page.waitForTimeout(400);
    const url = page.url(), again = await context.newPage();
    assert.match(url, /#sel=\/body\/block.2\/two\/Sigmoid&/);
    await again.goto(url);
    await again.waitForFunction(() => globalThis.nomoView?.times.firstPicture > 0);
    assert.deepEqual(await again.evaluate(() => { const a = globalThis.nomoView; return [a.selected.label, a.mode.key, a.sizes[0], a.found.length, Math.round(a.camera.zoom * 100)]; }),
      await page.evaluate(() => { const a = globalThis.nomoView; return [a.selected.label, a.mode.key, a.sizes[0], a.found.length, Math.round(a.camera.zoom * 100)]; }));
    assert.deepEqual(await shown(again), await shown(page));
  });
  await check('a link with a name alone opens what hides it', html, async page => {
    assert.equal(await selected(page), 'one');
    assert.ok((await shown(page)).includes('one'));
  }, { hash: '#sel=/body/block.1/one/Tanh' });
  await check('dark, with motion', html, async page => {
    await page.keyboard.press('e');
    await page.waitForTimeout(400);
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    assert.equal((await shown(page)).length, 14);
  }, { dark: true, motion: true });
  await check('SVG is saved, and is well formed', html, async page => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.keyboard.press('s')]);
    const text = readFileSync(await download.path(), 'utf8');
    assert.ok(await page.evaluate(text => !new DOMParser().parseFromString(text, 'image/svg+xml').querySelector('parsererror'), text));
    assert.match(text, />Relu</);
  });

  await check('keys for what the mouse does too: paths, colours, themes, constants', html, async page => {
    await page.focus('#canvas');
    const go = name => page.evaluate(name => { const a = globalThis.nomoView; return a.go(a.selector.find(name).items[0]); }, name);
    await go('/stem/Relu');
    await page.keyboard.press('m');
    await go('/body/block.0/Add');
    await page.keyboard.press('p');
    assert.match(await page.textContent('#trace'), /^4 nodes on paths from Relu to Add/);
    const mode = () => page.evaluate(() => globalThis.nomoView.mode.key), before = await mode();
    await page.keyboard.press('b');
    assert.notEqual(await mode(), before);
    assert.equal(await page.inputValue('#colour'), await mode());
    await page.keyboard.press('d');
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await page.keyboard.press('x');
    assert.equal(await page.getAttribute('#constants', 'aria-pressed'), 'true');
  });
  await check('nodes in a row', html, async page => {
    for (const [text, count] of [['op:tanh->op:sigmoid', 6], ['op:relu->op:tanh', 2], ['op:relu->op:relu', 'none']]) {
      await page.fill('#find', text);
      assert.equal(await page.textContent('#hits'), String(count), text);
    }
  });
  await check('a skip stays visible where what it skips is closed', html, async page => {
    const links = await page.evaluate(async () => {
      const a = globalThis.nomoView;
      await a.openToDepth(0);
      const group = a.tree.items.find(i => i.label === 'body/block.0–2');
      await a.change(() => { group.expanded = true; a.scene.invalidate(group); });
      await a.change(() => { a.tree.reveal(a.selector.find('/body/block.0/Add').items[0]); a.scene.invalidateAll(); });
      const block = a.tree.items.find(i => i.label === 'block.0'), view = a.scene.view(block);
      return view.links.map(l => [l.src < view.portBase ? view.boxes[l.src].label : 'border', l.dst < view.portBase ? view.boxes[l.dst].label : 'border'].join(' > '));
    });
    assert.ok(links.includes('border > Add'), links.join());
    assert.ok(links.includes('two > Add'), links.join());
  });

  // Functions: branches of an If; bodies of ops that are missing here; a kernel in place of a body.
  const type = 'type { dtype: FLOAT32 shape { dims { symbol: "batch" } dims { size: 8 } } }';
  const value = name => `values { name: "${name}" ${type} }`, ports = 'inputs { dtype: FLOAT32 shape { dims { symbol: "batch" } dims { size: 8 } } }';
  const right = ports.replace('inputs', 'outputs');
  const unary = (name, op) => `functions { name: "${name}" graph { name: "${name}" ${value('a')} ${value('b')} nodes { name: "inner_${name}" op: "${op}" version: 1 inputs: 1 outputs: 2 } inputs: 1 outputs: 2 } }`;
  const bodies = join(dir, 'bodies.nomo.txtpb');
  writeFileSync(bodies, `magic: "nomograph" format_version: 1 graph { name: "g" ${value('x')}
    values { name: "c" type { dtype: BOOL shape { } } } ${['chosen', 'doubled', 'gone', 'y'].map(value).join(' ')}
    nodes { name: "pick" op: "core.If" version: 1 inputs: [2, 1] outputs: 3 attributes { name: "else_branch" function: "other" } attributes { name: "then_branch" function: "one" } }
    nodes { name: "double" op: "acme.Double" version: 1 inputs: 3 outputs: 4 body: "twice" signature { ${ports} ${right} } }
    nodes { name: "gone" op: "acme.Gone" version: 1 inputs: 4 outputs: 5 signature { ${ports} ${right} } }
    nodes { name: "relu" op: "nn.Relu" version: 1 inputs: 5 outputs: 6 body: "one" signature { ${ports} ${right} } }
    inputs: [1, 2] outputs: 6 }
    ${unary('one', 'nn.Relu')} ${unary('other', 'math.Tanh')} ${unary('twice', 'math.Exp')}`);
  await check('branches and bodies open in place, and lambdas have badges', view(bodies), async page => {
    await page.evaluate(() => globalThis.nomoView.openAll(true));
    await page.waitForTimeout(100);
    const found = await page.evaluate(() => globalThis.nomoView.tree.items.filter(i => i.isGroup && i.parent).map(i => i.label));
    for (const label of ['then_branch', 'else_branch']) assert.ok(found.includes(label), found.join());
    const boxes = await shown(page);
    for (const label of ['inner_one', 'inner_other', 'inner_twice']) assert.ok(boxes.includes(label), boxes.join());
    for (const [kind, name] of [['body', 'double'], ['missing', 'gone'], ['kernel', 'relu']]) {
      const hits = await page.evaluate(kind => { const a = globalThis.nomoView; return a.selector.find(`kind:${kind}`).items.map(i => a.model.nodeName[i.node]); }, kind);
      assert.deepEqual(hits, [name], kind);
      await page.evaluate(name => { const a = globalThis.nomoView; return a.go(a.selector.find(name).items[0]); }, name);
      assert.match(await page.textContent('#panel'), new RegExp(kind), name);
      assert.ok(await page.evaluate(kind => { const a = globalThis.nomoView; a.fit(a.selected); return a.svg().includes(`λ ${kind}`); }, kind), `the badge of ${name}`);
    }
  });

  // An op that runs only where it is allowed by name is refused; a library brings it.
  const refused = write('refused.nomo.txtpb', { inputs: [['x', ['batch', 8]]], nodes: [{ name: 'ring', op: 'acme.Ring', in: ['x'], out: ['y'] }], outputs: ['y'] });
  await check('an op that is refused has a badge and a hatched box, and says why', view(refused, '--op-library', library), async page => {
    const hits = await page.evaluate(() => { const a = globalThis.nomoView; return a.selector.find('kind:refused').items.map(i => a.model.nodeName[i.node]); });
    assert.deepEqual(hits, ['ring']);
    await page.evaluate(() => { const a = globalThis.nomoView; return a.go(a.selector.find('ring').items[0]); });
    assert.match(await page.textContent('#panel'), /refused[\s\S]*has the effect io/);
    assert.ok(await page.evaluate(() => { const a = globalThis.nomoView; a.fit(a.selected); return a.svg().includes('λ refused'); }));
    assert.ok(await page.evaluate(() => { const a = globalThis.nomoView; return a.look().hatched(a.selected); }));
  });

  // What runs here, and what was proved: from the commands that make it.
  const nomoRun = (...args) => execFileSync(nomo, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const proved = join(dir, 'proved.nomo');
  nomoRun('verify', file, '--record', '--name', 'first', '-i', 'x=random:2x8', '-o', proved);
  await check('golden vectors and what runs here', view(proved, '--program'), async page => {
    assert.match(await page.textContent('#panel'), /Golden vectors \(1\).*first/);
    assert.match(await page.textContent('#panel'), /Compiled here.*steps, arena/);
    await page.evaluate(() => { const a = globalThis.nomoView; return a.go(a.selector.find('/head/Exp').items[0]); });
    const panel = await page.textContent('#panel');
    assert.match(panel, /Golden vectors/);
    assert.match(panel, /Runs here as/);
  });

  const dump = join(dir, 'expected.npz');
  nomoRun('dump', file, '/head/**, x', '-i', 'x=random:2x8', '-o', dump);
  const sinh = net(3, name => name === '/body/block.2/one/Tanh' ? { op: 'math.Sinh' } : {});
  await check('colour by error: values of another run', view(write('sinh.nomo.txtpb', sinh), '--dump', dump), async page => {
    await page.selectOption('#colour', { label: 'error' });
    const errors = await page.evaluate(() => { const a = globalThis.nomoView; return ['/head/Exp', '/stem/Relu'].map(n => a.colouring.valueOf(a.selector.find(n).items[0])); });
    assert.ok(errors[0] > 0 && errors[0] <= 1, String(errors));
    assert.equal(errors[1], null, 'the dump says nothing of it');
    const groups = await page.evaluate(() => { const a = globalThis.nomoView; return ['head', 'stem'].map(l => a.colouring.valueOf(a.tree.items.find(i => i.label === l && i.parent))); });
    assert.deepEqual(groups, [Math.max(errors[0], groups[0]), null], 'of a group the greatest');
    assert.match(await page.textContent('#panel'), /Top ten by error.*head\/Exp/);
  });

  // Names that would be HTML, script, or the end of the data.
  const evil = ['</script><script>globalThis.hacked=1;alert(1)</script>', '<img src=x onerror="globalThis.hacked=1;alert(2)">', '"><svg onload=alert(3)>', '${alert(4)}', '<!--<script>', '@@NOMO_DATA@@', 'a\u202eb'];
  const hostile = { inputs: [['x', ['<b>batch', 8]]], nodes: evil.map((name, i) => ({ name, op: i === 2 ? 'acme.<i>Op' : 'nn.Relu', in: [i ? `${evil[i - 1]}_o` : 'x'], out: [i === evil.length - 1 ? '<u>y' : `${name}_o`] })), outputs: ['<u>y'], producer: evil[0] };
  const hostileFile = write('<b>evil&.nomo.txtpb', hostile);
  await check('hostile names stay text', view(hostileFile), async page => {
    await page.evaluate(async () => { const a = globalThis.nomoView; await a.openAll(true); for (const item of a.tree.items) { await a.go(item); } a.find('<'); });
    await page.fill('#find', '<script>');
    await page.selectOption('#colour', 'parameters');
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    assert.equal(await page.evaluate(() => document.querySelectorAll('script').length), 2);
    assert.equal(await page.evaluate(() => document.querySelectorAll('img, svg, i:not([class]) b, u').length), 0);
    const svg = await page.evaluate(() => globalThis.nomoView.svg());
    assert.ok(!/<script|<img|onload=[^&]*>/.test(svg.replace(/<text[^>]*>[^<]*<\/text>/g, '')));
    assert.ok(await page.evaluate(text => !new DOMParser().parseFromString(text, 'image/svg+xml').querySelector('parsererror, script, img'), svg));
    assert.match(await page.textContent('#panel'), /acme.<i>Op|nn.Relu|<u>y/);
  });
  await check('a missing op is drawn, with its badge and what is wrong', view(hostileFile), async page => {
    await page.fill('#find', 'kind:missing');
    assert.equal(await page.textContent('#hits'), '1');
    await page.evaluate(() => globalThis.nomoView.select(null));
    assert.match(await page.textContent('#panel'), /Lambdas \(1\)\s*missing/);
  });

  const changed = net(3, name => name === '/body/block.1/one/Tanh' ? { op: 'math.Sinh' } : {});
  changed.nodes.splice(1, 0, { name: '/stem/extra/Exp', op: 'math.Exp', in: ['/stem/Relu_out'] });
  changed.nodes.find(n => n.name === '/body/block.0/one/Tanh').in = ['/stem/extra/Exp_out'];
  await check('two models as one, and only what differs', view(file, write('changed.nomo.txtpb', changed)), async page => {
    const panel = await page.textContent('#panel');
    assert.match(panel, /added \/stem\/extra\/Exp/);
    assert.match(panel, /\/body\/block.1\/one\/Tanh/);
    await page.click('text=Only changes');
    await page.waitForTimeout(100);
    const boxes = await shown(page);
    assert.ok(boxes.some(b => /^… \d+ the same …$/.test(b)), boxes.join());
    await page.fill('#find', 'kind:added');
    assert.equal(await page.textContent('#hits'), '1');
    await page.waitForTimeout(400);
    assert.match(page.url(), /changes=1/);
    await page.reload();
    await page.waitForFunction(() => globalThis.nomoView?.times.firstPicture > 0);
    assert.deepEqual(await shown(page), boxes);
    assert.equal(await page.getAttribute('#only-changes', 'aria-pressed'), 'true');
    await page.keyboard.press('v');
    await page.waitForTimeout(100);
    assert.ok(!(await shown(page)).some(b => b.startsWith('…')));
  });

  const times = join(dir, 'times.json');
  writeFileSync(times, JSON.stringify({ '/head/Exp': 3.5, '/stem/Relu': 0.5 }));
  await check('colour by time, and the slowest', view(file, '--profile', times), async page => {
    await page.selectOption('#colour', { label: 'time' });
    assert.match(await page.textContent('#legend'), /time.*total 4 ms.*3.5 ms/);
    assert.match(await page.textContent('#panel'), /Top ten by time.*head\/Exp.*3.5 ms.*0.5 ms/);
  });

  // Names as long as some exporters make them.
  const long = letter => letter.repeat(200), scope = `/${long('s')}/${long('t')}`;
  const lengthy = {
    inputs: [[long('x'), [long('b'), 8]]],
    nodes: [{ name: `${scope}/one/${long('m')}`, in: [long('x')] }, { name: `${scope}/two/${long('n')}`, op: `acme.${long('O')}`, in: [`${scope}/one/${long('m')}_out`], out: [long('y')] }],
    outputs: [long('y')],
  };
  await check('long names are cut in the middle, and whole where one points', view(write('long.nomo.txtpb', lengthy)), async page => {
    await page.evaluate(() => globalThis.nomoView.openAll(true));
    const widths = await page.evaluate(() => { const a = globalThis.nomoView; return a.tree.items.filter(i => i !== a.tree.root && a.tree.shown(i) === i && i.parent.children.includes(i)).map(i => a.scene.rect(i).w); });
    assert.ok(widths.length >= 5 && Math.max(...widths) < 500, widths.join());
    const texts = await page.evaluate(() => [...new DOMParser().parseFromString(globalThis.nomoView.svg(), 'image/svg+xml').querySelectorAll('text')].map(t => t.textContent));
    assert.ok(texts.some(t => /^s+…[st]+$/.test(t)) && texts.some(t => /^x+…x+$/.test(t)) && texts.every(t => t.length < 70), texts.join());
    assert.equal(await page.getAttribute('#file', 'title'), 'long.nomo.txtpb');
    assert.ok((await page.getAttribute('#sizes label', 'title')).includes(long('b')));
    const input = await place(page, long('x'));
    await page.mouse.move(input.x + input.w / 2, input.y + input.h / 2);
    assert.match(await page.textContent('#tip'), /^x{200}\n/);
  });

  // So many boxes side by side that a worker lays them out.
  const flat = { inputs: [['x', ['batch', 8]]], nodes: [], outputs: ['n5999_out'] };
  for (let i = 0; i < 6000; ++i) flat.nodes.push({ name: `n${i}`, op: 'math.Add', in: [i ? `n${i - 1 - i % 7 * (i > 7)}_out` : 'x', i > 40 ? `n${i - 1 - i * 31 % 40}_out` : 'x'] });
  const flatHtml = view(write('flat.nomo.txtpb', flat));
  await check('many boxes without scopes: their beginning at once, then all of them', flatHtml, async page => {
    const t = await page.evaluate(() => globalThis.nomoView.times);
    assert.ok(t.firstPicture < t.lastPicture, 'the first picture is not the last');
    const [all, boxes] = await page.evaluate(() => [globalThis.nomoView.scene.root.boxes.length, globalThis.nomoView.tree.root.children.length]);
    assert.equal(all, boxes);
    // The beginning of the graph, as it stands while the worker is at work.
    const beginning = await page.evaluate(() => {
      const a = globalThis.nomoView, layer = () => { const r = a.scene.root.result; return new Map(a.scene.root.boxes.map((b, i) => [b.label, r.layer[i]])); };
      const whole = layer(), fits = a.scene.preview(400), part = layer();
      return { fits, boxes: part.size, same: [...part].filter(([label, l]) => whole.get(label) === l).length, links: a.scene.root.links.length };
    });
    assert.ok(beginning.fits && beginning.boxes === 400 && beginning.links > 400, JSON.stringify(beginning));
    assert.ok(beginning.same > 300, `what is ahead stands where it will: ${JSON.stringify(beginning)}`);
  });
  await check('few boxes have no preview', html, async page => {
    assert.ok(await page.evaluate(() => !globalThis.nomoView.scene.preview(400)));
  });

  // What is large, within twice the budgets of a laptop.
  for (const [blocks, kilobytes] of [[1670, 400], [16670, 2048]]) {
    const large = write(`large${blocks}.nomo.txtpb`, net(blocks, undefined, 33)), html = view(large), nodes = 3 * blocks + 3;
    await check(`${nodes} nodes`, html, async page => {
      assert.ok(statSync(html).size < kilobytes * 1024, `${statSync(html).size} bytes`);
      const t = await page.evaluate(async () => {
        const a = globalThis.nomoView, best = async act => { let least = Infinity; for (let i = 0; i < 3; ++i) { const b = performance.now(); await act(); least = Math.min(least, performance.now() - b); } return Math.round(least * 10) / 10; };
        const out = { first: Math.round(a.times.firstPicture) };
        out.search = await best(() => { document.getElementById('find').value = 'block.12'; document.getElementById('find').dispatchEvent(new Event('input')); });
        document.getElementById('find').value = '';
        document.getElementById('find').dispatchEvent(new Event('input'));
        const group = a.tree.items.find(i => i.kind === 'group' && i.ops === 99);
        await a.change(() => { a.tree.reveal(group); a.scene.invalidate(group); });
        out.expand = await best(async () => { await a.change(() => { group.expanded = !group.expanded; a.scene.invalidate(group); }, group); });
        out.all = await best(() => { for (const item of a.tree.items) item.expanded = item === a.tree.root || item.isGroup; a.scene.invalidateAll(); return a.scene.update(); });
        a.scene.invalidateAll(); await a.scene.update();
        a.fit();
        let frames = [];
        for (let i = 0; i < 40; ++i) { a.camera.y += 50; const b = performance.now(); a.drawNow(); frames.push(performance.now() - b); }
        out.draw = Math.round(frames.sort((p, q) => p - q)[20] * 10) / 10;
        a.whole(); { const b = performance.now(); a.drawNow(); out.drawWhole = Math.round((performance.now() - b) * 10) / 10; }
        out.memory = Math.round((performance.memory?.usedJSHeapSize ?? 0) / 2 ** 20);
        return out;
      });
      console.log(`  ${nodes} nodes, ms:`, JSON.stringify(t));
      assert.ok(t.draw < 33, 'a frame takes no longer than at 30 a second');
    });
  }
} finally {
  await browser.close();
  rmSync(dir, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
