// REST v2: what is read back.

import { createHash } from 'node:crypto';
import { describeAsset, isOfType } from './assets.ts';
import { type Answer, type Call, flagText, type Handler, json, wholeText } from './call.ts';
import { filled, flag, list, optional, text } from './json.ts';
import { textOf } from './limits.ts';
import { demand, Refusal } from './refusal.ts';
import { type Series, valueText } from './series.ts';
import type { Experiment, Project } from './store.ts';

const KEY = { experimentKey: optional(text) };

/** A call that reads something of an experiment. */
function ofExperiment(answer: (experiment: Experiment, call: Call) => unknown): Handler {
  return (call) => json(answer(call.experiment(call.query(KEY).experimentKey), call));
}

function metadata(experiment: Experiment, { site }: Call): object {
  const { key, name, project, startTime, endTime, filePath } = experiment;
  return {
    experimentKey: key,
    experimentName: name,
    optimizationId: null,
    userName: site.user,
    projectId: project.id,
    projectName: project.name,
    workspaceName: project.workspace,
    filePath,
    fileName: filePath?.split('/').at(-1) ?? null,
    throttle: experiment.throttled,
    throttleMessage: experiment.throttled ? 'rate limit exceeded' : null,
    throttleReasons: experiment.throttled ? ['rate limit exceeded'] : [],
    startTimeMillis: startTime,
    endTimeMillis: endTime,
    durationMillis: (endTime ?? Date.now()) - startTime,
    running: experiment.running,
    error: experiment.error,
    hasCrashed: experiment.crashed,
    archived: experiment.archived,
  };
}

function experiments(call: Call): Answer {
  const asked = call.query({
    workspaceName: optional(text),
    projectName: optional(text),
    projectId: optional(text),
    archived: optional(flagText),
    page: optional(wholeText),
    size: optional(wholeText),
    sortBy: optional(text),
    sortOrder: optional(text),
  });
  const found = call.site.store
    .experimentsOf(findProject(call, asked))
    .filter((experiment) => experiment.archived === (asked.archived ?? false));
  if (asked.sortBy !== undefined) {
    demand(['startTime', 'endTime'].includes(asked.sortBy), `can't sort by ${asked.sortBy}`);
    const by = asked.sortBy as 'startTime' | 'endTime';
    const sign = asked.sortOrder === 'desc' ? -1 : 1;
    found.sort((a, b) => sign * ((a[by] ?? 0) - (b[by] ?? 0)));
  }
  const size = Number(asked.size ?? found.length);
  const start = asked.page === undefined ? 0 : (Number(asked.page) - 1) * size;
  return json({ experiments: found.slice(start, start + size).map((experiment) => metadata(experiment, call)) });
}

interface ProjectPath {
  workspaceName?: string | undefined;
  projectName?: string | undefined;
  projectId?: string | undefined;
}

/** @throws Refusal 404 if it isn't there */
export function findProject({ site }: Call, { workspaceName, projectName, projectId }: ProjectPath): Project {
  const { store } = site;
  if (projectId === undefined && workspaceName !== undefined) store.checkWorkspace(workspaceName);
  const project =
    projectId === undefined ? store.findProject(workspaceName ?? '', projectName ?? '') : store.projectOfId(projectId);
  if (!project) throw new Refusal(404, `no such project: ${projectId ?? `${workspaceName}/${projectName}`}`);
  return project;
}

function describeProject(project: Project, { site }: Call): object {
  const held = site.store.experimentsOf(project);
  return {
    projectId: project.id,
    projectName: project.name,
    workspaceName: project.workspace,
    ownerUserName: site.user,
    projectDescription: project.description,
    public: project.isPublic,
    numberOfExperiments: held.length,
    lastUpdated: Math.max(project.createdAt, ...held.map(({ startTime }) => startTime)),
  };
}

function projects(call: Call): Answer {
  const { workspaceName } = call.query({ workspaceName: text, projectName: optional(text) });
  call.site.store.checkWorkspace(workspaceName);
  return json({ projects: call.site.store.projects(workspaceName).map((project) => describeProject(project, call)) });
}

const PROJECT_PATH = { workspaceName: optional(text), projectName: optional(text), projectId: optional(text) };

