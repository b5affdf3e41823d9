// Lays out what is large, off the page's thread.
import { layout, type LayoutInput } from './layout.ts';

self.onmessage = (message: MessageEvent<LayoutInput>) => self.postMessage(layout(message.data));
