// Mutations of projects, runs and their files.

import type { Arguments, Resolvers } from './graphql/execute.ts';
import { isObject, type JsonObject, parseObject } from './json.ts';
import { checkDisplayName, checkPath, checkRunName, checkTags } from './limits.ts';
import { demand, Refusal } from './refusal.ts';
import type { Site } from './site.ts';
import { Run, type RunState } from './store.ts';

type Text = string | null | undefined;

/** Inputs of UpsertBucket that become a property as they are. Null leaves it as it was. */
const PLAIN = {
  groupName: 'group',
  description: 'description',
  displayName: 'displayName',
  notes: 'notes',
  jobType: 'jobType',
  commit: 'commit',
  host: 'host',
  jobProgram: 'program',
  jobRepo: 'repo',
  sweep: 'sweepName',
} as const;

const STATES: RunState[] = ['pending', 'running', 'finished', 'failed', 'crashed', 'killed', 'preempting'];

function upsertBucket(input: Arguments, site: Site) {
  checkInput(input);
  const { run, isNew } = findOrMake(input, site);
  for (const [name, property] of Object.entries(PLAIN)) {
    const value = input[name] as Text;
    if (value !== null && value !== undefined) run[property as (typeof PLAIN)['notes']] = value;
  }
  if (Array.isArray(input.tags)) run.tags = input.tags as string[];
  if (typeof input.config === 'string') run.config = input.config;
  if (typeof input.summaryMetrics === 'string') run.summary = [input.summaryMetrics];
  if (typeof input.state === 'string') run.state = input.state as RunState;
  run.heartbeatAt = new Date();
  return { bucket: run, inserted: isNew };
}

function checkInput(input: Arguments): void {
  if (typeof input.displayName === 'string') checkDisplayName(input.displayName);
  if (Array.isArray(input.tags)) checkTags(input.tags as string[]);
  if (typeof input.config === 'string') configOf(input.config);
  if (typeof input.summaryMetrics === 'string') parseObject(input.summaryMetrics);
  if (typeof input.state === 'string')
    demand((STATES as string[]).includes(input.state), `invalid run state ${input.state}`);
}

/** Every value of a config is wrapped. @throws Refusal */
function configOf(text: string): JsonObject {
  const config = parseObject(text);
  for (const [key, wrapped] of Object.entries(config))
    demand(isObject(wrapped) && 'value' in wrapped, `config: ${JSON.stringify(key)} has no {"value": …}`);
  return config;
}

function findOrMake(input: Arguments, site: Site): { run: Run; isNew: boolean } {
  const { store } = site;
  if (typeof input.id === 'string') {
    const run = store.runs.get(input.id);
    if (!run) throw new Refusal(404, `run ${input.id} not found during upsertBucket`);
    return { run, isNew: false };
  }
  const name = input.name as Text;
  demand(typeof name === 'string', 'upsertBucket needs the name of a run or its id');
  checkRunName(name);
  const projectName = (input.modelName as Text) || 'uncategorized';
  const { project } = store.makeProject(input.entityName as Text, projectName, 'upsertBucket');
  const known = project.runs.get(name);
  if (known) return { run: known, isNew: false };
  if (project.deleted.has(name))
    throw new Refusal(
      409,
      `run ${project.entity}/${project.name}/${name} was previously created and deleted; try a new run name`,
    );
  const run = new Run(project, name, `bright-run-${project.runs.size + 1}`);
  if (typeof input.config === 'string') branch(run, configOf(input.config), site);
  project.runs.set(name, run);
  store.runs.set(run.id, run);
  return { run, isNew: true };
}

/** A new run whose config has a branch point inherits the history up to there. */
function branch(run: Run, config: JsonObject, { forking }: Site): void {
  const internal = isObject(config._wandb) && isObject(config._wandb.value) ? config._wandb.value : {};
  const point = internal.branch_point;
  if (point === undefined || point === null || forking === 'ignored') return;
  if (forking === 'refused') throw new Refusal(403, 'forking runs is not enabled for this account');
  demand(isObject(point) && typeof point.run_id === 'string', 'branch_point needs a run_id');
  demand(Number.isSafeInteger(point.step), 'branch_point needs a step');
  const parent = run.project.runs.get(point.run_id);
  if (!parent) throw new Refusal(404, `branch_point: run ${point.run_id} not found during upsertBucket`);
  demand((point.step as number) <= parent.history.lastStep, `branch_point: ${point.run_id} has no step ${point.step}`);
  run.forkFrom = { run: parent.name, step: point.step as number };
  run.history = parent.history.upTo(point.step as number);
}

