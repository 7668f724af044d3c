// REST v2: what is written, one thing a call.

import { randomBytes } from 'node:crypto';
import { addAsset } from './assets.ts';
import { takeMetric, takeParameter } from './batches.ts';
import { type Answer, type Call, done, flagText, type Handler, json, wholeText } from './call.ts';
import { anything, filled, flag, isObject, list, optional, parseExact, small, text, whole } from './json.ts';
import { checkName, checkPlain, checkProjectName, isLonger, OUTPUT_LINE_LENGTH } from './limits.ts';
import { demand } from './refusal.ts';
import { findProject } from './rest-reads.ts';
import type { Experiment } from './store.ts';

const KEY = { experimentKey: optional(text) };

/** A GET that changes an experiment, as some do here. */
function change(apply: (experiment: Experiment, call: Call) => void): Handler {
  return (call) => {
    apply(call.experiment(call.query(KEY).experimentKey), call);
    return done();
  };
}

function createExperiment(call: Call): Answer {
  const asked = call.body({
    workspaceName: text,
    projectName: optional(text),
    experimentName: optional(text),
    disableHeartBeat: optional(flag),
  });
  checkProjectName(asked.projectName);
  const { store, url } = call.site;
  const project = store.project(asked.workspaceName, asked.projectName);
  const experiment = store.create(randomBytes(16).toString('hex'), project, false);
  if (asked.experimentName !== undefined) {
    checkPlain(asked.experimentName, 'experimentName');
    experiment.others.set('Name', { value: asked.experimentName, timestamp: Date.now() });
  }
  return json({
    experimentKey: experiment.key,
    workspaceName: project.workspace,
    projectName: project.name,
    link: `${url}/${project.workspace}/${project.name}/${experiment.key}`,
    name: experiment.name,
  });
}

function logOther(call: Call): Answer {
  const { experimentKey, key, value, timestamp } = call.body({
    experimentKey: text,
    key: anything,
    value: anything,
    timestamp: optional(whole),
  });
  const experiment = call.experiment(experimentKey);
  checkName(key, 'body.key');
  checkPlain(value, 'body.value');
  experiment.take('others');
  experiment.others.set(key, { value, timestamp: timestamp ?? Date.now() });
  return done();
}

function addTags(call: Call): Answer {
  const { experimentKey, addedTags } = call.body({ experimentKey: text, addedTags: list(filled) });
  const experiment = call.experiment(experimentKey);
  experiment.take('others');
  for (const tag of addedTags) experiment.tags.add(tag);
  return done();
}

function deleteTags(call: Call): Answer {
  const { experimentKey, tags } = call.body({ experimentKey: text, tags: list(filled) });
  const experiment = call.experiment(experimentKey);
  for (const tag of tags) experiment.tags.delete(tag);
  return done();
}

function deleteParameter(call: Call): Answer {
  const { experimentKey, parameterName } = call.body({ experimentKey: text, parameterName: text });
  const { params } = call.experiment(experimentKey);
  demand(params.delete(parameterName), `there is no parameter ${parameterName}`);
  return done();
}

function logOutput(call: Call): Answer {
  const { experimentKey, runContext, outputLines } = call.body({
    experimentKey: text,
    runContext: optional(text),
    outputLines: list(anything),
  });
  const experiment = call.experiment(experimentKey);
  const lines = outputLines.map((line, index) => outputLine(line, index, runContext ?? null));
  experiment.take('outputLines', lines.length);
  experiment.output.push(...lines);
  return done();
}

function outputLine(line: unknown, index: number, context: string | null) {
  const at = `outputLines[${index}]`;
  demand(isObject(line), `${at} must be a JSON object`);
  const { stderr, output, localTimestamp, offset, ...rest } = line;
  demand(Object.keys(rest).length === 0, `Unrecognized field "${Object.keys(rest)[0]}" of ${at}`);
  demand(!isLonger(text(output, `${at}.output`), OUTPUT_LINE_LENGTH), `${at} is longer than ${OUTPUT_LINE_LENGTH}`);
  return {
    text: output as string,
    stderr: flag(stderr, `${at}.stderr`),
    offset: small(offset, `${at}.offset`),
    timestamp: whole(localTimestamp, `${at}.localTimestamp`),
    context,
  };
}

