// The part of the W&B schema that the official SDK and loaders use. What isn't here is refused.

import { integer, Schema } from './graphql/schema.ts';
import { parseLenient } from './json.ts';

const MAX_INT64 = Number.MAX_SAFE_INTEGER;

/** Types and fields as the SDK's documents, generated inputs and answer models name them. */
const DEFINITIONS = `
scalar JSON scalar JSONString scalar DateTime scalar Int64 scalar Duration

enum ArtifactState { PENDING COMMITTED DELETED }
enum ArtifactCollectionState { READY DELETED }
enum ArtifactCollectionType { SEQUENCE PORTFOLIO }
enum ArtifactDigestAlgorithm { MANIFEST_MD5 MANIFEST_XXH128 }
enum ArtifactManifestType { FULL INCREMENTAL PATCH }
enum ArtifactStorageLayout { V1 V2 }
enum CompleteMultipartAction { Complete }

type PageInfo { endCursor: String hasNextPage: Boolean! }

type Query {
  viewer: User
  serverInfo: ServerInfo
  entity(name: String): Entity
  model(name: String, entityName: String): Project
  models(entityName: String, after: String, first: Int): ProjectConnection
  project(name: String, entityName: String): Project
  organization(name: String!): Organization
  artifact(id: ID!): Artifact
  artifactCollection(id: ID!): ArtifactCollection
  clientIDMapping(clientID: ID!): ClientIDMapping
}

type ServerInfo {
  cliVersionInfo: JSON
  latestLocalVersionInfo: LatestLocalVersionInfo
  features: [ServerFeature]
}
type LatestLocalVersionInfo { outOfDate: Boolean! latestVersionString: String! versionOnThisInstanceString: String! }
type ServerFeature { name: String! isEnabled: Boolean! }

type User {
  id: ID! name: String! username: String email: String admin: Boolean flags: JSONString entity: String
  deletedAt: DateTime apiKeys: ApiKeyConnection teams: EntityConnection
}
type ApiKeyConnection { edges: [ApiKeyEdge!]! }
type ApiKeyEdge { node: ApiKey }
type ApiKey { id: ID! name: String! description: String }
type EntityConnection { edges: [EntityEdge!]! }
type EntityEdge { node: Entity }
type Entity {
  id: ID! name: String! organization: Organization user: User project(name: String): Project
  isTeam: Boolean! entityType: String! xxhashDigestsEnabled: Boolean!
}
type Organization {
  id: ID! name: String! orgEntity: Entity coreWeaveOrganizationId: String
  featureFlags(rampIDType: RampIDType!): [FeatureFlag]!
}
enum RampIDType { OrgName }
type FeatureFlag { rampKey: String! isEnabled: Boolean! }

type ProjectConnection { pageInfo: PageInfo! edges: [ProjectEdge!]! }
type ProjectEdge { cursor: String! node: Project }
type Project {
  id: ID! internalId: ID! name: String! entityName: String! entity: Entity! createdAt: DateTime! updatedAt: DateTime
  description: String access: String views: JSONString isBenchmark: Boolean! readOnly: Boolean user: User
  runCount(filters: JSONString): Int!
  runs(filters: JSONString, after: String, first: Int, order: String): RunConnection
  run(name: String!): Run
  bucket(name: String!, missingOk: Boolean): Run
  artifact(name: String!): Artifact
  artifactType(name: String!): ArtifactType
  artifactTypes(after: String, first: Int, includeAll: Boolean): ArtifactTypeConnection!
  artifactCollection(name: String!): ArtifactCollection
  artifactCollections(after: String, first: Int, filters: JSONString, order: String): ArtifactCollectionConnection
  artifactCollectionMembership(name: String!): ArtifactCollectionMembership
}

type RunConnection { edges: [RunEdge!]! pageInfo: PageInfo! totalCount: Int! }
type RunEdge { node: Run! cursor: String! }
type Run {
  id: ID! name: String! displayName: String description: String notes: String tags: [String!] group: String
  jobType: String commit: String sweepName: String state: String stopped: Boolean readOnly: Boolean
  createdAt: DateTime! heartbeatAt: DateTime host: String user: User project: Project! projectId: Int!
  config: JSONString wandbConfig(keys: [String!]): JSONString summaryMetrics: JSONString systemMetrics: JSONString
  historyKeys: JSON historyLineCount: Int eventsLineCount: Int logLineCount: Int
  historyTail: JSONString eventsTail: JSONString
  history(minStep: Int64, maxStep: Int64, samples: Int): [String!]
  events(samples: Int): [String!]
  sampledHistory(specs: [JSONString!]!): [JSON!]
  parquetHistory(liveKeys: [String!]!): ParquetHistory!
  logLines(first: Int, after: String, last: Int, useImprovedPagination: Boolean): LogLineConnection
  fileCount: Int
  files(names: [String], after: String, first: Int, pattern: String): FileConnection
  outputArtifacts(after: String, first: Int): RunArtifactConnection
  inputArtifacts(after: String, first: Int): RunArtifactConnection
}
type ParquetHistory { parquetUrls: [String!]! liveData: [JSON!] }
type LogLineConnection { edges: [LogLineEdge!]! pageInfo: PageInfo! }
type LogLineEdge { node: LogLine! }
type LogLine { number: Int timestamp: String level: String label: String line: String }

type FileConnection { totalCount: Int! edges: [FileEdge!]! pageInfo: PageInfo! }
type FileEdge { node: File cursor: String! }
type File {
  id: ID! name: String! displayName: String url(upload: Boolean): String directUrl: String! sizeBytes: Int64
  mimetype: String updatedAt: DateTime md5: String digest: String storagePath: String
  uploadUrl: String uploadHeaders: [String!] uploadMultipartUrls: UploadMultipartUrls artifact: Artifact
}
type UploadMultipartUrls { uploadID: String! uploadUrlParts: [UploadUrlPart!]! }
type UploadUrlPart { partNumber: Int64! uploadUrl: String! }

type RunArtifactConnection { totalCount: Int! pageInfo: PageInfo! edges: [RunArtifactEdge!]! }
type RunArtifactEdge { node: Artifact cursor: String! }
type ArtifactTypeConnection { pageInfo: PageInfo! edges: [ArtifactTypeEdge!]! }
type ArtifactTypeEdge { node: ArtifactType cursor: String! }
type ArtifactType {
  id: ID! name: String! description: String createdAt: DateTime!
  artifactCollection(name: String!): ArtifactCollection
  artifactCollections(after: String, first: Int, filters: JSONString, order: String): ArtifactCollectionConnection
}
type ArtifactCollectionConnection { totalCount: Int! pageInfo: PageInfo! edges: [ArtifactCollectionEdge!]! }
type ArtifactCollectionEdge { node: ArtifactCollection cursor: String! }
interface ArtifactCollection {
  id: ID! name: String! description: String createdAt: DateTime! updatedAt: DateTime project: Project
  defaultArtifactType: ArtifactType! state: ArtifactCollectionState! tags: TagConnection!
  aliases(after: String, first: Int): ArtifactAliasConnection
  artifactMembership(aliasName: String!): ArtifactCollectionMembership
  artifacts(after: String, first: Int, order: String, filters: JSONString): VersionedArtifactConnection
}
type ArtifactSequence implements ArtifactCollection {
  id: ID! name: String! description: String createdAt: DateTime! updatedAt: DateTime project: Project
  defaultArtifactType: ArtifactType! state: ArtifactCollectionState! tags: TagConnection!
  aliases(after: String, first: Int): ArtifactAliasConnection
  artifactMembership(aliasName: String!): ArtifactCollectionMembership
  artifacts(after: String, first: Int, order: String, filters: JSONString): VersionedArtifactConnection
  latestArtifact: Artifact digestAlgorithm: ArtifactDigestAlgorithm
}
type ArtifactPortfolio implements ArtifactCollection {
  id: ID! name: String! description: String createdAt: DateTime! updatedAt: DateTime project: Project
  defaultArtifactType: ArtifactType! state: ArtifactCollectionState! tags: TagConnection!
  aliases(after: String, first: Int): ArtifactAliasConnection
  artifactMembership(aliasName: String!): ArtifactCollectionMembership
  artifacts(after: String, first: Int, order: String, filters: JSONString): VersionedArtifactConnection
}
type VersionedArtifactConnection { totalCount: Int! pageInfo: PageInfo! edges: [VersionedArtifactEdge!]! }
type VersionedArtifactEdge { version: String! node: Artifact cursor: String! }
type TagConnection { edges: [TagEdge!]! }
type TagEdge { node: Tag! }
type Tag { id: ID! name: String! }
type ArtifactAliasConnection { pageInfo: PageInfo! edges: [ArtifactAliasEdge!]! }
type ArtifactAliasEdge { node: ArtifactAlias cursor: String! }
type ArtifactAlias { id: ID! alias: String! artifactCollection: ArtifactCollection }
type ArtifactCollectionMembershipConnection { edges: [ArtifactCollectionMembershipEdge!]! }
type ArtifactCollectionMembershipEdge { node: ArtifactCollectionMembership }
type ArtifactCollectionMembership {
  id: ID! versionIndex: Int createdAt: DateTime! aliases: [ArtifactAlias!]! artifactCollection: ArtifactCollection
  artifact: Artifact files(names: [String!], after: String, first: Int): FileConnection
}
union ArtifactCreator = Run | User
type Artifact {
  id: ID! artifactSequence: ArtifactSequence! versionIndex: Int artifactType: ArtifactType! description: String
  metadata: JSONString ttlDurationSeconds: Int64! ttlIsInherited: Boolean! tags: [Tag!]! historyStep: Int64
  state: ArtifactState! size: Int64! digest: String! digestAlgorithm: ArtifactDigestAlgorithm commitHash: String
  fileCount: Int64! createdAt: DateTime! updatedAt: DateTime aliases: [ArtifactAlias!]!
  currentManifest: ArtifactManifest createdBy: ArtifactCreator usedBy: RunConnection!
  artifactMemberships: ArtifactCollectionMembershipConnection!
  files(names: [String!], after: String, first: Int): FileConnection!
  filesByManifestEntries(
    entries: [ArtifactManifestEntryInput!], storageLayout: String!, manifestVersion: String!, storageRegion: String,
    after: String, first: Int
  ): FileConnection!
}
type ArtifactManifest { id: ID! digest: String! file: File! }
type ClientIDMapping { serverID: ID! }

input ArtifactManifestEntryInput { birthArtifactID: String digest: String! name: String! ref: String size: Int64 }
input ArtifactAliasInput { alias: String! artifactCollectionName: String! }
input ArtifactCollectionAliasInput {
  alias: String! artifactCollectionName: String! entityName: String! projectName: String!
}
input TagInput { attributes: JSONString tagCategoryName: String tagName: String! }
input UploadPartsInput { hexMD5: String! partNumber: Int64! }

type Mutation {
  upsertModel(input: UpsertModelInput!): UpsertModelPayload
  upsertBucket(input: UpsertBucketInput!): UpsertBucketPayload
  deleteRun(input: DeleteRunInput!): DeleteRunPayload
  rewindRun(input: RewindRunInput!): RewindRunPayload
  stopRun(input: StopRunInput!): StopRunPayload
  updateRunState(input: UpdateRunStateInput!): UpdateRunStatePayload
  createRunFiles(input: CreateRunFilesInput!): CreateRunFilesPayload
  markRunFilesUploaded(input: MarkRunFilesUploadedInput!): MarkRunFilesUploadedPayload
  deleteFiles(input: DeleteFilesInput!): DeleteFilesPayload
  createArtifact(input: CreateArtifactInput!): CreateArtifactPayload
  createArtifactManifest(input: CreateArtifactManifestInput!): CreateArtifactManifestPayload
  createArtifactFiles(input: CreateArtifactFilesInput!): CreateArtifactFilesPayload
  completeMultipartUploadArtifact(input: CompleteMultipartUploadArtifactInput!): CompleteMultipartUploadArtifactPayload
  commitArtifact(input: CommitArtifactInput!): CommitArtifactPayload
  updateArtifact(input: UpdateArtifactInput!): UpdateArtifactPayload
  deleteArtifact(input: DeleteArtifactInput!): DeleteArtifactPayload
  useArtifact(input: UseArtifactInput!): UseArtifactPayload
  linkArtifact(input: LinkArtifactInput!): LinkArtifactPayload
  unlinkArtifact(input: UnlinkArtifactInput!): UnlinkArtifactPayload
  addAliases(input: AddAliasesInput!): AddAliasesPayload
  deleteAliases(input: DeleteAliasesInput!): DeleteAliasesPayload
}
type StopRunPayload { success: Boolean! clientMutationId: String }
type UpdateRunStatePayload { success: Boolean! clientMutationId: String }
type MarkRunFilesUploadedPayload { success: Boolean! clientMutationId: String }
type DeleteFilesPayload { success: Boolean! clientMutationId: String }
type CreateArtifactPayload { artifact: Artifact! }
type CreateArtifactManifestPayload { artifactManifest: ArtifactManifest! }
type CompleteMultipartUploadArtifactPayload { digest: String }
type CommitArtifactPayload { artifact: Artifact! }
type UpdateArtifactPayload { artifact: Artifact! }
type DeleteArtifactPayload { artifact: Artifact! }
type UseArtifactPayload { artifact: Artifact! }
type UnlinkArtifactPayload { success: Boolean! clientMutationId: String }
type AddAliasesPayload { success: Boolean! clientMutationId: String }
type DeleteAliasesPayload { success: Boolean! clientMutationId: String }
input UpsertModelInput {
  access: String clientMutationId: String description: String entityName: String id: String name: String
  framework: String isBenchmark: Boolean isPublished: Boolean repo: String views: JSONString
}
type UpsertModelPayload { model: Project project: Project inserted: Boolean }
input UpsertBucketInput {
  id: String name: String modelName: String entityName: String groupName: String description: String
  displayName: String notes: String config: JSONString commit: String host: String debug: Boolean jobProgram: String
  jobRepo: String jobType: String state: String sweep: String tags: [String!] summaryMetrics: JSONString
  clientMutationId: String
}
type UpsertBucketPayload { bucket: Run inserted: Boolean }
input DeleteRunInput { id: ID! deleteArtifacts: Boolean clientMutationId: String }
type DeleteRunPayload { clientMutationId: String success: Boolean }
input RewindRunInput {
  runName: String! entityName: String projectName: String metricName: String! metricValue: Float!
}
type RewindRunPayload { rewoundRun: Run }
input StopRunInput { id: ID! }
input UpdateRunStateInput { id: ID! state: String! }
input CreateRunFilesInput { entityName: String! projectName: String! runName: String! files: [String!]! }
type CreateRunFilesPayload { runID: ID! uploadHeaders: [String!]! files: [File!]! }
input MarkRunFilesUploadedInput { entityName: String! projectName: String! runName: String! files: [String!]! }
input DeleteFilesInput { files: [ID!]! projectId: Int }
input CreateArtifactInput {
  aliases: [ArtifactAliasInput!] artifactCollectionName: String artifactCollectionNames: [String!]
  artifactTypeName: String! clientID: ID clientMutationId: String description: String digest: String!
  digestAlgorithm: ArtifactDigestAlgorithm! distributedID: String enableDigestDeduplication: Boolean
  entityName: String! historyStep: Int64 labels: JSONString metadata: JSONString projectName: String! runName: String
  sequenceClientID: ID storageRegion: String tags: [TagInput!] ttlDurationSeconds: Int64
}
input CreateArtifactManifestInput {
  artifactID: ID! baseArtifactID: ID name: String! digest: String! entityName: String! projectName: String!
  runName: String! type: ArtifactManifestType
}
input CreateArtifactFilesInput {
  artifactFiles: [CreateArtifactFileSpecInput!]! storageLayout: ArtifactStorageLayout cloudRegionID: ID
  digestAlgorithm: ArtifactDigestAlgorithm
  clientMutationId: String
}
input CreateArtifactFileSpecInput {
  artifactID: ID! artifactManifestID: ID md5: String digest: String mimetype: String name: String!
  uploadPartsInput: [UploadPartsInput!]
}
type CreateArtifactFilesPayload { files: FileConnection! }
input CompleteMultipartUploadArtifactInput {
  completeMultipartAction: CompleteMultipartAction! completedParts: [UploadPartsInput!]! artifactID: ID!
  storagePath: String! uploadID: String!
}
input CommitArtifactInput { artifactID: ID! }
input UpdateArtifactInput {
  aliases: [ArtifactAliasInput!] artifactID: ID! clientMutationId: String description: String labels: JSONString
  metadata: JSONString tagsToAdd: [TagInput!] tagsToDelete: [TagInput!] ttlDurationSeconds: Int64
}
input DeleteArtifactInput { artifactID: ID! clientMutationId: String deleteAliases: Boolean = false }
input UseArtifactInput {
  artifactEntityName: String artifactID: ID! artifactProjectName: String clientMutationId: String entityName: String!
  projectName: String! runName: String! usedAs: String
}
input LinkArtifactInput {
  aliases: [ArtifactAliasInput!] artifactID: ID artifactPortfolioID: ID artifactPortfolioName: String clientID: ID
  clientMutationId: String entityName: String projectName: String
}
type LinkArtifactPayload { versionIndex: Int artifactMembership: ArtifactCollectionMembership }
input UnlinkArtifactInput { artifactID: ID! artifactPortfolioID: ID! clientMutationId: String }
input AddAliasesInput { aliases: [ArtifactCollectionAliasInput!]! artifactID: ID! clientMutationId: String }
input DeleteAliasesInput { aliases: [ArtifactCollectionAliasInput!]! artifactID: ID! clientMutationId: String }
`;

function jsonText(value: unknown): unknown {
  if (typeof value !== 'string') throw new Error('takes a text');
  parseLenient(value);
  return value;
}

const int64 = (value: unknown) => integer(value, MAX_INT64);

/** The schema that documents are validated against. @param hidden what an older server lacks, as `Type.field` */
export function wandbSchema(hidden: readonly string[] = []): Schema {
  const scalars = { JSON: (value: unknown) => value, JSONString: jsonText, DateTime: (value: unknown) => value };
  return new Schema(DEFINITIONS, { ...scalars, Int64: int64, Duration: int64 }, hidden);
}
