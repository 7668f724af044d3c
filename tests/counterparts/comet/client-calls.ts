// The client API, which the SDK's online experiments use.

import { addAsset } from './assets.ts';
import { takeMetrics, takeParameters } from './batches.ts';
import { type Answer, type Call, done, flagText, type Handler, json, wholeText } from './call.ts';
import { filled, flag, list, optional, small, text } from './json.ts';
import { checkKey, checkProjectName } from './limits.ts';
import { demand, Refusal, SdkError } from './refusal.ts';
import type { Experiment } from './store.ts';

const DEFAULT_PROJECT = 'general';

function addRun(call: Call): Answer {
  const asked = call.body({
    experimentKey: optional(text),
    local_timestamp: small,
    offline: optional(flag),
    projectName: optional(text),
    teamName: optional(text),
    libVersion: text,
    getOrCreateEnabled: optional(flag),
  });
  const { store, lacks } = call.site;
  const { experimentKey: key } = asked;
  demand(key !== undefined && key !== '', 'the experiment key is missing', SdkError.experimentKeyMissing);
  checkKey(key);
  const workspace = asked.teamName ?? store.workspaces[0]!;
  store.checkWorkspace(workspace);
  const projectName = asked.projectName ?? DEFAULT_PROJECT;
  checkProjectName(projectName);
  const existing = store.experiments.get(key);
  if (existing && asked.getOrCreateEnabled && !lacks.has('getOrCreate')) {
    existing.resumed += 1;
    return json(handshake(call, existing));
  }
  if (existing) throw new Refusal(400, `experiment ${key} already exists`, SdkError.experimentExists);
  return json(handshake(call, store.create(key, store.project(workspace, projectName), asked.offline ?? false)));
}

function getRun(call: Call): Answer {
  const { previousExperiment: key } = call.body({ local_timestamp: small, previousExperiment: text, libVersion: text });
  const experiment = call.site.store.experiments.get(key);
  // The SDK takes this code for an experiment that isn't found.
  if (!experiment) throw new Refusal(400, `no such experiment: ${key}`, SdkError.noWriteAccess);
  experiment.resumed += 1;
  return json(handshake(call, experiment));
}

/** What is answered to those who begin or go on with an experiment. */
function handshake({ site }: Call, experiment: Experiment): object {
  const { project } = experiment;
  const { limits, url } = site;
  return {
    runId: experiment.runId,
    project_id: project.id,
    name: experiment.name,
    focusUrl: `${url}/${project.workspace}/${project.name}/`,
    githubEnabled: false,
    lastOffset: experiment.lastOffset,
    upload_file_size_limit_in_mb: limits.imageMiB,
    uploadVideoMaxSizeMB: limits.videoMiB,
    asset_upload_file_size_limit_in_mb: limits.assetMiB,
    artifactNameMaxLength: null,
    assetNameMaxLength: limits.assetNameLength,
    imageNameMaxLength: limits.imageNameLength,
    s3DirectAccessEnabled: false,
    featureToggles: [],
    cometWebAssetUrl: `${url}/api/asset/download`,
    cometWebImageUrl: `${url}/api/image/download`,
    cometRestApiAssetUrl: `${url}/api/rest/v2/experiment/asset/get-asset`,
    cometRestApiImageUrl: `${url}/api/rest/v2/image/get-image`,
    msg: null,
  };
}

/** Refuses ids that don't belong to the experiment. */
function checkIds(experiment: Experiment, runId: string | undefined, projectId: string | undefined): void {
  demand(runId === undefined || runId === experiment.runId, `${runId} is no run of experiment ${experiment.key}`);
  const { id } = experiment.project;
  demand(projectId === undefined || projectId === id, `experiment ${experiment.key} is not of project ${projectId}`);
}

