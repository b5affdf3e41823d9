// Colours, light and dark. Ops are coloured by what kind of work they do, in the colours of
// `nomo graph` (inspect/picture/).
import { opShort } from './data.ts';

export interface Theme {
  dark: boolean;
  paper: string; ink: string; muted: string; faint: string; line: string; edge: string; frame: (depth: number) => string; frameLine: string;
  box: string; accent: string; ancestor: string; descendant: string; match: string;
  change: Record<string, string>;
}

export const LIGHT: Theme = {
  dark: false, paper: '#fbfbfa', ink: '#1c2024', muted: '#646b73', faint: '#a4abb3', line: '#d5d9de', edge: '#aab2bb',
  frame: d => d % 2 ? '#f3f4f6' : '#fcfcfd', frameLine: '#dadee3', box: '#ffffff',
  accent: '#1f6feb', ancestor: '#0a8f6c', descendant: '#c2570c', match: '#d6a400',
  change: { same: '#9aa2ab', renamed: '#3b7dd8', changed: '#c98a00', added: '#1f9d55', removed: '#d1383d', folded: '#8a63d2' },
};

export const DARK: Theme = {
  dark: true, paper: '#131619', ink: '#e6e9ec', muted: '#98a1ab', faint: '#5d6670', line: '#333a42', edge: '#56606b',
  frame: d => d % 2 ? '#1a1e22' : '#15181c', frameLine: '#2b3138', box: '#1e2328',
  accent: '#5aa2ff', ancestor: '#3ecf9f', descendant: '#ff9a4d', match: '#f2c94c',
  change: { same: '#6b747e', renamed: '#6aa8f7', changed: '#e3b341', added: '#3fb950', removed: '#f85149', folded: '#b392f0' },
};

/** Hue and share of colour of a kind of work. */
type Tint = [hue: number, saturation: number, name: string];
const KINDS: [RegExp, Tint][] = [
  [/lstm|gru|rnn|attention/i, [319, 55, 'sequences']],
  [/conv|gemm|matmul|dense|einsum|linear/i, [218, 72, 'products']],
  [/norm|lrn/i, [160, 55, 'normalisation']],
  [/pool/i, [264, 56, 'pooling']],
  [/relu|sigmoid|softmax|tanh|gelu|swish|silu|elu|erf|clip|mish|softplus|hard|softsign|celu/i, [20, 72, 'activations']],
  [/^core\.(if|loop|scan|call|while|map|cond)/i, [190, 62, 'control']],
  [/quant|cast|convert|random|image\.|signal\./i, [75, 44, 'conversion']],
  [/variable|assign|state/i, [20, 34, 'state']],
  [/^(math|logic|reduce)\.|reduce|argm|topk|cumsum/i, [46, 68, 'arithmetic']],
  [/^(array|core|shape)\./i, [217, 13, 'shapes and moves']],
];
const OTHER: Tint = [353, 60, 'other'];
const known = new Map<string, Tint>();

export function tintOf(op: string): Tint {
  let tint = known.get(op);
  if (!tint) {
    tint = KINDS.find(([test]) => test.test(test.source[0] === '^' ? op : opShort(op)))?.[1] ?? OTHER;
    known.set(op, tint);
  }
  return tint;
}

export const tintFill = (t: Tint, theme: Theme) => theme.dark ? `hsl(${t[0]} ${t[1] * 0.36}% 17%)` : `hsl(${t[0]} ${t[1]}% 97%)`;
export const tintLine = (t: Tint, theme: Theme) => theme.dark ? `hsl(${t[0]} ${t[1] * 0.4}% 32%)` : `hsl(${t[0]} ${t[1] * 0.55}% 82%)`;
export const tintBar = (t: Tint, theme: Theme) => theme.dark ? `hsl(${t[0]} ${t[1] * 0.75}% 62%)` : `hsl(${t[0]} ${t[1] * 0.8}% 56%)`;

/** From pale to deep for 0 to 1, in steps that the eye finds even: lightness falls in a line. */
export function scale(t: number, theme: Theme): string {
  t = Math.max(0, Math.min(1, t));
  return theme.dark ? `hsl(${52 - 40 * t} ${25 + 55 * t}% ${19 + 33 * t}%)` : `hsl(${50 - 34 * t} ${70 + 20 * t}% ${96 - 40 * t}%)`;
}

/** A colour for the i-th of some classes. */
export function classColour(i: number, theme: Theme): string {
  const hue = (i * 137.5 + 210) % 360;
  return theme.dark ? `hsl(${hue} 40% 32%)` : `hsl(${hue} 65% 86%)`;
}
