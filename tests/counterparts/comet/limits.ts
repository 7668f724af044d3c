// The limits of the service, each with where it is from, and the rules for names and texts.

import type { Whole } from './json.ts';
import { demand, SdkError } from './refusal.ts';

export interface Limits {
  /** Values of one metric that are read back; more are sampled down. @default 15,000, docs */
  metricValues: number;
  /** Different metrics of an experiment. @default 50,000, docs */
  metrics: number;
  /** Different parameters of an experiment. @default 50,000, docs */
  parameters: number;
  /** Assets of an experiment by type. @default images 100,000, text samples 500, videos 5,000, docs; others without end */
  assets: Partial<Record<string, number>>;
  /** Experiments of a project. @default 25,000, docs */
  experiments: number;
  /** Values of one batch. @default 1,000, the SDK's batches */
  batchValues: number;
  /** Characters of an asset's name, told in the create answer. @default null, none */
  assetNameLength: number | null;
  /** Characters of an image's name, told in the create answer. @default null, none */
  imageNameLength: number | null;
  /** MiB of an asset, told in the create answer. @default 102,400, the SDK's 100 GiB */
  assetMiB: number;
  /** MiB of an image, told in the create answer. @default 200, the SDK's */
  imageMiB: number;
  /** MiB of a video, told in the create answer. @default 200, the SDK's */
  videoMiB: number;
  /** Metric values of an online experiment in a minute. @default without end; SERVICE_RATES has the service's */
  valuesPerMinute: number;
  /** Parameters of an online experiment in a minute. @default without end */
  parametersPerMinute: number;
  /** Output lines of an online experiment in a minute. @default without end */
  outputLinesPerMinute: number;
  /** Everything else of an online experiment in a minute. @default without end */
  othersPerMinute: number;
  /** REST writes of the key in an hour. @default without end */
  restPerHour: number;
  /** How long a minute is, in seconds; an hour has 60 of them. @default 60 */
  minuteSeconds: number;
}

export const DEFAULT_LIMITS: Limits = {
  metricValues: 15_000,
  metrics: 50_000,
  parameters: 50_000,
  assets: { image: 100_000, 'text-sample': 500, video: 5_000 },
  experiments: 25_000,
  batchValues: 1_000,
  assetNameLength: null,
  imageNameLength: null,
  assetMiB: 100 * 1024,
  imageMiB: 200,
  videoMiB: 200,
  valuesPerMinute: Number.POSITIVE_INFINITY,
  parametersPerMinute: Number.POSITIVE_INFINITY,
  outputLinesPerMinute: Number.POSITIVE_INFINITY,
  othersPerMinute: Number.POSITIVE_INFINITY,
  restPerHour: Number.POSITIVE_INFINITY,
  minuteSeconds: 60,
};

/** The rate limits of the service, from its documentation. */
export const SERVICE_RATES = {
  valuesPerMinute: 12_000,
  parametersPerMinute: 10_000,
  outputLinesPerMinute: 12_000,
  othersPerMinute: 8_000,
  restPerHour: 15_000,
};

/** Characters of a metric's, parameter's or other's name: the SDK cuts longer ones. */
export const NAME_LENGTH = 100;
/** Characters of a text value: the SDK cuts longer ones. */
export const TEXT_LENGTH = 1_000;
/** Characters of an output line: the SDK splits longer ones. */
export const OUTPUT_LINE_LENGTH = 5_000_000;

/** Characters as Python counts them. */
export function isLonger(text: string, most: number): boolean {
  return text.length > most && [...text].length > most;
}

export function checkKey(key: string): void {
  demand(
    /^[A-Za-z0-9]{32,50}$/.test(key),
    `invalid experiment key ${JSON.stringify(key)}: 32 to 50 letters and digits`,
  );
}

export function checkProjectName(name: string | undefined): asserts name is string {
  demand(name !== undefined && name.trim() !== '', 'the project name is missing', SdkError.projectNameMissing);
  demand(!isLonger(name, NAME_LENGTH), 'the project name is too long', SdkError.projectNameTooLong);
}

/** Of metrics, parameters and others. */
export function checkName(name: unknown, at: string): asserts name is string {
  demand(typeof name === 'string' && name !== '', `${at} must be a text that isn't empty`);
  demand(!isLonger(name, NAME_LENGTH), `${at} has more than ${NAME_LENGTH} characters`);
}

/** Of parameters; others have no lists. */
export type PlainValue = string | boolean | Whole;
export type ParamValue = PlainValue | PlainValue[];

export function checkPlain(value: unknown, at: string): asserts value is PlainValue {
  if (typeof value === 'string') demand(!isLonger(value, TEXT_LENGTH), `${at} has more than ${TEXT_LENGTH} characters`);
  else demand(['number', 'bigint', 'boolean'].includes(typeof value), `${at} must be a text, a number, true or false`);
}

export function checkParam(value: unknown, at: string): asserts value is ParamValue {
  if (!Array.isArray(value)) return checkPlain(value, at);
  for (const item of value) checkPlain(item, at);
  demand(!isLonger(textOf(value), TEXT_LENGTH), `${at} has more than ${TEXT_LENGTH} characters`);
}

/** What is read back of a value: always a text. */
export function textOf(value: ParamValue): string {
  if (!Array.isArray(value)) return Object.is(value, -0) ? '-0' : String(value);
  return `[${value.map((item) => (typeof item === 'string' ? JSON.stringify(item) : textOf(item))).join(', ')}]`;
}