function updateStatus(call: Call): Answer {
  const asked = call.body({
    runId: text,
    experimentKey: text,
    projectId: optional(text),
    is_alive: flag,
    local_timestamp: small,
    offline: optional(flag),
  });
  const experiment = call.experiment(asked.experimentKey);
  checkIds(experiment, asked.runId, asked.projectId);
  experiment.setAlive(asked.is_alive);
  return json({
    is_alive_beat_duration_millis: 10_000,
    gpu_monitor_interval_millis: 68_000,
    cpu_monitor_interval_millis: 68_000,
    parameter_update_interval_millis: 1_000,
    pending_rpcs: false,
  });
}

function offlineTimes(call: Call): Answer {
  const asked = call.body({ runId: text, experimentKey: text, startTimestamp: optional(small), endTimestamp: small });
  const experiment = call.experiment(asked.experimentKey);
  checkIds(experiment, asked.runId, undefined);
  experiment.startTime = asked.startTimestamp ?? experiment.startTime;
  experiment.endTime = asked.endTimestamp;
  return done();
}

function addTags(call: Call): Answer {
  const { experimentKey, addedTags } = call.body({ experimentKey: text, addedTags: list(filled) });
  const experiment = call.experiment(experimentKey);
  experiment.take('others');
  for (const tag of addedTags) experiment.tags.add(tag);
  return done();
}

const UPLOAD_FIELDS = {
  experimentId: text,
  projectId: optional(text),
  runId: optional(text),
  step: optional(wholeText),
  epoch: optional(wholeText),
  context: optional(text),
  extension: optional(text),
  type: optional(text),
  groupingName: optional(text),
  overwrite: optional(flagText),
  isRemote: optional(flagText),
  sampleRate: optional(wholeText),
  metadata: optional(text),
};

function upload(type: string | undefined): Handler {
  return (call) => {
    const isImage = type === 'image';
    const names = isImage
      ? { figName: optional(text), imageId: optional(text), figCounter: optional(wholeText) }
      : { fileName: optional(text), assetId: optional(text) };
    const asked = call.query({ ...UPLOAD_FIELDS, ...names });
    const experiment = call.experiment(asked.experimentId);
    checkIds(experiment, asked.runId, asked.projectId);
    const form = call.form();
    experiment.take('others');
    const id = call.queryField(isImage ? 'imageId' : 'assetId');
    const counter = call.queryField('figCounter');
    const name = call.queryField(isImage ? 'figName' : 'fileName') ?? (isImage ? `figure_${counter}` : undefined);
    const asset = addAsset(
      experiment,
      {
        ...{ id, name, type: type ?? asked.type ?? 'asset' },
        ...{ step: asked.step ?? null, epoch: asked.epoch ?? null, context: asked.context ?? null },
        ...{ extension: asked.extension, groupingName: asked.groupingName ?? null, metadata: asked.metadata },
        ...{ overwrite: asked.overwrite ?? false, isRemote: asked.isRemote ?? false },
      },
      form,
      call.site,
    );
    return json(isImage ? { imageId: asset.id } : { assetId: asset.id });
  };
}

function pointsLimits(call: Call): Answer {
  call.experiment(call.body({ experimentKey: text }).experimentKey);
  return json({ maxPoints: 1_000_000, maxPointsFileSizeInBytes: 0, maxBoxes: 250_000, maxBoxesFileSizeInBytes: 0 });
}

/** By method and path below `clientlib/`. */
export const CLIENT_CALLS: Record<string, Handler> = {
  'GET health/ping': () => json({}),
  'POST logger/add/run': addRun,
  'POST logger/get/run': getRun,
  'POST status-report/update': updateStatus,
  'POST status-report/offline-metadata': offlineTimes,
  'POST tags/add-tags-to-experiment': addTags,
  'POST batch/logger/experiment/metric': takeMetrics,
  'POST batch/logger/experiment/parameter': takeParameters,
  'POST asset/upload': upload(undefined),
  'POST visualizations/upload': upload('image'),
  'POST git-patch/upload': upload('git-patch'),
  'POST asset/3d-limits': pointsLimits,
  // Of a body that the SDK writes with bare NaN and Infinity in it.
  'POST notification/experiment': () => done(),
};
