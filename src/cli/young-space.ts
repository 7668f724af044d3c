// The room that V8 gives to new objects.

import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the room for new objects about as large as it is now. What an export or a load makes is soon of no use, yet V8
 * lets that room grow to some 100 MiB in a long one, and buffers that only dead objects there hold on to come on top.
 */
export function keepYoungSpaceSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
