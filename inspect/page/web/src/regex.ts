// Regular expressions for names in time linear in the name, as inspect/regex.h has them: a link to a state of the page may hold any,
// and one that backtracks would stop the page for good. Thompson's simulation; there are no references and no looking around.

type Test = (c: number) => boolean;
/** A state: a character, two ways on, an edge, or the end. */
interface State { kind: 'char' | 'split' | 'begin' | 'end' | 'word' | 'inner' | 'found'; test?: Test; next: number; other: number }

const MAX_STATES = 4000, MAX_LENGTH = 1000, MAX_DEPTH = 50, MAX_REPEATS = 1000;
const isWord: Test = c => c === 95 || (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
const isDigit: Test = c => c >= 48 && c <= 57, isSpace: Test = c => c === 32 || (c >= 9 && c <= 13);
const not = (test: Test): Test => c => !test(c);
const NAMED: Record<string, Test> = {
  alpha: c => isWord(c) && !isDigit(c) && c !== 95, digit: isDigit, alnum: c => isWord(c) && c !== 95, lower: c => c >= 97 && c <= 122,
  upper: c => c >= 65 && c <= 90, space: isSpace, xdigit: c => isDigit(c) || (c >= 65 && c <= 70) || (c >= 97 && c <= 102),
  punct: c => c > 32 && c < 127 && (!isWord(c) || c === 95),
};
const other = (c: number) => c >= 65 && c <= 90 ? c + 32 : c >= 97 && c <= 122 ? c - 32 : c;
const EDGES = { '^': 'begin', $: 'end' } as const;

class Compiler {
  states: State[] = [];
  private at = 0;
  private depth = 0;
  private readonly text: string[];
  private readonly fold: boolean;

  constructor(pattern: string) {
    if (pattern.length > MAX_LENGTH) throw new Error(`a regular expression has at most ${MAX_LENGTH} characters`);
    this.fold = pattern.startsWith('(?i)');
    this.text = [...pattern];
    if (this.fold) this.at = 4;
  }

  compile(): number {
    const start = this.either(this.add('found'));
    if (this.at < this.text.length) this.fail('no group is open here');
    return start;
  }

  private fail(what: string): never { throw new Error(`regular expression: column ${this.at + 1}: ${what}`); }
  private peek(ahead = 0) { return this.text[this.at + ahead]; }
  private add(kind: State['kind'], next = -1, test?: Test, more = -1): number {
    if (this.states.length >= MAX_STATES) throw new Error('the regular expression makes too many states');
    return this.states.push({ kind, next, other: more, test }) - 1;
  }

  private either(next: number): number {
    let first = this.row(next);
    while (this.peek() === '|') { ++this.at; first = this.add('split', first, undefined, this.row(next)); }
    return first;
  }

  // Pieces are written from the last to the first, for each is told what follows it: their places are found first.
  private row(next: number): number {
    const begins: number[] = [];
    while (this.at < this.text.length && this.peek() !== '|' && this.peek() !== ')') {
      begins.push(this.at);
      this.pass();
      this.repeats();
    }
    const end = this.at;
    for (const begin of begins.reverse()) { this.at = begin; next = this.repeated(next); }
    this.at = end;
    return next;
  }

  /** Goes behind one piece without looking into it, so that groups in groups are not read time and again. */
  private pass() {
    let open = 0;
    do {
      const c = this.peek();
      if (c === undefined) this.fail('a group is not closed');
      if (c === '(') ++open;
      if (c === ')') --open;
      if (c === '[') { this.class(); continue; }
      if (!open && ('*+?'.includes(c) || this.braces())) this.fail('nothing stands ahead that could be repeated');
      if (c === '\\' && this.peek(1) === undefined) this.fail('nothing stands behind this backslash');
      this.at += c === '\\' ? (this.peek(1) === 'x' ? 4 : 2) : 1;
    } while (open > 0);
  }

  /** One piece with its repeats. */
  private repeated(next: number): number {
    const begin = this.at;
    this.pass();
    const [least, most] = this.repeats(), end = this.at;
    const copy = (to: number) => { this.at = begin; return this.piece(to); };
    let start = next;
    if (most === Infinity) {
      start = this.add('split', next);
      const loop = start, body = copy(loop);
      this.states[loop].other = body;
    } else for (let i = least; i < most; ++i) start = this.add('split', next, undefined, copy(start));
    for (let i = 0; i < least; ++i) {
      const before = this.states.length;
      start = copy(start);
      if (this.states.length === before) break;  // of nothing no number of copies is more
    }
    this.at = end;
    return start;
  }

  private repeats(): [number, number] {
    let counts: [number, number] = [1, 1];
    const braces = this.braces();
    if (this.peek() === '*') counts = [0, Infinity];
    else if (this.peek() === '+') counts = [1, Infinity];
    else if (this.peek() === '?') counts = [0, 1];
    else if (braces) counts = [braces[0], braces[1]];
    else return counts;
    if (counts[1] < counts[0] || counts[0] > MAX_REPEATS || (counts[1] !== Infinity && counts[1] > MAX_REPEATS)) this.fail('no such number of repeats');
    this.at += braces ? braces[2] : 1;
    if (this.peek() === '?') ++this.at;
    if ('*+?'.includes(this.peek() ?? ' ') || this.braces()) this.fail('repeats of repeats need a group');
    return counts;
  }

  private braces(): [number, number, number] | null {
    const found = /^\{(\d+)(,(\d*))?\}/.exec(this.text.slice(this.at, this.at + 17).join(''));
    return found ? [Number(found[1]), !found[2] ? Number(found[1]) : found[3] ? Number(found[3]) : Infinity, found[0].length] : null;
  }

  private piece(next: number): number {
    const c = this.peek();
    if (c === '(') return this.group(next);
    if (c === '^' || c === '$') { ++this.at; return this.add(EDGES[c], next); }
    if (c === '\\' && (this.peek(1) === 'b' || this.peek(1) === 'B')) { this.at += 2; return this.add(this.text[this.at - 1] === 'b' ? 'word' : 'inner', next); }
    if (c === '[') return this.add('char', next, this.class());
    if (c === '.') { ++this.at; return this.add('char', next, () => true); }
    return this.add('char', next, this.folded(this.one()));
  }

  private group(next: number): number {
    if (this.peek(1) === '?' && this.peek(2) !== ':') this.fail('of groups with ? there is (?:...) only, and (?i) at the very beginning');
    if (++this.depth > MAX_DEPTH) this.fail('groups are nested too deep');
    this.at += this.peek(1) === '?' ? 3 : 1;
    const start = this.either(next);
    if (this.peek() !== ')') this.fail('a group is not closed');
    ++this.at;
    --this.depth;
    return start;
  }

  private folded(test: Test): Test { return this.fold ? c => test(c) || test(other(c)) : test; }

  /** A character, or what a backslash says. */
  private one(): Test & { code?: number } {
    const c = this.peek();
    ++this.at;
    const exactly = (code: number) => Object.assign(((d: number) => d === code) as Test, { code });
    if (c !== '\\') return exactly(c.codePointAt(0)!);
    const e = this.peek();
    if (e === undefined) this.fail('nothing stands behind this backslash');
    ++this.at;
    const classes: Record<string, Test> = { d: isDigit, D: not(isDigit), w: isWord, W: not(isWord), s: isSpace, S: not(isSpace) };
    if (Object.hasOwn(classes, e)) return classes[e];
    const plain: Record<string, number> = { n: 10, t: 9, r: 13 };
    if (Object.hasOwn(plain, e)) return exactly(plain[e]);
    if (e === 'x') {
      const hex = this.text.slice(this.at, this.at + 2).join('');
      if (!/^[0-9a-f]{2}$/i.test(hex)) this.fail('\\x stands ahead of two hexadecimal digits');
      this.at += 2;
      return exactly(parseInt(hex, 16));
    }
    if (/[0-9a-z]/i.test(e)) this.fail('there is no such character behind a backslash');
    return exactly(e.codePointAt(0)!);
  }

  private class(): Test {
    const tests: Test[] = [], turned = this.peek(1) === '^';
    this.at += turned ? 2 : 1;
    for (let first = true; first || this.peek() !== ']'; first = false) {
      if (this.at >= this.text.length) this.fail('a bracket is not closed');
      if (this.peek() === '[' && this.peek(1) === ':') {
        const name = /^\[:(\w+):\]/.exec(this.text.slice(this.at, this.at + 12).join(''));
        if (!name || !Object.hasOwn(NAMED, name[1])) this.fail('there is no such class');
        tests.push(NAMED[name[1]]);
        this.at += name[0].length;
        continue;
      }
      const from = this.one();
      if (this.peek() !== '-' || this.peek(1) === ']' || this.peek(1) === undefined) { tests.push(from); continue; }
      ++this.at;
      const to = this.one();
      if (from.code === undefined || to.code === undefined || from.code > to.code) this.fail('this is no range');
      const lo = from.code, hi = to.code;
      tests.push(c => c >= lo && c <= hi);
    }
    ++this.at;
    const any = this.folded(c => tests.some(test => test(c)));
    return turned ? not(any) : any;
  }
}

/** Whether the pattern fits some part of a text. Throws for what is no pattern. */
export function regexSearch(pattern: string): (text: string) => boolean {
  const compiler = new Compiler(pattern), start = compiler.compile(), { states } = compiler, mark = new Int32Array(states.length).fill(-1);
  let stamp = -1;
  return text => {
    let next: number[] = [], now: number[] = [], wasWord = false;
    const characters = Array.from(text, c => c.codePointAt(0)!);
    for (let i = 0; i <= characters.length; ++i) {
      const end = i === characters.length, word = !end && isWord(characters[i]), edge = word !== wasWord;
      now = [];
      ++stamp;
      for (const stack = [start, ...next.reverse()]; stack.length;) {
        const s = stack.pop()!;
        if (mark[s] === stamp) continue;
        mark[s] = stamp;
        const { kind, next: on, other: more } = states[s];
        if (kind === 'found') return true;
        if (kind === 'char') now.push(s);
        else if (kind === 'split') stack.push(on, more);
        else if (kind === 'begin' ? i === 0 : kind === 'end' ? end : kind === 'word' ? edge : !edge) stack.push(on);
      }
      next = end ? [] : now.filter(s => states[s].test!(characters[i])).map(s => states[s].next);
      wasWord = word;
    }
    return false;
  };
}
