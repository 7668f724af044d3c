// Attributes as the API writes them: `{name, type, <type>Properties}`.

import { aggregatesOf } from '../aggregates.ts';
import type { Series } from '../dataset.ts';
import { type Container, channelIdOf } from './catalog.ts';
import type { DemoAttribute2, DemoFileSet } from './dataset.ts';
import type { Json } from './json.ts';

export function attributeJson(container: Container, name: string, attribute: DemoAttribute2): Json {
  const type = wireType(attribute);
  return { name, type, [`${type}Properties`]: propertiesJson(container, name, attribute) };
}

/** Name of the attribute's type in the API. */
export function wireType(attribute: DemoAttribute2): string {
  return attribute.type === 'unknown' ? attribute.wireType : attribute.type;
}

/** The properties of an attribute; its single value also comes as these alone. */
export function propertiesJson(container: Container, name: string, attribute: DemoAttribute2): Json {
  return { attributeName: name, attributeType: wireType(attribute), ...ownProperties(container, name, attribute) };
}

function ownProperties(container: Container, name: string, attribute: DemoAttribute2): Record<string, Json> {
  switch (attribute.type) {
    case 'float':
    case 'int':
    case 'string':
    case 'bool':
    case 'experimentState':
      return { value: attribute.value };
    case 'datetime':
      return { value: timeJson(Number(attribute.value)) };
    case 'stringSet':
      return { values: attribute.value };
    case 'floatSeries': {
      const { hasPreview: _, ...aggregates } = aggregatesOf(attribute.series);
      return { ...aggregates, config: {} };
    }
    case 'stringSeries':
      return { last: lastValue(attribute.series), lastStep: lastStep(attribute.series) };
    case 'imageSeries':
      return { lastStep: lastStep(attribute.series), channelId: channelIdOf(container, name) };
    case 'file':
      return { name: attribute.file.name, ext: attribute.file.ext, size: BigInt(attribute.file.sizeBytes) };
    case 'fileSet':
      return { size: BigInt(sizeOf(attribute.fileSet)) };
    case 'artifact':
      return { hash: attribute.artifact.hash };
    case 'gitRef': {
      const { commitId, message, authorName, authorEmail, commitDate, dirty, branch, remotes } = attribute.git;
      return {
        commit: { commitId, message, authorName, authorEmail, commitDate: timeJson(commitDate) },
        repositoryDirty: dirty,
        currentBranch: branch,
        remotes,
      };
    }
    case 'notebookRef':
      return { ...attribute.notebook };
    case 'unknown':
      return attribute.properties;
  }
}

/** Time as ISO 8601 with milliseconds and `Z`. */
export function timeJson(ms: number): string {
  return new Date(ms).toISOString();
}

function sizeOf({ members }: DemoFileSet): number {
  let size = 0;
  for (const { sizeBytes } of members.values()) size += sizeBytes;
  return size;
}

function lastValue<T>(series: Series<T>): T | undefined {
  return series.length > 0 ? series.value(series.length - 1) : undefined;
}

function lastStep(series: Series<unknown>): number | undefined {
  return series.length > 0 ? series.step(series.length - 1) : undefined;
}
