// A pen that writes SVG.
import type { Pen } from './draw.ts';

const escape = (text: string) => text.replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '\ufffd');
const n = (x: number) => String(Math.round(x * 10) / 10);

export class SvgPen {
  fillStyle: any = '#000'; strokeStyle: any = '#000'; lineWidth = 1; font = ''; textAlign: CanvasTextAlign = 'left'; globalAlpha = 1;
  private path: string[] = [];
  private out: string[] = [];
  private dash = '';
  constructor(private measurer: CanvasRenderingContext2D) {}

  beginPath() { this.path = []; }
  moveTo(x: number, y: number) { this.path.push(`M${n(x)} ${n(y)}`); }
  lineTo(x: number, y: number) { this.path.push(`L${n(x)} ${n(y)}`); }
  bezierCurveTo(a: number, b: number, c: number, d: number, x: number, y: number) { this.path.push(`C${n(a)} ${n(b)} ${n(c)} ${n(d)} ${n(x)} ${n(y)}`); }
  quadraticCurveTo(a: number, b: number, x: number, y: number) { this.path.push(`Q${n(a)} ${n(b)} ${n(x)} ${n(y)}`); }
  closePath() { this.path.push('Z'); }
  rect(x: number, y: number, w: number, h: number) { this.path.push(`M${n(x)} ${n(y)}h${n(w)}v${n(h)}h${n(-w)}Z`); }
  roundRect(x: number, y: number, w: number, h: number, radius: any) {
    const r = Math.min(Number(radius), w / 2, h / 2);
    this.path.push(`M${n(x + r)} ${n(y)}h${n(w - 2 * r)}a${n(r)} ${n(r)} 0 0 1 ${n(r)} ${n(r)}v${n(h - 2 * r)}a${n(r)} ${n(r)} 0 0 1 ${n(-r)} ${n(r)}` +
      `h${n(2 * r - w)}a${n(r)} ${n(r)} 0 0 1 ${n(-r)} ${n(-r)}v${n(2 * r - h)}a${n(r)} ${n(r)} 0 0 1 ${n(r)} ${n(-r)}Z`);
  }
  fill() { this.write(`fill="${escape(this.fillStyle)}"`); }
  stroke() { this.write(`fill="none" stroke="${escape(this.strokeStyle)}" stroke-width="${n(this.lineWidth)}"${this.dash}`); }
  fillRect(x: number, y: number, w: number, h: number) {
    this.out.push(`<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" fill="${escape(this.fillStyle)}"${this.alpha()}/>`);
  }
  fillText(text: string, x: number, y: number) {
    const anchor = this.textAlign === 'right' ? ' text-anchor="end"' : '';
    this.out.push(`<text x="${n(x)}" y="${n(y)}" ${this.fontAttributes()} fill="${escape(this.fillStyle)}"${anchor}${this.alpha()}>${escape(text)}</text>`);
  }
  /** "600 12px a, b" as attributes: a style attribute is what content security policies refuse. */
  private fontAttributes() {
    const parts = /^(?:(\d+) )?([\d.]+)px (.*)$/.exec(this.font);
    return parts ? `font-size="${parts[2]}" font-family="${escape(parts[3])}"${parts[1] ? ` font-weight="${parts[1]}"` : ''}` : '';
  }
  measureText(text: string) { this.measurer.font = this.font; return this.measurer.measureText(text); }
  setLineDash(dash: number[]) { this.dash = dash.length ? ` stroke-dasharray="${dash.join(' ')}"` : ''; }
  private alpha() { return this.globalAlpha < 1 ? ` opacity="${Math.round(this.globalAlpha * 100) / 100}"` : ''; }
  private write(how: string) { if (this.path.length) this.out.push(`<path d="${this.path.join('')}" ${how}${this.alpha()}/>`); }

  toString(x: number, y: number, w: number, h: number, paper: string, title: string) {
    return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${n(x)} ${n(y)} ${n(w)} ${n(h)}" width="${n(w)}" height="${n(h)}"><title>${escape(title)}</title>` +
      `<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" fill="${paper}"/>${this.out.join('')}</svg>`;
  }
}
export const asPen = (pen: SvgPen): Pen => pen as unknown as Pen;
