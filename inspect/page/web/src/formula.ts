// Formulas of sizes: whole numbers, $0, $1, ... for symbols, + - * // and brackets. They are read once and then computed for any
// sizes of the symbols. (C++: inspect/page/size_formulas.h.)

export type Formula =
  | { kind: 'number'; value: number }
  | { kind: 'symbol'; index: number }
  | { kind: 'op'; op: '+' | '-' | '*' | '//'; a: Formula; b: Formula };

export function parseFormula(text: string): Formula {
  const tokens = text.match(/\$\d+|\d+|\/\/|[-+*()]/g) ?? [];
  if (tokens.join('') !== text) throw new Error(`no formula: ${text}`);
  let at = 0;
  const atom = (): Formula => {
    const token = tokens[at++];
    if (token === '(') {
      const inner = sum();
      if (tokens[at++] !== ')') throw new Error(`no formula: ${text}`);
      return inner;
    }
    if (token?.[0] === '$') return { kind: 'symbol', index: Number(token.slice(1)) };
    if (token === undefined || !/^\d/.test(token)) throw new Error(`no formula: ${text}`);
    return { kind: 'number', value: Number(token) };
  };
  const chain = (ops: string[], next: () => Formula) => (): Formula => {
    let a = next();
    while (ops.includes(tokens[at])) a = { kind: 'op', op: tokens[at++] as '+', a, b: next() };
    return a;
  };
  const product = chain(['*', '//'], atom);
  const sum = chain(['+', '-'], product);
  const result = sum();
  if (at !== tokens.length) throw new Error(`no formula: ${text}`);
  return result;
}

/** The value, or null where a symbol's size is not known. */
export function evaluate(f: Formula, sizes: readonly (number | null)[]): number | null {
  if (f.kind === 'number') return f.value;
  if (f.kind === 'symbol') return sizes[f.index] ?? null;
  const a = evaluate(f.a, sizes), b = evaluate(f.b, sizes);
  if (a === null || b === null) return null;
  switch (f.op) {
    case '+': return a + b;
    case '-': return a - b;
    case '*': return a * b;
    case '//': return b === 0 ? null : Math.floor(a / b);
  }
}

const ORDER = { '+': 1, '-': 1, '*': 2, '//': 2 };

/** As one reads it, with the symbols' names and only the brackets that are needed. */
export function formulaText(f: Formula, names: readonly string[]): string {
  const write = (f: Formula, above: number, right: boolean): string => {
    if (f.kind === 'number') return String(f.value);
    if (f.kind === 'symbol') return names[f.index] ?? `$${f.index}`;
    const order = ORDER[f.op];
    const text = `${write(f.a, order, false)}${f.op}${write(f.b, order, true)}`;
    return order < above || (order === above && right) ? `(${text})` : text;
  };
  return write(f, 0, false);
}
