// The operations of Neptune 2's API that the demo server knows.

import { getAttribute, getExperiment, getExperimentAttributes } from './containers.ts';
import * as downloads from './downloads.ts';
import type { Operation, Parameter } from './operation.ts';
import * as projects from './projects.ts';
import { searchAttributes, searchEntries } from './search.ts';
import * as series from './series.ts';

const query = (name: string, type: Parameter['type'] = 'string'): Parameter => ({ name, in: 'query', type });
const required = (parameter: Parameter): Parameter => ({ ...parameter, required: true });
const API_TOKEN: Parameter = { name: 'X-Neptune-Api-Token', in: 'header', type: 'string' };
const EXPERIMENT = required(query('experimentId'));
const ATTRIBUTE = [EXPERIMENT, required(query('attribute'))];
const PROJECT = required(query('projectIdentifier'));
const PAGE = [query('limit', 'integer'), query('offset', 'integer')];
const TYPES = query('type', 'texts');

const BACKEND: Omit<Operation, 'document'>[] = [
  {
    id: 'getClientConfig',
    method: 'GET',
    path: '/api/backend/v1/clients/config',
    parameters: [API_TOKEN, query('alpha')],
    returns: 'ClientConfig',
    open: true,
    handle: projects.clientConfig,
  },
  {
    id: 'exchangeApiToken',
    method: 'GET',
    path: '/api/backend/v1/authorization/oauth-token',
    parameters: [API_TOKEN],
    returns: 'OauthToken',
    open: true,
    handle: projects.exchangeApiToken,
  },
  {
    id: 'listProjects',
    method: 'GET',
    path: '/api/backend/v1/projects',
    parameters: [
      query('organizationIdentifier'),
      query('userRelation'),
      query('searchTerm'),
      query('sortBy', 'texts'),
      query('sortDirection', 'texts'),
      ...PAGE,
    ],
    returns: 'ProjectList',
    handle: projects.listProjects,
  },
  {
    id: 'getProject',
    method: 'GET',
    path: '/api/backend/v1/projects/get',
    parameters: [PROJECT],
    returns: 'Project',
    handle: projects.getProject,
  },
  {
    id: 'listOrganizations',
    method: 'GET',
    path: '/api/backend/v1/myOrganizations',
    parameters: [],
    returns: '[Organization]',
    handle: projects.listOrganizations,
  },
];

const CONTAINERS: Omit<Operation, 'document'>[] = [
  {
    id: 'getExperiment',
    method: 'GET',
    path: '/api/leaderboard/v1/experiments',
    parameters: [EXPERIMENT],
    returns: 'Experiment',
    handle: getExperiment,
  },
  {
    id: 'getExperimentAttributes',
    method: 'GET',
    path: '/api/leaderboard/v1/attributes',
    parameters: [EXPERIMENT],
    returns: 'ExperimentAttributes',
    handle: getExperimentAttributes,
  },
  {
    id: 'searchLeaderboardEntries',
    method: 'POST',
    path: '/api/leaderboard/v1/leaderboard/entries/search',
    parameters: [PROJECT, TYPES],
    body: { name: 'params', type: 'SearchEntriesParams' },
    returns: 'EntriesSearchResult',
    handle: searchEntries,
  },
  {
    id: 'searchLeaderboardAttributes',
    method: 'POST',
    path: '/api/leaderboard/v1/leaderboard/attributes/search',
    parameters: [PROJECT, TYPES, query('search'), query('attributeType', 'texts'), query('limit', 'integer')],
    body: { name: 'params', type: 'SearchAttributesParams' },
    returns: 'AttributesSearchResult',
    handle: searchAttributes,
  },
];