function columnNames(call: Call): Answer {
  const held = call.site.store.experimentsOf(findProject(call, call.query(PROJECT_PATH)));
  const column = (source: string, type: string) => (name: string) => ({ source, name, type });
  const names = (of: (experiment: Experiment) => Iterable<string>) => [...new Set(held.flatMap((one) => [...of(one)]))];
  return json({
    columns: [
      ...names(({ metrics }) => metrics.keys()).map(column('metrics', 'double')),
      ...names(({ params }) => params.keys()).map(column('params', 'string')),
      ...names(({ others }) => others.keys()).map(column('log_other', 'string')),
      ...names(({ tags }) => tags).map(column('tag', 'string')),
    ],
  });
}

/** Metrics in a list of points; whole numbers of 64 bits are written as they are. */
function points(experiment: Experiment, asked: Iterable<Series>, most: number): Answer {
  const written: string[] = [];
  for (const series of asked) {
    const name = JSON.stringify(series.name);
    const context = JSON.stringify(series.context);
    for (const { value, step, epoch, timestamp } of series.sampled(most))
      written.push(
        `{"metricName":${name},"metricValue":${JSON.stringify(valueText(value))},"timestamp":${timestamp},` +
          `"step":${step},"epoch":${epoch},"runContext":${context}}`,
      );
  }
  const body = `{"experimentKey":"${experiment.key}","metrics":[${written.join(',')}]}`;
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}

function getMetric(call: Call): Answer {
  const { experimentKey, metricName } = call.query({ experimentKey: optional(text), metricName: text });
  const experiment = call.experiment(experimentKey);
  const series = experiment.metrics.get(metricName);
  return points(experiment, series ? [series] : [], call.site.limits.metricValues);
}

function getAllMetrics(call: Call): Answer {
  const experiment = call.experiment(call.query(KEY).experimentKey);
  return points(experiment, experiment.metrics.values(), call.site.limits.metricValues);
}

function summarize(series: Series): object {
  let [least, most] = [-1, -1];
  let index = 0;
  for (const { value } of series.points()) {
    if (typeof value === 'number' && !Number.isNaN(value)) {
      if (least < 0 || value < (series.point(least).value as number)) least = index;
      if (most < 0 || value > (series.point(most).value as number)) most = index;
    }
    index += 1;
  }
  const of = (at: number, ending: string) => {
    const point = at < 0 ? undefined : series.point(at);
    return {
      [`value${ending}`]: point ? valueText(point.value) : null,
      [`step${ending}`]: point?.step === undefined || point.step === null ? null : Number(point.step),
      [`epoch${ending}`]: point?.epoch === undefined || point.epoch === null ? null : Number(point.epoch),
      [`timestamp${ending}`]: point ? Number(point.timestamp) : null,
      [`runContext${ending}`]: series.context,
    };
  };
  return { name: series.name, ...of(least, 'Min'), ...of(most, 'Max'), ...of(series.length - 1, 'Current') };
}

function chart(call: Call): Answer {
  const asked = call.body({
    targetedExperiments: list(text),
    metrics: list(text),
    params: optional(list(text)),
    independentMetrics: optional(flag),
    fetchFull: optional(flag),
  });
  const most = call.site.limits.metricValues;
  const column = (series: Series) => {
    const rows = [...series.sampled(most)];
    const number = (value: unknown) => (value === null ? null : Number(value));
    return {
      metricName: series.name,
      values: rows.map(({ value }) => (Number.isFinite(value) ? value : valueText(value))),
      steps: rows.map(({ step }) => number(step)),
      epochs: rows.map(({ epoch }) => number(epoch)),
      timestamps: rows.map(({ timestamp }) => number(timestamp)),
      durations: rows.map(({ timestamp }) => Number(timestamp) - Number(rows[0]?.timestamp)),
    };
  };
  const one = (key: string) => {
    const experiment = call.experiment(key);
    const found = asked.metrics.flatMap((name) => experiment.metrics.get(name) ?? []);
    const params = (asked.params ?? []).flatMap((name) => {
      const param = experiment.params.get(name);
      return param ? [[name, textOf(param.value)] as const] : [];
    });
    return {
      experimentKey: key,
      empty: found.length === 0,
      metrics: found.map(column),
      params: Object.fromEntries(params),
    };
  };
  return json({ experiments: Object.fromEntries(asked.targetedExperiments.map((key) => [key, one(key)])) });
}

function summary(name: string, value: string, timestamp: unknown, earlier: string[] = []): object {
  const all = [...earlier, value].toSorted();
  const time = timestamp === null ? null : Number(timestamp);
  const times = { timestampMin: time, timestampMax: time, timestampCurrent: time };
  return { name, valueMin: all[0], valueMax: all.at(-1), valueCurrent: value, ...times, editable: false };
}

