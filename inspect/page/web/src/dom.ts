// Elements. Text goes in as text: nothing of a file ever becomes HTML.
type Child = Node | string | null | undefined | false;
type Props = Record<string, string | number | boolean | ((e: any) => void) | undefined>;

export function el<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

export const byId = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;

/** `text` as a shell takes it. */
export const shellWord = (text: string) => /^[\w./:=,+%-]+$/.test(text) ? text : `'${text.replace(/'/g, `'\\''`)}'`;

export async function copy(text: string) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // From file:// some browsers have no clipboard.
    const area = el('textarea', { class: 'off' });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

export function download(name: string, type: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = el('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