const SERIES: Omit<Operation, 'document'>[] = [
  {
    id: 'getFloatSeriesValues',
    method: 'GET',
    path: '/api/leaderboard/v1/attributes/series/float',
    parameters: [...ATTRIBUTE, ...PAGE],
    returns: 'FloatSeriesValues',
    when: ({ skipToStep }) => !skipToStep,
    handle: series.floatValues,
  },
  {
    id: 'getFloatSeriesValues',
    method: 'GET',
    path: '/api/leaderboard/v1/attributes/series/float',
    parameters: [...ATTRIBUTE, query('limit', 'integer'), query('skipToStep', 'number')],
    returns: 'FloatSeriesValues',
    when: ({ skipToStep }) => skipToStep,
    handle: series.floatValues,
  },
  {
    id: 'getStringSeriesValues',
    method: 'GET',
    path: '/api/leaderboard/v1/attributes/series/string',
    parameters: [...ATTRIBUTE, ...PAGE],
    returns: 'StringSeriesValues',
    when: ({ skipToStep }) => !skipToStep,
    handle: series.stringValues,
  },
  {
    id: 'getStringSeriesValues',
    method: 'GET',
    path: '/api/leaderboard/v1/attributes/series/string',
    parameters: [...ATTRIBUTE, ...PAGE, query('maxSingleValueLength', 'integer')],
    returns: 'StringSeriesValues',
    when: ({ skipToStep }) => skipToStep,
    handle: series.stringValues,
  },
  {
    id: 'getImageSeriesValues',
    method: 'GET',
    path: '/api/leaderboard/v1/attributes/series/image',
    parameters: [...ATTRIBUTE, ...PAGE],
    returns: 'ImageSeriesValues',
    handle: series.imageCount,
  },
  {
    id: 'getImageSeriesValue',
    method: 'GET',
    path: '/api/leaderboard/v1/attributes/series/image/single',
    parameters: [...ATTRIBUTE, required(query('index', 'integer'))],
    returns: 'file',
    handle: downloads.imageValue,
  },
  {
    id: 'getChannelValues',
    method: 'GET',
    path: '/api/leaderboard/v1/channels/{channelId}/values',
    parameters: [{ name: 'channelId', in: 'path', type: 'string', required: true }, ...PAGE],
    returns: 'ChannelValues',
    when: ({ channels }) => channels,
    handle: series.channelValues,
  },
  {
    id: 'getMultipleFloatSeriesValuesProto',
    method: 'POST',
    path: '/api/leaderboard/v1/proto/attributes/series/float',
    parameters: [],
    body: { name: 'request', type: 'FloatSeriesRequests' },
    returns: 'file',
    when: ({ bulk }) => bulk,
    handle: series.manyFloatValues,
  },
];

const FILES: Omit<Operation, 'document'>[] = [
  {
    id: 'downloadAttribute',
    method: 'GET',
    path: '/api/leaderboard/v1/attributes/download',
    parameters: [...ATTRIBUTE, query('path')],
    returns: 'file',
    handle: downloads.downloadAttribute,
  },
  {
    id: 'lsFileSetAttribute',
    method: 'GET',
    path: '/api/leaderboard/v1/attributes/ls',
    parameters: [...ATTRIBUTE, required(query('path'))],
    returns: '[FileEntry]',
    handle: downloads.listFileSet,
  },
  {
    id: 'prepareForDownloadFileSetAttributeZip',
    method: 'POST',
    path: '/api/leaderboard/v1/attributes/downloadFileSetZipRequest',
    parameters: ATTRIBUTE,
    returns: 'DownloadRequest',
    handle: downloads.prepareZip,
  },
  {
    id: 'getDownloadPrepareRequest',
    method: 'GET',
    path: '/api/leaderboard/v1/download/downloadRequest',
    parameters: [required(query('id'))],
    returns: 'DownloadRequest',
    handle: downloads.zipRequest,
  },
  {
    id: 'download',
    method: 'GET',
    path: '/api/leaderboard/v1/download/downloadFile',
    parameters: [required(query('id'))],
    returns: 'file',
    handle: downloads.downloadZip,
  },
];

/** Operation, path, answer and attribute type of what gives a single attribute. */
const SINGLES = [
  ['getFloatAttribute', 'floats', 'FloatAttribute', 'float'],
  ['getIntAttribute', 'integers', 'IntAttribute', 'int'],
  ['getBoolAttribute', 'booleans', 'BoolAttribute', 'bool'],
  ['getStringAttribute', 'strings', 'StringAttribute', 'string'],
  ['getDatetimeAttribute', 'datetimes', 'DatetimeAttribute', 'datetime'],
  ['getStringSetAttribute', 'stringSets', 'StringSetAttribute', 'stringSet'],
  ['getFloatSeriesAttribute', 'floatSeries', 'FloatSeriesAttribute', 'floatSeries'],
  ['getStringSeriesAttribute', 'stringSeries', 'StringSeriesAttribute', 'stringSeries'],
  ['getFileAttribute', 'files', 'FileAttribute', 'file'],
  ['getArtifactAttribute', 'artifacts', 'ArtifactAttribute', 'artifact'],
] as const;

const LEADERBOARD: Omit<Operation, 'document'>[] = [
  ...CONTAINERS,
  ...SINGLES.map(([id, place, returns, type]) => ({
    id,
    method: 'GET' as const,
    path: `/api/leaderboard/v1/attributes/${place}`,
    parameters: ATTRIBUTE,
    returns,
    handle: getAttribute(type),
  })),
  ...SERIES,
  ...FILES,
];

const ARTIFACTS: Omit<Operation, 'document'>[] = [
  {
    id: 'listArtifactFiles',
    method: 'GET',
    path: '/api/artifacts/v1/artifacts/files',
    parameters: [PROJECT, required(query('hash'))],
    returns: 'ArtifactFiles',
    when: ({ artifacts }) => artifacts,
    handle: downloads.listArtifactFiles,
  },
];

/** All operations at the paths of the public documents. */
export const OPERATIONS: readonly Operation[] = [
  ...BACKEND.map((one): Operation => ({ ...one, document: 'backend' })),
  ...LEADERBOARD.map((one): Operation => ({ ...one, document: 'leaderboard' })),
  ...ARTIFACTS.map((one): Operation => ({ ...one, document: 'artifacts' })),
];
