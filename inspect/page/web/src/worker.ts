// Lays out what is large, off the page's thread.
import { layout, type LayoutInput } from './layout.ts';

self.onmessage = (message: MessageEvent<LayoutInput>) => {
  const result = layout(message.data);
  // Given away, not copied.
  const buffers = Object.values(result ?? {}).flatMap(column => ArrayBuffer.isView(column) ? [column.buffer] : []);
  self.postMessage(result, { transfer: buffers as ArrayBuffer[] });
};
