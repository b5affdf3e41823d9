// The whole graph in a corner: what is in sight, where the search and the trace have found something.
import type { App } from './app.ts';
import type { Pen } from './draw.ts';
import type { Item } from './tree.ts';

const WIDTH = 168, HEIGHT = 210, NARROWEST = 44;

export class MiniMap {
  private readonly pen: CanvasRenderingContext2D;
  private picture: HTMLCanvasElement | null = null;
  private scaleX = 1;
  private scaleY = 1;
  private pending = 0;

  constructor(private canvas: HTMLCanvasElement, private app: App) {
    this.pen = canvas.getContext('2d')!;
    const move = (e: PointerEvent) => {
      const { camera, view } = app;
      camera.x = e.offsetX / this.scaleX - view.w / 2 / camera.zoom;
      camera.y = e.offsetY / this.scaleY - view.h / 2 / camera.zoom;
      app.draw();
    };
    canvas.addEventListener('pointerdown', e => { canvas.setPointerCapture(e.pointerId); move(e); });
    canvas.addEventListener('pointermove', e => { if (e.buttons) move(e); });
  }

  /** The picture is made again, when there is time for it. */
  invalidate() {
    clearTimeout(this.pending);
    this.pending = window.setTimeout(() => { this.render(); this.draw(); }, 30);
  }

  private render() {
    const { app } = this, { w, h } = app.bounds, ratio = devicePixelRatio || 1;
    const scale = Math.min(WIDTH / w, HEIGHT / h, 0.25);
    // A long chain would be a thread: it is drawn wider than it is, a wide graph higher.
    this.scaleX = Math.max(scale, Math.min(NARROWEST / w, 0.25));
    this.scaleY = Math.max(scale, Math.min(NARROWEST / h, 0.25));
    const width = Math.max(24, Math.ceil(w * this.scaleX)), height = Math.max(24, Math.ceil(h * this.scaleY));
    this.canvas.width = width * ratio; this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`; this.canvas.style.height = `${height}px`;
    const picture = this.picture = document.createElement('canvas');
    picture.width = this.canvas.width; picture.height = this.canvas.height;
    const pen = picture.getContext('2d')!;
    pen.setTransform(this.scaleX * ratio, 0, 0, this.scaleY * ratio, 0, 0);
    app.paintMap(pen as Pen, Math.min(0.09, this.scaleY));
    pen.fillStyle = app.theme.match;
    const mark = (item: Item) => {
      const r = app.scene.rect(item), dx = 3 / this.scaleX, dy = 3 / this.scaleY;
      pen.fillRect(r.x + r.w / 2 - dx / 2, r.y + Math.min(r.h, 60) / 2 - dy / 2, dx, dy);
    };
    let left = 2000;
    for (const item of app.marks) if (--left > 0) mark(item);
  }

  draw() {
    const { app, pen, canvas } = this;
    if (!this.picture) { this.invalidate(); return; }
    const ratio = devicePixelRatio || 1, { camera, view } = app, zx = this.scaleX * ratio, zy = this.scaleY * ratio;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(this.picture, 0, 0);
    pen.strokeStyle = app.theme.accent;
    pen.lineWidth = 1.5 * ratio;
    const { w, h } = app.bounds, edge = ratio;
    const x0 = Math.max(edge, camera.x * zx), y0 = Math.max(edge, camera.y * zy);
    const x1 = Math.min(canvas.width - edge, (camera.x + view.w / camera.zoom) * zx), y1 = Math.min(canvas.height - edge, (camera.y + view.h / camera.zoom) * zy);
    if (x1 > x0 && y1 > y0) {
      pen.fillStyle = app.theme.accent;
      pen.globalAlpha = 0.1;
      pen.fillRect(x0, y0, x1 - x0, y1 - y0);
      pen.globalAlpha = 1;
      pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
    canvas.hidden = view.w / camera.zoom >= w && view.h / camera.zoom >= h;
  }
}
