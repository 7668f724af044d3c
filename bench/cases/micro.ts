// The parts of the hot path by themselves.

import type { BenchCase } from '../case.ts';
import { compressSpeeds, decodeSpeed, encodeSpeed, hashSpeed } from '../micro.ts';

export const micro: BenchCase = {
  name: 'micro',
  about: 'decode, encode (beside pyarrow), compress and hash, on one core',
  async run(bench) {
    const { rounds } = bench;
    const python = await bench.python('neptune3');
    bench.tellSpeed(await decodeSpeed(rounds));
    for (const kind of ['noisy', 'repeating'] as const) {
      for (const speed of await encodeSpeed(bench.path(kind), kind, rounds, python)) bench.tellSpeed(speed);
    }
    for (const speed of await compressSpeeds(rounds)) bench.tellSpeed(speed);
    bench.tellSpeed(await hashSpeed(rounds));
  },
};
