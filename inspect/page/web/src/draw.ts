// Draws a scene on a canvas, or on what has the same few methods (svg.ts). Only what is in sight is drawn: groups out of sight are
// passed by, and in the others the layout itself tells which boxes and edges are in sight.
import { visibleBoxes, type Rect } from './cull.ts';
import { HEADER, type Scene, type View, type Link } from './scene.ts';
import type { Item } from './tree.ts';
import type { Theme } from './theme.ts';

export type Pen = Pick<CanvasRenderingContext2D,
  'beginPath' | 'moveTo' | 'lineTo' | 'bezierCurveTo' | 'quadraticCurveTo' | 'closePath' | 'roundRect' | 'rect' | 'fill' | 'stroke' |
  'fillText' | 'setLineDash' | 'fillRect' | 'measureText'> & {
  fillStyle: any; strokeStyle: any; lineWidth: number; font: string; textAlign: CanvasTextAlign; globalAlpha: number;
};

/** How boxes are to look; the page decides. */
export interface Look {
  theme: Theme;
  /** Fill, line and bar. */
  colours(item: Item): [string, string, string];
  title(item: Item): string;
  /** Beside the title, and below it. */
  aside(item: Item): string;
  detail(item: Item): string;
  badge(item: Item): string;
  /** Shares of a closed group's nodes by colour. */
  mix(item: Item): [string, number][];
  /** Of a box or frame: a line in this colour around it; null for none. */
  ring(item: Item): string | null;
  faded(item: Item): boolean;
  /** An edge's colour where it is lit. */
  link(view: View, link: Link): string | null;
  dashed(item: Item): boolean;
  hatched(item: Item): boolean;
  tracing: boolean;
  /** How much of what is faded is left. */
  fade: number;
}

/** Boxes on their way from one layout to the next. */
export interface Motion { part: number; from: Map<Item, Box> }
export interface Box { x: number; y: number; w: number; h: number }

const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
export const TITLE = `600 12.5px ${FONT}`;
const SMALL = `10.5px ${FONT}`, HEAD = `600 12px ${FONT}`;
const fits = new Map<string, string>();

/** `text` without its middle, where it is wider than `width`. */
function fit(pen: Pen, text: string, width: number, font: string): string {
  if (width < 8) return '';
  const key = `${font}|${Math.round(width)}|${text}`;
  let out = fits.get(key);
  if (out !== undefined) return out;
  if (fits.size > 20000) fits.clear();
  pen.font = font;
  out = text;
  if (text.length > 200) out = text = `${text.slice(0, 100)}…${text.slice(-99)}`;
  if (pen.measureText(text).width > width) {
    let lo = 0, hi = text.length;
    while (lo < hi) {
      const keep = (lo + hi + 1) >> 1, head = Math.ceil(keep * 0.55);
      out = `${text.slice(0, head)}…${text.slice(text.length - (keep - head))}`;
      if (pen.measureText(out).width <= width) lo = keep; else hi = keep - 1;
    }
    const head = Math.ceil(lo * 0.55);
    out = lo < 2 ? '' : `${text.slice(0, head)}…${lo - head ? text.slice(text.length - (lo - head)) : ''}`;
  }
  fits.set(key, out);
  return out;
}

export class Painter {
  /** How many boxes the last picture had. */
  drawn = 0;
  constructor(private pen: Pen, private scene: Scene, private look: Look, private zoom: number, private motion: Motion | null = null) {}

  paint(rect: Rect) {
    this.drawn = 0;
    this.group(this.scene.root, 0, 0, 0, rect);
  }

  private placed(item: Item, box: Box): Box {
    if (!this.motion) return box;
    let from = this.motion.from.get(item);
    for (let at = item.parent; !from && at; at = at.parent) {
      const outer = this.motion.from.get(at);
      if (outer) from = { x: outer.x + outer.w * 0.3, y: outer.y + outer.h * 0.3, w: outer.w * 0.4, h: outer.h * 0.4 };
    }
    if (!from) return box;
    const t = this.motion.part;
    return { x: from.x + (box.x - from.x) * t, y: from.y + (box.y - from.y) * t, w: from.w + (box.w - from.w) * t, h: from.h + (box.h - from.h) * t };
  }

