import { test } from 'node:test';
import assert from 'node:assert/strict';
import { regexSearch } from '../src/regex.ts';

test('cases that are plain to see', () => {
  const cases: [string, string[], string[]][] = [
    ['layer[0-9]+/conv[12]', ['/layer12/conv2'], ['/layer/conv2', 'layer1/conv3']],
    ['(?i)conv[a-c]', ['CONVB', 'xConvc'], ['convd']], ['(?i)[^a]', ['b'], ['a', 'A']],
    ['^(a|bc)$', ['a', 'bc'], ['b', 'abc']], ['^a{1,3}$', ['a', 'aaa'], ['', 'aaaa']], ['^(ab){2,}$', ['abab'], ['ab']],
    ['\\bconv\\b', ['/conv/'], ['conv1']], ['^\\d\\w\\s\\D\\W\\S$', ['1_ a-b'], ['11 1-b']], ['^[[:digit:]_]+$', ['1_2'], ['a']],
    ['^.$', ['a', 'é', '√'], ['', 'ab']], ['^[]a-]+$', [']a-'], ['b']], ['a{x}', ['a{x}'], ['a']], ['', ['', 'a'], []],
  ];
  for (const [pattern, fit, not] of cases) {
    for (const text of fit) assert.ok(regexSearch(pattern)(text), `${pattern} in ${text}`);
    for (const text of not) assert.ok(!regexSearch(pattern)(text), `${pattern} not in ${text}`);
  }
});

test('agrees with RegExp on random patterns', () => {
  let seed = 7, hits = 0;
  const roll = (n: number) => { seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff; return (seed >> 8) % n; };
  const make = (depth: number): string => {
    let out = '';
    for (let k = 1 + roll(3); k > 0; --k) {
      out += [() => 'a', () => 'b', () => '[ab]', () => '[^a]', () => '.', () => `(${make(depth - 1)})`, () => `(?:${make(depth - 1)}|${make(depth - 1)})`][roll(depth > 0 ? 7 : 5)]();
      out += ['', '', '', '*', '+', '?', '{2}', '{0,2}'][roll(8)];
    }
    return out;
  };
  for (let i = 0; i < 2000; ++i) {
    const pattern = `${roll(3) ? '' : '^'}${make(2)}${roll(3) ? '' : '$'}`, mine = regexSearch(pattern), theirs = new RegExp(pattern, 's');
    for (let t = 0; t < 6; ++t) {
      let text = '';
      for (let k = roll(7); k > 0; --k) text += 'abc'[roll(3)];
      assert.equal(mine(text), theirs.test(text), `${pattern} in ${text}`);
      hits += Number(theirs.test(text));
    }
  }
  assert.ok(hits > 1000 && hits < 11000, String(hits));
});

test('takes linear time, and refuses what is none', () => {
  for (const pattern of ['(a*)*b', '(a|a)*b', '(a|aa)+$b', '((a?){30}a{30}){3}b', '(((){1000}){1000}){1000}b', `${'('.repeat(50)}b${')'.repeat(50)}`]) assert.ok(!regexSearch(pattern)('a'.repeat(3000)), pattern);
  for (const pattern of ['(a', 'a)', '[a', '*a', 'a**', 'a{3,2}', 'a{1001}', 'a\\', '\\1', '(?=a)', '[z-a]', '[[:no:]]', '(a{100}){100}', 'a'.repeat(1001), '('.repeat(51) + ')'.repeat(51)]) assert.throws(() => regexSearch(pattern), pattern);
});
