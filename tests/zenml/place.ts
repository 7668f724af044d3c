// A ZenML server with a login, and archives that go there: what the tests of this folder share.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, type TestContext } from 'node:test';
import { diskName } from '../../src/archive/names.ts';
import { openArchive } from '../../src/archive/reader.ts';
import type { Failure } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { ZenmlTarget, type ZenmlTargetOptions } from '../../src/targets/zenml/index.ts';
import { compareWithTarget, type TargetProblem, type TargetResult } from '../../src/transfer/compare-target.ts';
import { type LoadOptions, type LoadResult, loadArchive } from '../../src/transfer/load.ts';
import {
  type ReadZenmlArtifact,
  type ReadZenmlModel,
  type ReadZenmlOptions,
  type ReadZenmlVersion,
  readZenml,
} from '../counterparts/zenml-readback.ts';
import {
  startZenmlServer,
  type ZenmlLogin,
  type ZenmlServer,
  type ZenmlServerOptions,
  zenmlLogin,
} from '../counterparts/zenml-server.ts';
import { tempFolder } from '../helpers/temp.ts';

export const PROJECT = 'ws/proj';

export interface Loaded {
  result: LoadResult;
  failures: { runId: string; failure: Failure }[];
  warnings: string[];
}

/** The server of a test file, and the files that `zenml login` left for it. */
export class Place {
  server!: ZenmlServer;
  login!: ZenmlLogin;

  /** @param options told when the server is to start */
  constructor(options: () => Promise<ZenmlServerOptions> | ZenmlServerOptions = () => ({})) {
    before(async () => {
      this.server = await startZenmlServer(await options());
      this.login = await zenmlLogin(this.server, this.server.apiKey);
    });
    after(async () => {
      await this.server?.close();
      await this.login?.remove();
    });
  }

  /** Variables by which the program finds the login. */
  get env(): Record<string, string> {
    return { ZENML_CONFIG_PATH: this.login.folder };
  }

  target(namePrefix: string, options: Partial<ZenmlTargetOptions> = {}): ZenmlTarget {
    return new ZenmlTarget({ namePrefix, env: this.env, cwd: '/', ...options });
  }

  async load(
    folder: string,
    prefix: string,
    options: Partial<LoadOptions> = {},
    targetOptions: Partial<ZenmlTargetOptions> = {},
  ): Promise<Loaded> {
    const loaded: Omit<Loaded, 'result'> = { failures: [], warnings: [] };
    const ignore = () => {};
    const warn = (message: string) => void loaded.warnings.push(message);
    const logger: Logger = { debug: ignore, info: ignore, error: ignore, warn };
    const target = this.target(prefix, { logger, ...targetOptions });
    try {
      const result = await loadArchive({
        archive: await openArchive(join(folder, 'data')),
        filesPath: join(folder, 'files'),
        target,
        stepMultiplier: 1n,
        concurrency: 2,
        errorReport: { record: (_, runId, failure) => loaded.failures.push({ runId, failure }) },
        logger,
        ...options,
      });
      return { result, ...loaded };
    } finally {
      await target.close();
    }
  }

  /** Loads all, and makes sure that nothing failed. */
  async loadAll(...args: Parameters<Place['load']>): Promise<LoadResult> {
    const { result, failures } = await this.load(...args);
    assert.deepEqual(failures, []);
    assert.equal(result.failed, 0);
    return result;
  }

  async compare(
    folder: string,
    prefix: string,
    targetOptions: Partial<ZenmlTargetOptions> = {},
  ): Promise<{ result: TargetResult; problems: TargetProblem[] }> {
    const problems: TargetProblem[] = [];
    const target = this.target(prefix, targetOptions);
    try {
      const result = await compareWithTarget({
        archive: await openArchive(join(folder, 'data')),
        filesPath: join(folder, 'files'),
        target,
        concurrency: 2,
        onProblem: (problem) => problems.push(problem),
        signal: new AbortController().signal,
      });
      return { result, problems };
    } finally {
      await target.close();
    }
  }

  /** The model of the project that was loaded with a prefix, as ZenML's Python client reads it. */
  async model(prefix: string, options: ReadZenmlOptions = {}): Promise<ReadZenmlModel> {
    const name = `${prefix}-neptune-export-ws-proj`;
    const { models } = await readZenml(this.login.folder, { prefix: name, ...options });
    const found = models.filter((model) => model.name === name);
    assert.equal(found.length, 1, `one model ${name}`);
    return found[0]!;
  }

  async version(prefix: string, name: string, options: ReadZenmlOptions = {}): Promise<ReadZenmlVersion> {
    const { versions } = await this.model(prefix, options);
    const found = versions.filter((version) => version.name === name);
    assert.equal(found.length, 1, `one version ${name} among ${versions.map((version) => version.name)}`);
    return found[0]!;
  }
}

/** A folder for an archive. */
export async function archiveFolder(t: TestContext): Promise<string> {
  const folder = await tempFolder(t);
  await mkdir(join(folder, 'data'), { recursive: true });
  return folder;
}

/** Puts a file where those of the project's archive are. */
export async function putFile(folder: string, path: string, content: string | Buffer): Promise<string> {
  const place = join(folder, 'files', diskName(PROJECT), path);
  await mkdir(join(place, '..'), { recursive: true });
  await writeFile(place, content);
  return place;
}

/** The artifacts of a version by name; several versions of one make a list. */
export function artifactsOf(version: ReadZenmlVersion): Map<string, ReadZenmlArtifact[]> {
  return Map.groupBy(version.artifacts, ({ name }) => name);
}
