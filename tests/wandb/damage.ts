// Does damage to what an emulated W&B server holds, as if somebody had changed it there, and undoes it.

import { createHash } from 'node:crypto';
import { History } from '../counterparts/wandb/history.ts';
import { type JsonObject, parseObject } from '../counterparts/wandb/json.ts';
import type { Artifact, Run } from '../counterparts/wandb/store.ts';
import type { WandbBench } from './bench.ts';

type Reviver = (key: string, value: unknown) => unknown;

/** Numbers keep their digits. */
const exactNumbers = ((_: string, value: unknown, { source }: { source?: string }) =>
  typeof value === 'number' && source !== undefined
    ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(source)
    : value) as Reviver;

export class Damage {
  readonly #bench: WandbBench;
  readonly #run: Run;

  /** @param name of the run */
  constructor(bench: WandbBench, name: string) {
    this.#bench = bench;
    const found = [...bench.server.site.store.runs.values()].find(({ displayName }) => displayName === name);
    if (!found) throw new Error(`There is no run ${name}`);
    this.#run = found;
  }

  /** Changes the lines of the history, and the number of the last one. @returns how to undo it */
  lines(change: (lines: string[]) => string[]): () => void {
    const before = this.#run.history;
    const changed = new History();
    changed.put(0, change([...before.lines]));
    this.#run.history = changed;
    return () => {
      this.#run.history = before;
    };
  }

  /** Changes the line of a step. */
  line(step: number, change: (line: string) => string): () => void {
    return this.lines((lines) => lines.map((line) => (parseObject(line)._step === step ? change(line) : line)));
  }

  config(change: (config: JsonObject) => void): () => void {
    const before = this.#run.config;
    const config = JSON.parse(before, exactNumbers) as JsonObject;
    change(config);
    this.#run.config = JSON.stringify(config);
    return () => {
      this.#run.config = before;
    };
  }

  summary(change: (summary: JsonObject) => void): () => void {
    const before = this.#run.summary;
    const summary = parseObject(this.#run.summaryText);
    change(summary);
    this.#run.summary = [JSON.stringify(summary)];
    return () => {
      this.#run.summary = before;
    };
  }

  /** Sets a property of the run. */
  set<Key extends 'notes' | 'group' | 'displayName' | 'tags' | 'host' | 'state'>(
    key: Key,
    value: Run[Key],
  ): () => void {
    const before = this.#run[key];
    this.#run[key] = value;
    return () => {
      this.#run[key] = before;
    };
  }

  #own(): Artifact {
    const own = this.#run.outputs.filter(
      ({ sequence, state }) => sequence.type === 'neptune-run' && state === 'COMMITTED',
    );
    return own.at(-1)!;
  }

  /** Another manifest in place of that of the run's artifact. */
  #manifest(change: (contents: JsonObject) => void): () => void {
    const { storage } = this.#bench.server.site;
    const artifact = this.#own();
    const { manifest, digest } = artifact;
    const stored = storage.objects.get(manifest!.key)!;
    const json = JSON.parse(stored.bytes.toString()) as JsonObject;
    change(json.contents as JsonObject);
    const bytes = Buffer.from(JSON.stringify(json));
    const md5 = createHash('md5').update(bytes).digest('base64');
    storage.objects.set(manifest!.key, { ...stored, bytes, md5 });
    const entries = Object.entries(json.contents as Record<string, { digest: string }>).sort(([a], [b]) =>
      a < b ? -1 : 1,
    );
    const lines = entries.map(([path, entry]) => `${path}:${entry.digest}\n`).join('');
    artifact.digest = createHash('md5').update(`wandb-artifact-manifest-v1\n${lines}`).digest('hex');
    artifact.manifest = { ...manifest!, digest: md5 };
    return () => {
      storage.objects.set(manifest!.key, stored);
      artifact.digest = digest;
      artifact.manifest = manifest;
    };
  }

  fileGone(path: string): () => void {
    return this.#manifest((contents) => {
      if (!Object.hasOwn(contents, path)) throw new Error(`no ${path} among ${Object.keys(contents)}`);
      delete contents[path];
    });
  }

  fileChanged(path: string, content: string): () => void {
    return this.#manifest((contents) => {
      const entry = contents[path] as JsonObject;
      entry.digest = createHash('md5').update(content).digest('base64');
      entry.size = content.length;
    });
  }

  fileAdded(path: string): () => void {
    return this.#manifest((contents) => {
      contents[path] = { digest: createHash('md5').update('more').digest('base64'), size: 4 };
    });
  }

  /** A media file of the run, by the beginning of its path. */
  mediaChanged(stem: string, content: string | undefined): () => void {
    const { storage } = this.#bench.server.site;
    const path = [...this.#run.uploaded].find((one) => one.startsWith(stem))!;
    const key = this.#run.keyOf(path);
    const stored = storage.objects.get(key)!;
    if (content === undefined) storage.objects.delete(key);
    else {
      const bytes = Buffer.from(content);
      storage.objects.set(key, { ...stored, bytes, md5: createHash('md5').update(bytes).digest('base64') });
    }
    return () => void storage.objects.set(key, stored);
  }
}
