// Builds dist/page.html: all scripts and styles in one file, with the hashes by which its content security policy knows them.
//   node build.mjs           writes it
//   node build.mjs --check   compares with the file that is there, which is part of the sources, so that building Nomograph
//                            needs no Node
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const common = { bundle: true, minify: true, format: 'iife', target: 'es2022', charset: 'ascii', legalComments: 'none', write: false, absWorkingDir: here };

async function page() {
  const worker = await build({ ...common, entryPoints: ['src/worker.ts'] });
  const main = await build({ ...common, entryPoints: ['src/main.ts'], define: { WORKER_SOURCE: JSON.stringify(worker.outputFiles[0].text.trim()) } });
  const style = (await transform(readFileSync(join(here, 'src/style.css'), 'utf8'), { loader: 'css', minify: true })).code.trim();
  // A string in a script must not end it.
  const script = main.outputFiles[0].text.trim().replace(/<\/(script)/gi, '<\\/$1').replace(/<!--/g, '<\\!--');
  const hash = text => `sha256-${createHash('sha256').update(text).digest('base64')}`;
  const parts = { SCRIPT_HASH: hash(script), STYLE_HASH: hash(style), STYLE: style, SCRIPT: script };
  return readFileSync(join(here, 'src/index.html'), 'utf8').replace(/@@(SCRIPT_HASH|STYLE_HASH|STYLE|SCRIPT)@@/g, (_, part) => parts[part]);
}

const file = join(here, 'dist/page.html'), html = await page();
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== html) {
    console.error('dist/page.html is not what its sources give; run: node build.mjs');
    process.exit(1);
  }
} else {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, html);
  console.log(`dist/page.html: ${html.length} bytes`);
}
