// Bundles the tests of the pure modules and runs them with `node --test`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url)), out = mkdtempSync(join(here, '../node_modules/.unit-'));
const tests = readdirSync(here).filter(f => f.endsWith('.test.ts'));
try {
  await build({ entryPoints: tests.map(t => join(here, t)), bundle: true, platform: 'node', format: 'esm', outdir: out, outExtension: { '.js': '.mjs' }, logLevel: 'error' });
  const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=tap', ...tests.map(t => join(out, t.replace('.ts', '.mjs')))], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
