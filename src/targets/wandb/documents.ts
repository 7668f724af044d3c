// The GraphQL documents, with no field that older servers are known to lack where it isn't needed.

export const VIEWER = `query Viewer { viewer { id entity username teams { edges { node { name } } } } }`;

export const ENTITY = `query Entity($name: String!) { entity(name: $name) { id name } }`;

export const FEATURES = `query ServerFeatures { serverInfo { features { name isEnabled } } }`;

export const PROJECT = `query Project($entity: String, $project: String) {
  project(name: $project, entityName: $entity) { id name }
}`;

export const RUNS = `query Runs($entity: String, $project: String, $after: String, $first: Int) {
  project(name: $project, entityName: $entity) {
    runs(after: $after, first: $first) {
      edges { node { id name displayName state } }
      pageInfo { endCursor hasNextPage }
    }
  }
}`;

export const RUN = `query RunResumeStatus($entity: String, $project: String, $name: String!) {
  model(name: $project, entityName: $entity) {
    id
    name
    bucket(name: $name, missingOk: true) {
      id
      name
      displayName
      state
      config
      summaryMetrics
      tags
      notes
      group
      host
      historyLineCount
      historyTail
    }
  }
}`;

export const UPSERT_RUN = `mutation UpsertBucket(
  $name: String, $entity: String, $project: String, $displayName: String, $groupName: String, $notes: String,
  $tags: [String!], $config: JSONString, $host: String
) {
  upsertBucket(input: {
    name: $name, entityName: $entity, modelName: $project, displayName: $displayName, groupName: $groupName,
    notes: $notes, tags: $tags, config: $config, host: $host
  }) {
    bucket { id name historyLineCount project { id name entity { id name } } }
    inserted
  }
}`;

export const DELETE_RUN = `mutation DeleteRun($id: ID!, $deleteArtifacts: Boolean) {
  deleteRun(input: { id: $id, deleteArtifacts: $deleteArtifacts }) { clientMutationId }
}`;

export const HISTORY = `query History(
  $entity: String, $project: String, $name: String!, $minStep: Int64!, $maxStep: Int64!, $samples: Int!
) {
  project(name: $project, entityName: $entity) {
    run(name: $name) { history(minStep: $minStep, maxStep: $maxStep, samples: $samples) }
  }
}`;

export const CREATE_FILES = `mutation CreateRunFiles(
  $entity: String!, $project: String!, $run: String!, $files: [String!]!
) {
  createRunFiles(input: { entityName: $entity, projectName: $project, runName: $run, files: $files }) {
    runID
    uploadHeaders
    files { name uploadUrl }
  }
}`;

export const FILES = `query RunFiles($entity: String, $project: String, $name: String!, $names: [String], $first: Int) {
  project(name: $project, entityName: $entity) {
    run(name: $name) {
      files(names: $names, first: $first) { edges { node { name sizeBytes md5 directUrl } } }
    }
  }
}`;

export const ALL_FILES = `query AllRunFiles($entity: String, $project: String, $name: String!, $after: String, $first: Int) {
  project(name: $project, entityName: $entity) {
    run(name: $name) {
      files(after: $after, first: $first) {
        edges { node { name sizeBytes md5 } }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
}`;

export const CREATE_ARTIFACT = `mutation CreateArtifact($input: CreateArtifactInput!) {
  createArtifact(input: $input) { artifact { id state artifactSequence { latestArtifact { id } } } }
}`;

export const CREATE_MANIFEST = `mutation CreateArtifactManifest($input: CreateArtifactManifestInput!) {
  createArtifactManifest(input: $input) { artifactManifest { id file { id uploadUrl uploadHeaders } } }
}`;

export const CREATE_ARTIFACT_FILES = `mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) {
  createArtifactFiles(input: $input) {
    files {
      edges {
        node {
          name
          storagePath
          uploadUrl
          uploadHeaders
          uploadMultipartUrls { uploadID uploadUrlParts { partNumber uploadUrl } }
          artifact { id }
        }
      }
    }
  }
}`;

export const COMPLETE_MULTIPART = `mutation CompleteMultipart($input: CompleteMultipartUploadArtifactInput!) {
  completeMultipartUploadArtifact(input: $input) { digest }
}`;

export const COMMIT_ARTIFACT = `mutation CommitArtifact($artifactID: ID!) {
  commitArtifact(input: { artifactID: $artifactID }) { artifact { id digest } }
}`;

export const ARTIFACT = `query ArtifactState($id: ID!) { artifact(id: $id) { id state digest } }`;

export const RUN_ARTIFACTS = `query RunArtifacts($entity: String, $project: String, $name: String!, $after: String, $first: Int) {
  project(name: $project, entityName: $entity) {
    run(name: $name) {
      outputArtifacts(after: $after, first: $first) {
        edges { node { id digest state artifactType { name } artifactSequence { name } currentManifest { file { directUrl } } } }
        pageInfo { endCursor hasNextPage }
      }
    }
  }
}`;
