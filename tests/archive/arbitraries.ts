// Runs of any content, for property-based tests.

import fc from 'fast-check';

import type { Batch, FileBatch, ScalarBatch, ScalarRow, SeriesBatch } from '../../src/model/batches.ts';

const INT64_LEAST = -(2n ** 63n);
const INT64_GREATEST = 2n ** 63n - 1n;
/** Milliseconds that every reader can put in a time of its own. */
const LATEST = 8_640_000_000_000_000n;
const STEP_LIMIT = 10n ** 18n - 1n;

/** Text without lone surrogates, which UTF-8 can't hold. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom('', 'a', 'metrics/loss', '\u0000', '𝔘𝔫𝔦', 'x'.repeat(3000)),
);
const path = fc.oneof(fc.constantFrom('sys/name', 'a/b', 'a_b', 'é', 'sys/'), text);
const double = fc.oneof(
  fc.double(),
  fc.constantFrom(NaN, -0, 0, Infinity, -Infinity, 5e-324, 1.7976931348623157e308, 0.1),
);
const int64 = fc.oneof(
  fc.bigInt({ min: INT64_LEAST, max: INT64_GREATEST }),
  fc.constantFrom(INT64_LEAST, INT64_GREATEST, 0n, 2n ** 53n + 1n),
);
const time = fc.oneof(
  fc.bigInt({ min: -LATEST, max: LATEST }),
  fc.bigInt({ min: 1_700_000_000_000n, max: 1_700_000_100_000n }),
);
const step = fc.oneof(
  fc.bigInt({ min: 0n, max: 10_000n }).map((whole) => whole * 1_000_000n),
  fc.bigInt({ min: -STEP_LIMIT, max: STEP_LIMIT }),
  fc.constantFrom(STEP_LIMIT, -STEP_LIMIT, 1n, 2n ** 53n + 1n),
);
const doubles = fc.array(double, { maxLength: 6 }).map((values) => Float64Array.from(values));
const histogram = fc.record({ type: fc.option(text), edges: doubles, values: doubles });

function scalar<Type extends ScalarRow['type']>(type: Type, value: fc.Arbitrary<unknown>): fc.Arbitrary<ScalarRow> {
  return fc.record({ path, type: fc.constant(type), value: fc.option(value, { freq: 8 }) }) as fc.Arbitrary<ScalarRow>;
}

const scalars: fc.Arbitrary<ScalarBatch> = fc
  .array(
    fc.oneof(
      scalar('float', double),
      scalar('int', int64),
      scalar('string', text),
      scalar('bool', fc.boolean()),
      scalar('datetime', time),
      scalar('string_set', fc.array(text, { maxLength: 4 })),
    ),
    { maxLength: 30 },
  )
  .map((rows) => ({ kind: 'scalars', rows }));

const files: fc.Arbitrary<FileBatch> = fc
  .array(fc.record({ path, type: fc.constantFrom('file', 'file_set', 'artifact'), file: fc.option(text) }), {
    maxLength: 8,
  })
  .map((rows) => ({ kind: 'files', rows }));

/** Validity of some entries; now and then all are there, which needs no column. */
function validity(length: number): fc.Arbitrary<Uint8Array | undefined> {
  const flags = fc.array(fc.constantFrom(1, 1, 1, 0), { minLength: length, maxLength: length });
  return fc.option(
    flags.map((entries) => Uint8Array.from(entries)),
    { nil: undefined, freq: 1 },
  );
}

function column<T>(entry: fc.Arbitrary<T>, length: number): fc.Arbitrary<T[]> {
  return fc.oneof(
    fc.array(entry, { minLength: length, maxLength: length }),
    entry.map((value) => new Array<T>(length).fill(value)),
  );
}

const lengths = fc.oneof({ weight: 4, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(700) });

const series: fc.Arbitrary<SeriesBatch> = lengths.chain((length) =>
  fc
    .record({
      path,
      steps: column(step, length).map((entries) => BigInt64Array.from(entries)),
      timestamps: column(time, length).map((entries) => BigInt64Array.from(entries)),
      stepValid: validity(length),
      timestampValid: validity(length),
      values: fc.oneof(
        fc.record({
          kind: fc.constant('float_series' as const),
          values: column(double, length).map((entries) => Float64Array.from(entries)),
          valueValid: validity(length),
        }),
        fc.record({
          kind: fc.constantFrom('string_series' as const, 'file_series' as const),
          values: column(fc.option(text, { freq: 6 }), length),
        }),
        fc.record({
          kind: fc.constant('histogram_series' as const),
          values: column(fc.option(histogram, { freq: 6 }), length),
        }),
      ),
    })
    .map(({ values, stepValid, timestampValid, ...rest }) => {
      const { valueValid, ...content } = { valueValid: undefined, ...values };
      return {
        ...rest,
        ...content,
        length,
        ...(stepValid ? { stepValid } : {}),
        ...(timestampValid ? { timestampValid } : {}),
        ...(valueValid ? { valueValid } : {}),
      } as SeriesBatch;
    }),
);

/** What a run may consist of. */
export const batches: fc.Arbitrary<Batch[]> = fc.array(fc.oneof(scalars, files, series), { maxLength: 6 });

/** Ids as users choose them, and worse. */
export const ids: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
  fc.constantFrom('RUN-1', 'a_part_0', '..', '.', '/', 'ws/project', 'x'.repeat(400), '日'.repeat(100), 'con'),
);