function logHtml(call: Call): Answer {
  const asked = call.body({
    experimentKey: text,
    html: text,
    override: optional(flag),
    timestamp: optional(whole),
  });
  const experiment = call.experiment(asked.experimentKey);
  experiment.take('others');
  experiment.html = asked.override ? asked.html : experiment.html + asked.html;
  return done();
}

function setText(field: 'graph' | 'code' | 'filePath'): Handler {
  return (call) => {
    const asked = call.body({ experimentKey: text, [field]: text });
    const experiment = call.experiment(asked.experimentKey as string);
    experiment.take('others');
    experiment[field] = asked[field] as string;
    return done();
  };
}

const SYSTEM_DETAILS = {
  experimentKey: text,
  user: optional(text),
  hostname: optional(text),
  ip: optional(text),
  os: optional(text),
  osType: optional(text),
  osRelease: optional(text),
  machine: optional(text),
  processor: optional(text),
  pid: optional(small),
  command: optional(list(text)),
  executable: optional(text),
  pythonVersion: optional(text),
  pythonVersionVerbose: optional(text),
  env: optional(anything),
  osPackages: optional(list(text)),
  installedPackages: optional(list(text)),
  gpuStaticInfoList: optional(list(anything)),
  logAdditionalSystemInfoList: optional(list(anything)),
  networkInterfaceIps: optional(list(text)),
};

function setSystemDetails(call: Call): Answer {
  const { experimentKey, ...details } = call.body(SYSTEM_DETAILS);
  const experiment = call.experiment(experimentKey);
  experiment.take('others');
  for (const [name, value] of Object.entries(details)) if (value !== undefined) experiment.system[name] = value;
  return done();
}

function setGit(call: Call): Answer {
  const { experimentKey, ...git } = call.body({
    experimentKey: text,
    user: optional(text),
    root: optional(text),
    branch: optional(text),
    parent: optional(text),
    origin: optional(text),
  });
  const experiment = call.experiment(experimentKey);
  experiment.take('others');
  experiment.git = git;
  return done();
}

function addDependencies(call: Call): Answer {
  const dependency = anything;
  const { experimentKey, logDependencies } = call.body({
    experimentKey: text,
    timestamp: optional(whole),
    logDependencies: list(dependency),
  });
  const experiment = call.experiment(experimentKey);
  for (const item of logDependencies) {
    demand(isObject(item), 'a dependency must be a JSON object');
    experiment.dependencies.push(item);
  }
  return done();
}

function updateStatus(call: Call): Answer {
  const asked = call.body({
    experimentKey: text,
    isAlive: flag,
    error: optional(text),
    hasCrashed: optional(flag),
  });
  const experiment = call.experiment(asked.experimentKey);
  experiment.setAlive(asked.isAlive);
  if (asked.hasCrashed !== undefined) experiment.crashed = asked.hasCrashed;
  if (asked.error !== undefined) experiment.error = asked.error;
  return done();
}

function setTimes(call: Call): Answer {
  const asked = call.body({
    experimentKey: text,
    startTimeMillis: optional(small),
    endTimeMillis: optional(small),
  });
  const experiment = call.experiment(asked.experimentKey);
  experiment.startTime = asked.startTimeMillis ?? experiment.startTime;
  experiment.endTime = asked.endTimeMillis ?? experiment.endTime;
  return done();
}