  private group(view: View, x: number, y: number, depth: number, rect: Rect) {
    const ox = x + view.left, oy = y + view.top, { result } = view;
    const local: Rect = { x0: rect.x0 - ox, y0: rect.y0 - oy, x1: rect.x1 - ox, y1: rect.y1 - oy };
    const boxes: number[] = [];
    visibleBoxes(result, view.w, this.motion ? { x0: -Infinity, y0: -Infinity, x1: Infinity, y1: Infinity } : local, box => { if (box < view.portBase) boxes.push(box); });
    const frames: [View, Box][] = [], closed: [Item, Box][] = [];
    for (const i of boxes) {
      const item = view.boxes[i], inner = this.scene.view(item);
      const box = { x: ox + result.x[i] - view.w[i] / 2, y: oy + result.y[i], w: view.w[i], h: view.h[i] };
      if (inner) frames.push([inner, box]); else closed.push([item, box]);
    }
    for (const [inner, box] of frames) this.frame(inner.item, this.placed(inner.item, box), depth + 1);
    if (this.zoom >= 0.1) this.links(view, ox, oy, local);
    for (const [inner, box] of frames) {
      this.group(inner, box.x, box.y, depth + 1, rect);
      if (this.zoom >= 0.1) this.header(inner.item, this.placed(inner.item, box));
    }
    for (const [item, box] of closed) this.box(item, this.placed(item, box));
  }

  private links(view: View, ox: number, oy: number, rect: Rect) {
    const { pen, look } = this, lit: [number, string][] = [], plain: number[] = [];
    view.index.visible(rect, e => {
      const colour = look.link(view, view.links[e]);
      if (colour) lit.push([e, colour]); else plain.push(e);
    });
    const alpha = pen.globalAlpha;
    pen.globalAlpha = alpha * (this.motion ? this.motion.part * this.motion.part : 1) * (look.tracing ? look.fade : 1) * (this.zoom < 0.4 ? 0.6 : 1);
    pen.strokeStyle = look.theme.edge;
    pen.lineWidth = this.zoom < 0.4 ? 1 / this.zoom * 0.7 : 1.3;
    pen.beginPath();
    for (const e of plain) this.way(view, e, ox, oy);
    pen.stroke();
    if (this.zoom >= 0.4) this.heads(view, plain, ox, oy, look.theme.edge);
    pen.globalAlpha = alpha * (this.motion ? this.motion.part : 1);
    for (const [e, colour] of lit) {
      pen.strokeStyle = colour;
      pen.lineWidth = Math.max(2, 1.4 / this.zoom);
      pen.beginPath();
      this.way(view, e, ox, oy);
      pen.stroke();
      if (this.zoom >= 0.4) this.heads(view, [e], ox, oy, colour);
    }
    pen.globalAlpha = alpha;
  }

  /** The way of an edge: curves between layers, straight through them; on rails, round corners. */
  private way(view: View, e: number, ox: number, oy: number) {
    const { pen } = this, { points, routeStart, onRail } = view.result;
    let p = routeStart[e];
    const end = routeStart[e + 1], px = (i: number) => ox + points[2 * i], py = (i: number) => oy + points[2 * i + 1];
    // Ports reach up to the frame, and down to it.
    if (view.links[e].src >= view.portBase) { pen.moveTo(px(p), oy + view.result.y[view.links[e].src]); pen.lineTo(px(p), py(p)); }
    else pen.moveTo(px(p), py(p));
    if (onRail[e]) {
      for (++p; p < end - 1; ++p) corner(pen, px(p - 1), py(p - 1), px(p), py(p), px(p + 1), py(p + 1), 9);
      pen.lineTo(px(end - 1), py(end - 1));
    } else {
      for (++p; p < end; ++p) {
        const x0 = px(p - 1), y0 = py(p - 1), x1 = px(p), y1 = py(p);
        if (Math.abs(x0 - x1) < 0.6) pen.lineTo(x1, y1);
        else { const m = (y0 + y1) / 2; pen.bezierCurveTo(x0, m, x1, m, x1, y1); }
      }
    }
    if (view.links[e].dst >= view.portBase) pen.lineTo(px(end - 1), py(end - 1) + view.h[view.links[e].dst]);
  }