function rewindRun(input: Arguments, { store }: Site) {
  demand(input.metricName === '_step', 'rewindRun: only _step is supported');
  const project = store.project(input.entityName as Text, input.projectName as Text, 'rewindRun');
  const run = store.run(project, input.runName as string, 'rewindRun');
  demand(Number.isInteger(input.metricValue) && (input.metricValue as number) >= 0, 'rewindRun: no such step');
  run.history.rewind(input.metricValue as number);
  run.resumed += 1;
  return { rewoundRun: run };
}

function upsertModel(input: Arguments, { store }: Site) {
  demand(typeof input.name === 'string', 'upsertModel needs a name');
  const { project, isNew } = store.makeProject(input.entityName as Text, input.name, 'upsertModel');
  if (typeof input.description === 'string') project.description = input.description;
  return { model: project, project, inserted: isNew };
}

function runOf(input: Arguments, { store }: Site, during: string): Run {
  const project = store.project(input.entityName as Text, input.projectName as Text, during);
  return store.run(project, input.runName as string, during);
}

function byId(input: Arguments, { store }: Site, during: string): Run {
  const run = store.runs.get(input.id as string);
  if (!run) throw new Refusal(404, `run ${input.id} not found during ${during}`);
  return run;
}

function createRunFiles(input: Arguments, site: Site) {
  const run = runOf(input, site, 'createRunFiles');
  const files = input.files as string[];
  demand(files.length > 0 && files.length <= site.limits.filesPerCall, `createRunFiles: ${files.length} files`);
  for (const path of files) checkPath(path);
  const answered = files.map((path) => {
    run.announced.add(path);
    const key = run.keyOf(path);
    return { name: path, uploadUrl: site.storage.sign({ method: 'PUT', key }) };
  });
  return { runID: run.id, uploadHeaders: [], files: answered };
}

function markRunFilesUploaded(input: Arguments, site: Site) {
  const run = runOf(input, site, 'markRunFilesUploaded');
  for (const path of input.files as string[])
    demand(run.announced.has(path), `markRunFilesUploaded: ${path} has no upload address`);
  for (const path of input.files as string[]) run.uploaded.add(path);
  return { success: true };
}

function deleteFiles(input: Arguments, site: Site) {
  for (const id of input.files as string[]) {
    const key = Buffer.from(id, 'base64')
      .toString()
      .replace(/^File:/, '');
    if (!site.storage.objects.delete(key)) throw new Refusal(404, `file ${id} not found during deleteFiles`);
  }
  return { success: true };
}

const withInput =
  (mutate: (input: Arguments, site: Site) => object) =>
  (_: never, { input }: Arguments, site: Site) =>
    mutate(input as Arguments, site);

export const RUN_MUTATIONS: Resolvers<Site> = {
  Mutation: {
    upsertModel: withInput(upsertModel),
    upsertBucket: withInput(upsertBucket),
    rewindRun: withInput(rewindRun),
    createRunFiles: withInput(createRunFiles),
    markRunFilesUploaded: withInput(markRunFilesUploaded),
    deleteFiles: withInput(deleteFiles),
    deleteRun: withInput((input, site) => {
      site.store.deleteRun(byId(input, site, 'deleteRun'));
      return { success: true, clientMutationId: input.clientMutationId ?? null };
    }),
    stopRun: withInput((input, site) => {
      byId(input, site, 'stopRun').stopped = true;
      return { success: true };
    }),
    updateRunState: withInput((input, site) => {
      demand(input.state === 'pending' || input.state === 'failed', `cannot set the state ${input.state}`);
      byId(input, site, 'updateRunState').state = input.state;
      return { success: true };
    }),
  },
};
