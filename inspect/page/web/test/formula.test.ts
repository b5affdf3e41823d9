import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evaluate, formulaText, parseFormula } from '../src/formula.ts';

const VALUES: [string, (number | null)[], number | null, string][] = [
  ['7', [], 7, '7'], ['$0', [3], 3, 'batch'], ['$1', [3], null, 'time'], ['$0', [null], null, 'batch'],
  ['2*$0+1', [5], 11, '2*batch+1'], ['($0+31)//32', [224], 7, '(batch+31)//32'], ['2*(($0-1)//4)+3', [10], 7, '2*((batch-1)//4)+3'],
  ['$0*$1*64', [2, 3], 384, 'batch*time*64'], ['0-$0', [4], -4, '0-batch'], ['$0//0', [4], null, 'batch//0'], ['10-3-2', [], 5, '10-3-2'], ['10-(3-2)', [], 9, '10-(3-2)'],
  ['7//2', [], 3, '7//2'], ['(0-7)//2', [], -4, '(0-7)//2'],
];
for (const [text, sizes, value, shown] of VALUES) {
  test(`${text} is ${value}`, () => {
    const f = parseFormula(text);
    assert.equal(evaluate(f, sizes), value);
    assert.equal(formulaText(f, ['batch', 'time']), shown);
  });
}
for (const bad of ['', '$', '1+', '(1', '1)', 'x', '1 + 2', '1;alert(1)']) test(`${JSON.stringify(bad)} is no formula`, () => assert.throws(() => parseFormula(bad)));
