// How much room V8 gives itself. Its own choice is for speed alone: it lets garbage lie for tens of MiB.

import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the room for new objects about as large as it is now. What an export or a load makes is soon of no use, yet V8
 * lets that room grow to some 100 MiB in a long one, and buffers that only dead objects there hold on to come on top.
 */
export function keepYoungSpaceSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}

/**
 * Collects old garbage when the heap has grown by a third, not when it has doubled. For work by many small answers, whose
 * buffers outlive the room for new objects: a sixth more time for a fifth less memory (bench/README.md).
 */
export function collectEarly(): void {
  setFlagsFromString('--heap-growing-percent=30');
}
