// The data types of the API, for the Swagger documents.

/** `string`, `uuid`, `date-time`, `int32`, `int64`, `double`, `boolean`, `object`, or the name of a definition; `[x]`: a list. */
type TypeText = string;

const attribute = (fields: Record<string, TypeText>) => ({
  attributeName: 'string',
  attributeType: 'string',
  ...fields,
});

const BACKEND: Record<string, Record<string, TypeText>> = {
  ClientConfig: {
    apiUrl: 'string',
    applicationUrl: 'string',
    pyLibVersions: 'ClientVersions',
    artifacts: 'ArtifactsConfig',
    multiPartUpload: 'MultiPartUploadConfig',
    sysNameSetByBackend: 'boolean',
  },
  ClientVersions: { minRecommendedVersion: 'string', minCompatibleVersion: 'string', maxCompatibleVersion: 'string' },
  ArtifactsConfig: { enabled: 'boolean', apiVersion: 'int32' },
  MultiPartUploadConfig: { enabled: 'boolean' },
  OauthToken: { accessToken: 'string', refreshToken: 'string', username: 'string' },
  Project: {
    id: 'uuid',
    name: 'string',
    projectKey: 'string',
    organizationId: 'uuid',
    organizationName: 'string',
    version: 'int32',
    archived: 'boolean',
  },
  ProjectList: { entries: '[Project]', matchingItemCount: 'int32', totalItemCount: 'int32' },
  Organization: { id: 'uuid', name: 'string' },
};

const PLACE = { projectId: 'uuid', projectName: 'string', organizationId: 'uuid', organizationName: 'string' };

