// Artifacts as ZenML's Python client loads them: which file lies in the folder, and what `load()` gives. Pure.

import type { Origin } from '../file-store.ts';

/** What `Client().get_artifact_version(...).load()` gives: a path to a copy of the file, a text, bytes, or a dict. */
export type ArtifactKind = 'path' | 'text' | 'bytes' | 'dict';

interface Form {
  /** Name of the one file in the artifact's folder. */
  file: string;
  type: string;
  materializer: object;
  dataType: object;
}

function form(file: string, type: string, materializer: [string, string], dataType: [string, string]): Form {
  const source = ([module, attribute]: [string, string], kind: string) => ({ module, attribute, type: kind });
  return { file, type, materializer: source(materializer, 'internal'), dataType: source(dataType, 'builtin') };
}

const BUILT_IN = 'zenml.materializers.built_in_materializer';

export const FORMS: Readonly<Record<ArtifactKind, Form>> = {
  path: form(
    'file_data',
    'DataArtifact',
    ['zenml.materializers.path_materializer', 'PathMaterializer'],
    ['pathlib', 'PosixPath'],
  ),
  text: form('data.json', 'DataArtifact', [BUILT_IN, 'BuiltInMaterializer'], ['builtins', 'str']),
  bytes: form('data.txt', 'DataArtifact', [BUILT_IN, 'BytesMaterializer'], ['builtins', 'bytes']),
  dict: form('data.json', 'DataArtifact', [BUILT_IN, 'BuiltInContainerMaterializer'], ['builtins', 'dict']),
};

/** An artifact of a run, to be stored. */
export interface RunArtifact {
  artifact: string;
  version: string;
  kind: ArtifactKind;
  /** On disk, as it is to be stored. */
  file: string;
  bytes: number;
  sha256: string;
  /** The file is ours, and goes when it is stored. */
  isTemporary: boolean;
  /** What tells where it comes from. */
  metadata: Readonly<Record<string, string>>;
  /** Absent for what the loader adds by itself. */
  origin?: Origin;
}
