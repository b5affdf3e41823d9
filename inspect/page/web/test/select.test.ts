// The selectors of the command line: the cases, and the model, of inspect/selector_test.cc. Where that tells nodes and values, the
// page has boxes: nodes, the nodes that yield the values, and the model's inputs and outputs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globRegExp, Selector, words } from '../src/select.ts';
import { Tree } from '../src/tree.ts';
import { model, SELECTOR_MODEL } from './model.ts';

const m = model(SELECTOR_MODEL), tree = new Tree(m);
const selector = new Selector(tree, () => [], { 'nn.Conv': { doc: '', source: '', attrs: { groups: ['1', ''] } } });
const chosen = (text: string) => { const f = selector.find(text); return f.problem || f.items.map(i => i.node >= 0 ? m.nodeName[i.node] : `${i.kind} ${m.valueName[i.value]}`).join(' | '); };

const CASES: [string, string][] = [
  ['/s/c1', '/s/c1'], ['/s/c1_out', '/s/c1'], ['/s/*', '/s/c1 | /s/r1'], ['**/c?', '/s/c1 | /t/c2'],
  ['op:nn.Conv', '/s/c1 | /t/c2'], ['op:conv', '/s/c1 | /t/c2'], ['op:NN.*', '/s/c1 | /s/r1 | /t/c2'], ['op:relu @', '/s/r1'],
  ['dtype:float16', 'cast-1'], ['shape:[*,64,*,*] /s/**', '/s/c1 | /s/r1'], ['shape:[batch, ..., 8] kind:input', 'input a'], ['shape:[2]', 'cast-1'],
  ['attr:groups>1', '/t/c2'], ['attr:groups=1', '/s/c1'], ['attr:groups!=2', '/s/c1'], ['attr:groups<=2', '/s/c1 | /t/c2'], ['attr:strides>=2', '/t/c2'],
  ['attr:strides=[2, 1]', '/t/c2'], ['attr:strides=[1, 2]', ''], ['attr:padding=sam*', '/t/c2'], ['attr:padding=same, op:add', '/t/c2 | /t/add'],
  ['kind:lambda', 'cast-1'], ['/s/c1+1', '/s/c1 | /s/r1'], ['/s/c1+2', '/s/c1 | /s/r1 | /t/c2 | /t/add'], ['a+1', 'input a | /s/c1 | cast-1'],
  ['out-1', '/t/add'], ['out-2', '/s/r1 | /t/c2 | /t/add'], ['/s/c1-99999999999999999999', '/s/c1'], ['/s/c1../t/c2', '/s/c1 | /s/r1 | /t/c2'],
  ['a..out', '/s/c1 | /s/r1 | /t/c2 | /t/add'], ['/t/c2..', '/t/c2 | /t/add'], ['../s/r1', '/s/c1 | /s/r1'], ['/s/c1+1../t/add op:relu', '/s/r1'],
  ['op:conv->op:relu', '/s/c1 | /s/r1'], ['op:conv->op:*->op:conv', '/s/c1 | /s/r1 | /t/c2'], ['op:conv->op:add', '/t/c2 | /t/add'],
  ['op:conv->op:relu+1 op:conv', '/s/c1 | /t/c2'], ['/s/c1->/s/r1', '/s/c1 | /s/r1'], ['op:add->op:conv', ''], ['"op:conv->op:relu"', ''],
  ['cast-1', 'cast-1'], ['cast-1-1', 'cast-1'], ['"odd, name"', 'cast-1'], ["'odd, name'", 'cast-1'], ['w', '/s/c1 | /t/c2'],
  ['re:/c[0-9]$', '/s/c1 | /t/c2'], ['re:^/[st]/(c|add)', '/s/c1 | /t/c2 | /t/add'], ['re:c{1,2}1$, op:add', '/s/c1 | /t/add'], ['re:[,] dtype:float16', 'cast-1'],
  ['re:"odd, n"-1', 'cast-1'], ["re:'c1$'+1", '/s/c1 | /s/r1'], ["re:'c1$'..out", '/s/c1 | /s/r1 | /t/c2 | /t/add'], ['op:conv->re:r1$', '/s/c1 | /s/r1'],
  ['re:\\bc1\\b op:conv', '/s/c1'], ['re:zz$', ''],
  // What the command line refuses: parts of names while one types.
  ['CAST', 'cast-1'], ['rel', '/s/r1'], ['nowhere', ''], ['', ''],
  ['kind:lamda', 'there is no kind lamda'], ['attr:groups>x', 'only numbers are less or greater'], ['shape:2,3', 'a shape is written in brackets'],
];
for (const [text, expected] of CASES) {
  test(`${JSON.stringify(text)}`, () => { const got = chosen(text); if (/^[a-z]+ .* (kind|less|written)/.test(expected)) assert.ok(got.startsWith(expected), got); else assert.equal(got, expected); });
}

test('patterns', () => {
  // As inspect/glob.h: * within a part, ** over parts, **/ also for nothing.
  for (const [glob, yes, no] of [['/a/*', ['/a/b'], ['/a/b/c', '/a']], ['/a/**', ['/a/b', '/a/b/c'], ['/a', '/b/a/c']], ['**/c', ['c', '/c', 'a/b/c'], ['ac']], ['a?c', ['abc'], ['a/c', 'ac']],
    ['*.weight', ['x.weight'], ['x/y.weight']], ['a.b', ['a.b'], ['axb']], ['(a|b)[c]', ['(a|b)[c]'], ['ac']], ['**', ['', 'a/b'], []]] as [string, string[], string[]][]) {
    for (const name of yes) assert.ok(globRegExp(glob).test(name), `${glob} fits ${name}`);
    for (const name of no) assert.ok(!globRegExp(glob).test(name), `${glob} does not fit ${name}`);
  }
});

test('words', () => {
  assert.deepEqual(words('a b, shape:[1, 2] "c, d"').map(w => w.map(x => x.text)), [['a', 'b'], ['shape:[1, 2]', 'c, d']]);
  assert.deepEqual(words('"open').map(w => w.map(x => x.text)), [['open']]);
});