function uploadAsset(call: Call): Answer {
  const form = call.form();
  // The SDK writes a dict into the query, which leaves only its keys there; the form has it whole.
  if (form.has('metadata')) call.filterQuery('metadata', isJsonObject);
  const asked = call.query({
    ...KEY,
    fileName: optional(text),
    type: optional(text),
    step: optional(wholeText),
    epoch: optional(wholeText),
    context: optional(text),
    extension: optional(text),
    groupingName: optional(text),
    metadata: optional(text),
    overwrite: optional(flagText),
    isRemote: optional(flagText),
  });
  const experiment = call.experiment(asked.experimentKey);
  experiment.take('others');
  const asset = addAsset(
    experiment,
    {
      ...{ id: undefined, name: asked.fileName ?? form.get('file')?.fileName, type: asked.type ?? 'asset' },
      ...{ step: asked.step ?? null, epoch: asked.epoch ?? null, context: asked.context ?? null },
      ...{ extension: asked.extension, groupingName: asked.groupingName ?? null, metadata: asked.metadata },
      ...{ overwrite: asked.overwrite ?? false, isRemote: asked.isRemote ?? false },
    },
    form,
    call.site,
  );
  const id = asset.type === 'image' ? { imageId: asset.id } : {};
  return json({ assetId: asset.id, ...id });
}

function isJsonObject(value: string): boolean {
  try {
    return isObject(parseExact(value));
  } catch {
    return false;
  }
}

function deleteAsset(call: Call): Answer {
  const { experimentKey, assetId } = call.query({ ...KEY, assetId: filled });
  const { assets } = call.experiment(experimentKey);
  demand(assets.get(assetId) !== undefined, `there is no asset ${assetId}`);
  assets.delete(assetId);
  return done();
}

function createProject(call: Call): Answer {
  const asked = call.body({
    workspaceName: text,
    projectName: optional(text),
    projectDescription: optional(text),
    isPublic: optional(flag),
  });
  checkProjectName(asked.projectName);
  const { store } = call.site;
  store.checkWorkspace(asked.workspaceName);
  const existing = store.findProject(asked.workspaceName, asked.projectName);
  demand(existing === undefined, `project ${asked.projectName} exists already`);
  const project = store.project(asked.workspaceName, asked.projectName);
  project.description = asked.projectDescription ?? '';
  project.isPublic = asked.isPublic ?? false;
  return json({ projectId: project.id, projectName: project.name, workspaceName: project.workspace });
}

function setNotes(call: Call): Answer {
  const { projectId, notes } = call.body({ projectId: text, notes: text });
  findProject(call, { projectId }).notes = notes;
  return done();
}

/** By method and path below `rest/v2/`. */
export const REST_WRITES: Record<string, Handler> = {
  'POST write/project/create': createProject,
  'POST write/project/notes': setNotes,
  'POST write/experiment/create': createExperiment,
  'POST write/experiment/metric': takeMetric,
  'POST write/experiment/parameter': takeParameter,
  'POST write/experiment/parameter/delete': deleteParameter,
  'POST write/experiment/log-other': logOther,
  'POST write/experiment/tags': addTags,
  'POST write/experiment/tags/delete': deleteTags,
  'POST write/experiment/output': logOutput,
  'POST write/experiment/html': logHtml,
  'POST write/experiment/graph': setText('graph'),
  'POST write/experiment/code': setText('code'),
  'POST write/experiment/file-path': setText('filePath'),
  'POST write/experiment/system-details': setSystemDetails,
  'POST write/experiment/git/metadata': setGit,
  'PUT write/experiment/dependencies': addDependencies,
  'GET write/experiment/set-status': change((experiment) => experiment.setAlive(true)),
  'POST write/experiment/update-status': updateStatus,
  'POST write/experiment/set-start-end-time': setTimes,
  'GET write/experiment/archive': change((experiment) => {
    experiment.archived = true;
  }),
  'GET write/experiment/restore': change((experiment) => {
    experiment.archived = false;
  }),
  'GET write/experiment/delete': change(({ key }, { site }) => site.store.delete(key)),
  'POST write/experiment/upload-asset': uploadAsset,
  'GET write/experiment/asset/delete': deleteAsset,
};

/** `write/experiment/KEY/mark-not-throttled` */
export function markNotThrottled(call: Call, key: string): Answer {
  call.body({});
  call.experiment(key).throttled = false;
  return done();
}