  private heads(view: View, edges: number[], ox: number, oy: number, colour: string) {
    const { pen } = this, { points, routeStart } = view.result;
    pen.fillStyle = colour;
    pen.beginPath();
    for (const e of edges) {
      const dst = view.links[e].dst;
      if (dst >= view.portBase || view.boxes[dst].expanded) continue;
      const x = ox + points[2 * routeStart[e + 1] - 2], y = oy + points[2 * routeStart[e + 1] - 1];
      pen.moveTo(x, y);
      pen.lineTo(x - 3.4, y - 6.5);
      pen.lineTo(x + 3.4, y - 6.5);
      pen.closePath();
    }
    pen.fill();
  }

  private frame(item: Item, box: Box, depth: number) {
    const { pen, look } = this;
    ++this.drawn;
    pen.beginPath();
    pen.roundRect(box.x, box.y, box.w, box.h, 10);
    pen.fillStyle = look.theme.frame(depth);
    pen.fill();
    const ring = look.ring(item);
    pen.strokeStyle = ring ?? look.theme.frameLine;
    pen.lineWidth = ring ? Math.max(2, 1.5 / this.zoom) : 1;
    pen.stroke();
  }

  private header(item: Item, box: Box) {
    if (this.zoom < 0.4) return;
    const { pen, look } = this, { theme } = look;
    // A run says how often in its title.
    const badge = item.kind === 'run' ? '' : look.badge(item);
    const text = fit(pen, badge ? `${look.title(item)}  ${badge}` : look.title(item), box.w - 60, HEAD);
    pen.font = HEAD;
    const width = pen.measureText(text).width;
    pen.beginPath();
    pen.roundRect(box.x + 8, box.y + 5, width + 28, HEADER - 8, 6);
    pen.fillStyle = theme.paper;
    pen.globalAlpha *= 0.85;
    pen.fill();
    pen.globalAlpha /= 0.85;
    this.sign(box.x + 18, box.y + 15, false);
    pen.fillStyle = theme.ink;
    pen.textAlign = 'left';
    pen.fillText(text, box.x + 28, box.y + 19.5);
  }

  /** A plus, or a minus. */
  private sign(x: number, y: number, plus: boolean) {
    const { pen, look } = this;
    pen.strokeStyle = look.theme.muted;
    pen.lineWidth = 1.4;
    pen.beginPath();
    pen.moveTo(x - 4, y); pen.lineTo(x + 4, y);
    if (plus) { pen.moveTo(x, y - 4); pen.lineTo(x, y + 4); }
    pen.stroke();
  }

  private box(item: Item, box: Box) {
    const { pen, look } = this, { theme } = look, group = item.kind === 'group' || item.kind === 'run' || item.kind === 'body';
    ++this.drawn;
    const alpha = pen.globalAlpha;
    if (look.faded(item)) pen.globalAlpha = alpha * look.fade;
    const [fill, line, bar] = look.colours(item), ring = look.ring(item);
    if (this.zoom < 0.1) {
      pen.fillStyle = ring ?? bar;
      pen.fillRect(box.x, box.y, box.w, Math.max(box.h, 0.8 / this.zoom));
      pen.globalAlpha = alpha;
      return;
    }
    const radius = item.kind === 'input' || item.kind === 'output' ? box.h / 2 : 7;
    if (item.kind === 'run') for (const d of [8, 4]) {
      pen.beginPath();
      pen.roundRect(box.x + d, box.y + d, box.w - (d === 8 ? 8 : 4), box.h - 4, radius);
      pen.fillStyle = theme.box; pen.fill();
      pen.strokeStyle = line; pen.lineWidth = 1; pen.stroke();
    }
    const w = item.kind === 'run' ? box.w - 8 : box.w, h = item.kind === 'run' ? box.h - 6 : box.h;
    pen.beginPath();
    pen.roundRect(box.x, box.y, w, h, radius);
    // From afar a pale tint is none: the box takes the colour of its bar.
    const far = this.zoom < 0.4 && item.kind === 'node';
    pen.fillStyle = far ? bar : fill;
    if (far) pen.globalAlpha *= Math.min(0.85, 0.2 / this.zoom);
    pen.fill();
    // And a group the colours of what is in it.
    if (group && this.zoom < 0.4 && fill === theme.box) {
      let at = box.x;
      pen.globalAlpha *= 0.6;
      for (const [colour, part] of look.mix(item)) {
        pen.fillStyle = colour;
        pen.fillRect(at, box.y, part * w, h);
        at += part * w;
      }
    }
    pen.globalAlpha = look.faded(item) ? alpha * look.fade : alpha;
    if (look.hatched(item)) this.hatch(box);
    if (look.dashed(item)) pen.setLineDash([5, 4]);
    pen.strokeStyle = ring ?? line;
    pen.lineWidth = ring ? Math.max(2, 1.6 / this.zoom) : 1;
    pen.beginPath();
    pen.roundRect(box.x, box.y, w, h, radius);
    pen.stroke();
    pen.setLineDash([]);
    if (item.kind === 'node') {
      pen.beginPath();
      pen.roundRect(box.x + 4, box.y + 6, 3, h - 12, 1.5);
      pen.fillStyle = bar;
      pen.fill();
    }
    if (this.zoom >= 0.4) this.text(item, box.x, box.y, w, h, group);
    pen.globalAlpha = alpha;
  }

