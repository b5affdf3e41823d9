// The whole graph in a corner: what is in sight, where the search and the trace have found something.
import type { App } from './app.ts';
import type { Pen } from './draw.ts';
import type { Item } from './tree.ts';

const WIDTH = 168, HEIGHT = 210;

export class MiniMap {
  private readonly pen: CanvasRenderingContext2D;
  private picture: HTMLCanvasElement | null = null;
  private scale = 1;
  private pending = 0;

  constructor(private canvas: HTMLCanvasElement, private app: App) {
    this.pen = canvas.getContext('2d')!;
    const move = (e: PointerEvent) => {
      const { camera, view } = app;
      camera.x = e.offsetX / this.scale - view.w / 2 / camera.zoom;
      camera.y = e.offsetY / this.scale - view.h / 2 / camera.zoom;
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
    this.scale = Math.min(WIDTH / w, HEIGHT / h, 0.25);
    const width = Math.max(24, Math.ceil(w * this.scale)), height = Math.max(24, Math.ceil(h * this.scale));
    this.canvas.width = width * ratio; this.canvas.height = height * ratio;
    this.canvas.style.width = `${width}px`; this.canvas.style.height = `${height}px`;
    const picture = this.picture = document.createElement('canvas');
    picture.width = this.canvas.width; picture.height = this.canvas.height;
    const pen = picture.getContext('2d')!, z = this.scale * ratio;
    pen.setTransform(z, 0, 0, z, 0, 0);
    app.paintMap(pen as Pen, Math.min(0.09, this.scale));
    pen.fillStyle = app.theme.match;
    const mark = (item: Item) => {
      const r = app.scene.rect(item), size = Math.max(3 / this.scale, 1);
      pen.fillRect(r.x + r.w / 2 - size / 2, r.y + Math.min(r.h, 60) / 2 - size / 2, size, size);
    };
    let left = 2000;
    for (const item of app.marks) if (--left > 0) mark(item);
  }

  draw() {
    const { app, pen, canvas } = this;
    if (!this.picture) { this.invalidate(); return; }
    const ratio = devicePixelRatio || 1, { camera, view } = app, z = this.scale * ratio;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(this.picture, 0, 0);
    pen.strokeStyle = app.theme.accent;
    pen.lineWidth = 1.5 * ratio;
    const { w, h } = app.bounds, edge = ratio;
    const x0 = Math.max(edge, camera.x * z), y0 = Math.max(edge, camera.y * z);
    const x1 = Math.min(canvas.width - edge, (camera.x + view.w / camera.zoom) * z), y1 = Math.min(canvas.height - edge, (camera.y + view.h / camera.zoom) * z);
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
