// Which box is where.
import type { Scene, View } from './scene.ts';
import type { Item } from './tree.ts';

/** A closed box, the space of an open one, or its title. */
export interface Hit { item: Item; part: 'box' | 'frame' | 'header' }

/** What is at a place of the scene. */
export function hitAt(scene: Scene, x: number, y: number): Hit | null {
  const walk = (view: View, ox: number, oy: number): Hit | null => {
    const r = view.result, lx = x - ox - view.left, ly = y - oy - view.top;
    for (let l = 0; l < r.layerTop.length; ++l) {
      if (ly < r.layerTop[l] || ly > r.layerBottom[l]) continue;
      for (let k = r.layerStart[l]; k < r.layerStart[l + 1]; ++k) {
        const i = r.order[k];
        if (i >= view.portBase || Math.abs(lx - r.x[i]) > view.w[i] / 2 || ly < r.y[i] || ly > r.y[i] + view.h[i]) continue;
        const item = view.boxes[i], inner = scene.view(item);
        if (!inner) return { item, part: 'box' };
        const bx = ox + view.left + r.x[i] - view.w[i] / 2, by = oy + view.top + r.y[i];
        return walk(inner, bx, by) ?? { item, part: y - by < 28 && x - bx < 60 + item.label.length * 8 ? 'header' : 'frame' };
      }
    }
    return null;
  };
  return walk(scene.root, 0, 0);
}