  private text(item: Item, x: number, y: number, w: number, h: number, group: boolean) {
    const { pen, look } = this, { theme } = look;
    const io = item.kind === 'input' || item.kind === 'output', left = x + (io ? 16 : 14);
    let right = x + w - (io ? 14 : 10);
    if (item.isGroup) { this.sign(right - 4, y + 16, true); right -= 16; }
    const badge = look.badge(item);
    if (badge) {
      pen.font = SMALL;
      const width = pen.measureText(badge).width + 10;
      pen.beginPath();
      pen.roundRect(right - width, y + 8, width, 15, 7.5);
      pen.fillStyle = theme.dark ? '#ffffff1c' : '#0000000f';
      pen.fill();
      pen.fillStyle = theme.ink;
      pen.textAlign = 'left';
      pen.fillText(badge, right - width + 5, y + 19);
      right -= width + 6;
    }
    const title = fit(pen, look.title(item), right - left, TITLE);
    pen.font = TITLE;
    pen.fillStyle = theme.ink;
    pen.textAlign = 'left';
    pen.fillText(title, left, y + 18);
    const aside = look.aside(item);
    if (aside) {
      const room = right - left - pen.measureText(title).width - 10;
      const text = fit(pen, aside, room, SMALL);
      pen.font = SMALL;
      pen.fillStyle = theme.faint;
      pen.textAlign = 'right';
      pen.fillText(text, right, y + 18);
      pen.textAlign = 'left';
    }
    const detail = fit(pen, look.detail(item), x + w - 10 - left, SMALL);
    pen.font = SMALL;
    pen.fillStyle = theme.muted;
    pen.fillText(detail, left, y + 33);
    if (!group) return;
    let at = x + 14;
    for (const [colour, part] of look.mix(item)) {
      pen.fillStyle = colour;
      pen.fillRect(at, y + h - 9, Math.max(0.5, part * (w - 28)), 3);
      at += part * (w - 28);
    }
  }

  private hatch(box: Box) {
    const { pen, look } = this;
    pen.strokeStyle = look.theme.change.removed;
    pen.lineWidth = 1;
    const alpha = pen.globalAlpha;
    pen.globalAlpha = alpha * 0.25;
    pen.beginPath();
    for (let d = 8; d < box.w + box.h; d += 8) {
      const x0 = Math.min(d, box.w), y0 = d - x0, y1 = Math.min(d, box.h), x1 = d - y1;
      pen.moveTo(box.x + x0, box.y + y0);
      pen.lineTo(box.x + x1, box.y + y1);
    }
    pen.stroke();
    pen.globalAlpha = alpha;
  }
}

function corner(pen: Pen, x0: number, y0: number, x1: number, y1: number, x2: number, y2: number, radius: number) {
  const a = Math.hypot(x1 - x0, y1 - y0), b = Math.hypot(x2 - x1, y2 - y1), r = Math.min(radius, a / 2, b / 2);
  if (a < 0.5 || b < 0.5) { pen.lineTo(x1, y1); return; }
  pen.lineTo(x1 - (x1 - x0) / a * r, y1 - (y1 - y0) / a * r);
  pen.quadraticCurveTo(x1, y1, x1 + (x2 - x1) / b * r, y1 + (y2 - y1) / b * r);
}