const LEADERBOARD: Record<string, Record<string, TypeText>> = {
  Experiment: { id: 'uuid', shortId: 'string', type: 'string', trashed: 'boolean', parentId: 'uuid', ...PLACE },
  ExperimentAttributes: { id: 'uuid', trashed: 'boolean', attributes: '[Attribute]', ...PLACE },
  Attribute: {
    name: 'string',
    type: 'string',
    floatProperties: 'FloatAttribute',
    intProperties: 'IntAttribute',
    boolProperties: 'BoolAttribute',
    stringProperties: 'StringAttribute',
    datetimeProperties: 'DatetimeAttribute',
    stringSetProperties: 'StringSetAttribute',
    floatSeriesProperties: 'FloatSeriesAttribute',
    stringSeriesProperties: 'StringSeriesAttribute',
    imageSeriesProperties: 'ImageSeriesAttribute',
    fileProperties: 'FileAttribute',
    fileSetProperties: 'FileSetAttribute',
    artifactProperties: 'ArtifactAttribute',
    gitRefProperties: 'GitRefAttribute',
    experimentStateProperties: 'ExperimentStateAttribute',
    notebookRefProperties: 'NotebookRefAttribute',
  },
  FloatAttribute: attribute({ value: 'double' }),
  IntAttribute: attribute({ value: 'int64' }),
  BoolAttribute: attribute({ value: 'boolean' }),
  StringAttribute: attribute({ value: 'string' }),
  DatetimeAttribute: attribute({ value: 'date-time' }),
  StringSetAttribute: attribute({ values: '[string]' }),
  FloatSeriesAttribute: attribute({
    last: 'double',
    lastStep: 'double',
    min: 'double',
    max: 'double',
    average: 'double',
    variance: 'double',
    config: 'FloatSeriesConfig',
  }),
  FloatSeriesConfig: { min: 'double', max: 'double', unit: 'string' },
  StringSeriesAttribute: attribute({ last: 'string', lastStep: 'double' }),
  ImageSeriesAttribute: attribute({ lastStep: 'double', channelId: 'uuid' }),
  FileAttribute: attribute({ name: 'string', ext: 'string', size: 'int64' }),
  FileSetAttribute: attribute({ size: 'int64' }),
  ArtifactAttribute: attribute({ hash: 'string' }),
  GitRefAttribute: attribute({
    commit: 'GitCommit',
    repositoryDirty: 'boolean',
    currentBranch: 'string',
    remotes: '[string]',
  }),
  GitCommit: {
    commitId: 'string',
    message: 'string',
    authorName: 'string',
    authorEmail: 'string',
    commitDate: 'date-time',
  },
  ExperimentStateAttribute: attribute({ value: 'string' }),
  NotebookRefAttribute: attribute({
    notebookId: 'uuid',
    notebookName: 'string',
    notebookDeleted: 'boolean',
    checkpointId: 'uuid',
    checkpointName: 'string',
    checkpointDeleted: 'boolean',
  }),
  SearchEntriesParams: {
    query: 'NqlQuery',
    attributeFilters: '[AttributeFilter]',
    sorting: 'Sorting',
    pagination: 'Pagination',
  },
  NqlQuery: { query: 'string' },
  AttributeFilter: { path: 'string' },
  Sorting: { dir: 'string', aggregationMode: 'string', sortBy: 'SortField' },
  SortField: { name: 'string', type: 'string', aggregationMode: 'string' },
  Pagination: { limit: 'int32', offset: 'int32' },
  EntriesSearchResult: { matchingItemCount: 'int64', entries: '[Entry]' },
  Entry: { experimentId: 'uuid', type: 'string', attributes: '[Attribute]', ...PLACE },
  SearchAttributesParams: { query: 'NqlQuery' },
  AttributesSearchResult: { entries: '[AttributeDefinition]' },
  AttributeDefinition: { name: 'string', type: 'string' },
  FloatSeriesValues: { totalItemCount: 'int32', values: '[FloatPoint]' },
  FloatPoint: { timestampMillis: 'int64', step: 'double', value: 'double' },
  StringSeriesValues: { totalItemCount: 'int32', values: '[StringPoint]' },
  StringPoint: { timestampMillis: 'int64', step: 'double', value: 'string' },
  ImageSeriesValues: { totalItemCount: 'int32' },
  ChannelValues: { channelId: 'uuid', totalItemCount: 'int32', values: '[ChannelPoint]' },
  ChannelPoint: { timestampMillis: 'int64', x: 'double', y: 'ChannelValue' },
  ChannelValue: { imageValue: 'ImageDescription', numericValue: 'double', textValue: 'string' },
  ImageDescription: { name: 'string', description: 'string', imageUrl: 'string', thumbnailUrl: 'string' },
  FileEntry: { name: 'string', size: 'int64', mtime: 'date-time', fileType: 'string' },
  DownloadRequest: { id: 'uuid', downloadUrl: 'string' },
  FloatSeriesRequests: { perSeriesPointsLimit: 'int32', requests: '[FloatSeriesRequest]' },
  FloatSeriesRequest: { requestId: 'string', afterStep: 'double', series: 'SeriesIdentifier' },
  SeriesIdentifier: { attribute: 'string', holder: 'HolderIdentifier' },
  HolderIdentifier: { identifier: 'string', type: 'string' },
};

const ARTIFACTS: Record<string, Record<string, TypeText>> = {
  ArtifactFiles: { files: '[ArtifactFile]' },
  ArtifactFile: {
    filePath: 'string',
    fileHash: 'string',
    type: 'string',
    size: 'int64',
    metadata: '[ArtifactFileMetadata]',
  },
  ArtifactFileMetadata: { key: 'string', value: 'string' },
};

const DEFINITIONS = { backend: BACKEND, leaderboard: LEADERBOARD, artifacts: ARTIFACTS };

/** The definitions of a document, in Swagger 2.0. */
export function definitionsOf(document: keyof typeof DEFINITIONS): Record<string, object> {
  return Object.fromEntries(
    Object.entries(DEFINITIONS[document]).map(([name, fields]) => {
      const properties = Object.entries(fields).map(([field, type]) => [field, schemaOf(type)]);
      return [name, { type: 'object', title: name, properties: Object.fromEntries(properties) }];
    }),
  );
}

/** A type in Swagger 2.0. */
export function schemaOf(type: TypeText): object {
  if (type.startsWith('[')) return { type: 'array', items: schemaOf(type.slice(1, -1)) };
  switch (type) {
    case 'string':
    case 'boolean':
    case 'object':
    case 'file':
      return { type };
    case 'uuid':
    case 'date-time':
      return { type: 'string', format: type };
    case 'int32':
    case 'int64':
      return { type: 'integer', format: type };
    case 'double':
      return { type: 'number', format: type };
  }
  return { $ref: `#/definitions/${type}` };
}