const SYSTEM_FIELDS = [
  ...['user', 'pythonVersion', 'pythonVersionVerbose', 'pid', 'osType', 'os', 'osRelease', 'ip', 'hostname', 'env'],
  ...['gpuStaticInfoList', 'logAdditionalSystemInfoList', 'systemMetricNames', 'maxTotalMemory', 'totalRam'],
  ...['networkInterfaceIps', 'command', 'executable', 'osPackages', 'installedPackages', 'machine', 'processor'],
];

function assetList(call: Call): Answer {
  const { experimentKey, type } = call.query({ ...KEY, type: optional(text) });
  const { key, assets } = call.experiment(experimentKey);
  const found = assets.all().filter((asset) => isOfType(asset, type));
  return json({ assets: found.map((asset) => describeAsset(asset, key, call.site.url)) });
}

function assetsByName(call: Call): Answer {
  const { experimentKey, assetName, type } = call.query({ ...KEY, assetName: text, type: optional(text) });
  const { key, assets } = call.experiment(experimentKey);
  const found = assets.named(assetName).filter((asset) => isOfType(asset, type));
  return json({ assets: found.map((asset) => describeAsset(asset, key, call.site.url)) });
}

function getAsset(call: Call): Answer {
  const { experimentKey, assetId, allow301 } = call.query({ ...KEY, assetId: filled, allow301: optional(flagText) });
  const experiment = call.experiment(experimentKey);
  const asset = experiment.assets.get(assetId);
  if (!asset) throw new Refusal(404, `no asset ${assetId} in experiment ${experiment.key}`);
  demand(asset.link === null, `asset ${assetId} lies elsewhere: ${asset.link}`);
  if (!call.site.redirectAssets || allow301 === false)
    return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: asset.bytes };
  // Another host than the API's, as the service's storage is: the key must not be sent there.
  const storage = call.site.url.replace('127.0.0.1', 'localhost');
  const location = `${storage}/storage/${experiment.key}/${asset.id}?signature=${signature(asset.id)}`;
  return { status: 301, headers: { location }, body: '' };
}

/** What makes a storage address good. */
export function signature(assetId: string): string {
  return createHash('sha256').update(`storage ${assetId}`).digest('hex');
}

/** By method and path below `rest/v2/`. */
export const REST_READS: Record<string, Handler> = {
  'GET account-details': ({ site }) => json({ userName: site.user, defaultWorkspaceName: site.store.workspaces[0] }),
  'GET workspaces': ({ site }) => json({ workspaceNames: site.store.workspaces }),
  'GET projects': projects,
  'GET project': (call) => json(describeProject(findProject(call, call.query(PROJECT_PATH)), call)),
  'GET project/notes': (call) => json({ notes: findProject(call, call.query(PROJECT_PATH)).notes }),
  'GET project/column-names': columnNames,
  'GET experiments': experiments,
  'POST experiments/multi-metric-chart': chart,
  'GET experiment/metadata': ofExperiment(metadata),
  'GET experiment/metrics/summary': ofExperiment(({ metrics }) => ({ values: [...metrics.values()].map(summarize) })),
  'GET experiment/metrics/get-metric': getMetric,
  'GET experiment/metrics/get-all': getAllMetrics,
  'GET experiment/parameters': ofExperiment(({ params }) => ({
    values: [...params].map(([name, { value, timestamp, earlier }]) =>
      summary(name, textOf(value), timestamp, earlier.map(textOf)),
    ),
  })),
  'GET experiment/log-other': ofExperiment(({ others }) => ({
    values: [...others].map(([name, { value, timestamp }]) => summary(name, textOf(value), timestamp)),
  })),
  'GET experiment/tags': ofExperiment(({ tags }) => ({ tags: [...tags] })),
  'GET experiment/html': ofExperiment(({ html }) => ({ html })),
  'GET experiment/graph': ofExperiment(({ graph }) => ({ graph })),
  'GET experiment/code': ofExperiment(({ code }) => ({ code })),
  'GET experiment/output': ofExperiment(({ output }) => ({ output: output.map((line) => line.text).join('') })),
  'GET experiment/system-details': ofExperiment(({ key, system }) => ({
    experimentKey: key,
    ...Object.fromEntries(SYSTEM_FIELDS.map((field) => [field, null])),
    ...system,
  })),
  'GET experiment/git/metadata': ofExperiment(({ git }) => git ?? {}),
  'GET experiment/asset/list': assetList,
  'GET experiment/asset/get-by-name': assetsByName,
  'GET experiment/asset/get-asset': getAsset,
};
