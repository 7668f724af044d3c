// What the loader writes into a run's config of itself, and what it reads there.

import type { CollisionPolicy } from '../step-collisions.ts';
import { isObject, type JsonObject } from './json.ts';
import { OWN } from './names.ts';

/** The value of the config's key `neptune_exporter`. Numbers of any length are texts. */
export interface OwnConfig {
  /** Project and run id in Neptune. */
  project_id: string;
  run_id: string;
  /** Of the archive's content. */
  digest: string;
  multiplier: string;
  collisions: CollisionPolicy;
  keep_slashes: boolean;
  /** W&B id of the parent. */
  parent?: string;
  /** The fork that W&B was asked for. */
  fork?: {
    /** W&B id of the parent at that time. */
    run: string;
    /** Step of the parent's last line that is inherited. */
    step: number;
    /** Lines that the history began with; 0 where W&B did not fork. Absent until it is known. */
    lines?: number;
  };
  /** `_step` of the last line with points: what is shown at the end comes behind it. */
  last_step?: number;
  /** Why a run with a parent is no fork at W&B, as it was told. */
  no_fork?: string;
  /**
   * Of a run that lacks something: the images that the lines of its history show, as a hash. Lines that are there can't be changed:
   * with other images the run has to be made anew.
   */
  shown?: string;
  /** Added to Neptune's whole steps. */
  step_shift?: number;
}

/** The part of a config that is the loader's; undefined if there is none. */
export function readOwn(config: JsonObject): Partial<OwnConfig> | undefined {
  const wrapped = config[OWN];
  const value = isObject(wrapped) ? wrapped.value : undefined;
  return isObject(value) ? (value as Partial<OwnConfig>) : undefined;
}

/** `_wandb` of a config. @param axis keys of the history's metrics, where they have an x axis of their own */
export function internalConfig(
  branch: { run: string; step: number } | undefined,
  axis: { name: string; keys: Iterable<string> } | undefined,
): object {
  return {
    // W&B's SDK takes a run as begun only with telemetry in its config.
    t: { '1': [] },
    ...(branch ? { branch_point: { run_id: branch.run, step: branch.step } } : {}),
    ...(axis ? { m: metricDefinitions(axis) } : {}),
  };
}

/** Numbers are those of W&B's protobuf fields: 1 name, 5 place of the step metric in this list, 6 options, 7 summary. */
function metricDefinitions({ name, keys }: { name: string; keys: Iterable<string> }): object[] {
  const metrics = Array.from(keys, (key) => ({ '1': key, '5': 1, '6': [1], '7': [] }));
  return [{ '1': name, '6': [], '7': [] }, ...metrics];
}

/** The x axes that a config gives to metrics, by their names. */
export function axesOf({ _wandb: wrapped }: JsonObject): Map<string, string> {
  const internal = isObject(wrapped) && isObject(wrapped.value) ? wrapped.value : {};
  const all = (Array.isArray(internal.m) ? internal.m : []).map((one: unknown) => (isObject(one) ? one : {}));
  const axes = new Map<string, string>();
  for (const { 1: name, 5: axis } of all) {
    const step = typeof axis === 'number' ? all[axis - 1]?.[1] : undefined;
    if (typeof name === 'string' && typeof step === 'string') axes.set(name, step);
  }
  return axes;
}

/** A metric that has another x axis than it should. */
export function lostAxis(expected: JsonObject, found: JsonObject): string | undefined {
  const there = axesOf(found);
  for (const [name, step] of axesOf(expected)) if (there.get(name) !== step) return name;
  return undefined;
}

/**
 * A config's text with another parent, everything else as it stands there: numbers keep their digits.
 * @throws SyntaxError if it is no JSON
 */
export function withParent(config: string, parent: string): string {
  type Reviver = (key: string, value: unknown) => unknown;
  const { rawJSON } = JSON as unknown as { rawJSON: (text: string) => unknown };
  const keep = (_: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' && source !== undefined ? rawJSON(source) : value;
  const whole = JSON.parse(config, keep as Reviver) as JsonObject;
  const own = isObject(whole[OWN]) && isObject(whole[OWN].value) ? whole[OWN].value : {};
  return JSON.stringify({ ...whole, [OWN]: { value: { ...own, parent } } });
}
