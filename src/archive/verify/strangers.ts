// Finds what lies in an archive's folders and nothing accounts for: strangers, and what interrupted exports left.

import { createReadStream, type Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { createInterface } from 'node:readline';
import type { RegistryScope } from '../../model/runs.ts';
import { isSafeRelativePath } from '../manifest.ts';
import { parsePartName } from '../names.ts';
import { STAGED_NAME } from '../staged-files.ts';
import { walkFolder } from './folder-members.ts';
import type { KnownFiles } from './known-files.ts';
import { look } from './regular-file.ts';
import type { Findings } from './report.ts';
import type { Finding } from './types.ts';

const LOCK = '_lock';
const RUNS = '_runs';
const SCOPES: readonly RegistryScope[] = ['models', 'model_versions'];
/** What operating systems put into folders that are looked at. */
const LITTER = /^(\.DS_Store|\._.*|Thumbs\.db|ehthumbs\.db|desktop\.ini|\.directory)$/i;
const JOURNAL = /\.downloads\.jsonl$/;
/** Bytes of a journal that are read to tell its files from strangers. */
const MAX_JOURNAL_BYTES = 64 * 1024 * 1024;
const AGAIN = 'the next export removes it or goes on with it';

/** Runs of one folder of a project, as far as they were looked at. */
export interface FolderRuns {
  /** By disk name: absolute paths of parts, and what else is known of the run. */
  runs: Map<string, KnownRun>;
}

export interface KnownRun {
  parts: ReadonlySet<string>;
  hasManifest: boolean;
  /** Its export is not finished: the journal belongs there. */
  isOpen: boolean;
  /** It is damaged, or about to be replaced: nobody knows which parts are its. */
  isUnclear: boolean;
}

export interface StrangerOptions {
  findings: Findings;
  /** Only what is surely of these runs, by disk name. */
  onlyRuns?: ReadonlySet<string>;
}

/** Looks through one project's folder of data. `runs` are those of the project itself and of its scopes. */
export async function findDataStrangers(
  project: { directory: string; projectId: string; holdsFiles?: boolean },
  runs: ReadonlyMap<RegistryScope | undefined, FolderRuns>,
  { findings, onlyRuns }: StrangerOptions,
): Promise<Map<string, string[]>> {
  const journals = new Map<string, string[]>();
  const folder = async (directory: string, scope: RegistryScope | undefined) => {
    const known = runs.get(scope)?.runs ?? new Map<string, KnownRun>();
    const tell = (name: string, finding: Finding, run?: string) => {
      if (onlyRuns && (run === undefined || !onlyRuns.has(run))) return;
      findings.problem({
        ...finding,
        projectId: project.projectId,
        ...(run === undefined ? {} : { runId: run }),
        ...(scope === undefined ? {} : { scope }),
        path: join(directory, name),
      });
    };
    const entries = await list(directory, findings, project.projectId);
    const lost = new Map<string, string[]>();
    for (const entry of entries) {
      const { name } = entry;
      if (entry.isDirectory() && name === RUNS) continue;
      if (entry.isDirectory() && scope === undefined && SCOPES.includes(name as RegistryScope)) continue;
      if (isLitter(entry, findings)) continue;
      const path = join(directory, name);
      const temporary = name.endsWith('.tmp');
      const run = parsePartName(temporary ? name.slice(0, -4) : name)?.run;
      if (run === undefined) {
        if (project.holdsFiles) continue;
        if (entry.isDirectory()) tell(name, { code: 'stranger', message: 'the folder is nothing that archives have' });
        else tell(name, { code: 'stranger', message: 'nothing in the archive accounts for it' });
        continue;
      }
      const owner = known.get(run);
      if (owner?.parts.has(path)) continue;
      if (temporary)
        tell(name, { code: 'leftover', message: `a part of an export that was interrupted: ${AGAIN}` }, run);
      else if (owner?.isUnclear) continue;
      else if (owner) tell(name, { code: 'stranger', message: 'its run has no such part' }, run);
      else lost.set(run, [...(lost.get(run) ?? []), name]);
    }
    for (const [run, names] of lost) {
      const what = names.length > 1 ? `${names.length} others are` : `${names[0]} is`;
      tell(
        `${run}_part_0.parquet`,
        {
          code: 'part_missing',
          message: `the part is missing, while ${what} there: it was lost, or the export was interrupted`,
        },
        run,
      );
    }
    for (const entry of entries.some((entry) => entry.isDirectory() && entry.name === RUNS)
      ? await list(join(directory, RUNS), findings, project.projectId)
      : []) {
      const { name } = entry;
      const at = join(RUNS, name);
      const run = runOf(name);
      const owner = run === undefined ? undefined : known.get(run);
      if (isLitter(entry, findings)) continue;
      if (!entry.isFile()) tell(at, { code: 'stranger', message: 'no file, in a folder of manifests' }, run);
      else if (JOURNAL.test(name)) {
        if (owner?.isOpen || owner?.isUnclear) continue;
        const files = owner ? [] : await journalFiles(join(directory, at));
        if (!owner) journals.set(join(directory, at), files);
        const message = owner
          ? `an export that was to replace the run was interrupted: ${AGAIN}`
          : `the export of the run was interrupted, ${files.length} of its files are there: ${AGAIN}`;
        tell(at, { code: 'leftover', message }, run);
      } else if (name.endsWith('.tmp'))
        tell(at, { code: 'leftover', message: `of an export that was interrupted: ${AGAIN}` }, run);
      else if (!owner) tell(at, { code: 'stranger', message: 'nothing in the archive accounts for it' }, run);
    }
  };
  await folder(project.directory, undefined);
  for (const scope of SCOPES) {
    const directory = join(project.directory, scope);
    if ((await look(directory).catch(() => undefined))?.isDirectory()) await folder(directory, scope);
  }
  return journals;
}

/** Looks through the folders of files of one project. */
export async function findFileStrangers(
  filesPath: string,
  project: { diskName: string; projectId: string },
  known: KnownFiles,
  journalled: ReadonlySet<string>,
  { findings, holdsData }: StrangerOptions & { holdsData: boolean },
): Promise<void> {
  let unknown = 0;
  const walk = async (folder: string, prefix: string, staged: boolean) => {
    const found = await look(folder).catch(() => undefined);
    if (!found) return;
    const tell = (code: Finding['code'], message: string, path: string) =>
      findings.problem({ code, message, projectId: project.projectId, path: join(filesPath, ...path.split('/')) });
    if (!found.isDirectory()) {
      tell('file_not_regular', 'it should be a folder', prefix.slice(0, -1));
      return;
    }
    const visit = (path: string, kind: 'file' | 'folder' | 'odd') => {
      if (kind === 'folder') return !known.hasFolder(path) && !(holdsData && path.endsWith(`/${RUNS}`));
      if (known.has(path)) return false;
      const name = path.slice(path.lastIndexOf('/') + 1);
      // Data and files in one folder: parts were looked at already.
      if (holdsData && parsePartName(name.replace(/\.tmp$/, ''))) return false;
      if (LITTER.test(name)) findings.note('litter');
      else if (staged) tell('leftover', `a file of an export that was interrupted: ${AGAIN}`, path);
      else if (name.endsWith('.download')) tell('leftover', `a download that was interrupted: ${AGAIN}`, path);
      else if (journalled.has(path)) return false;
      else if (known.incomplete) unknown++;
      else if (kind === 'odd') tell('stranger', 'no file, and nothing in the archive accounts for it', path);
      else tell('stranger', 'nothing in the archive accounts for it', path);
      return false;
    };
    try {
      await walkFolder(folder, visit, prefix);
    } catch (error) {
      tell(
        'folder_unreadable',
        `a folder in it can't be listed (${(error as NodeJS.ErrnoException).code})`,
        prefix.slice(0, -1),
      );
    }
  };
  await walk(join(filesPath, project.diskName), `${project.diskName}/`, false);
  await walk(join(filesPath, STAGED_NAME, project.diskName), `${STAGED_NAME}/${project.diskName}/`, true);
  if (unknown > 0) findings.note('not_looked_for');
}

/** Looks at what lies beside the projects' folders, in a folder of data or of files. `roots` are all such folders. */
export async function findRootStrangers(
  root: string,
  projects: ReadonlySet<string>,
  roots: readonly string[],
  findings: Findings,
): Promise<void> {
  for (const entry of await list(root, findings, '')) {
    const { name } = entry;
    if (name === LOCK && entry.isFile()) continue;
    // One folder of the archive may lie in another.
    const own = join(root, name);
    if (entry.isDirectory() && roots.some((other) => other === own || other.startsWith(own + sep))) continue;
    if (isLitter(entry, findings) || (projects.has(name) && entry.isDirectory())) continue;
    const path = join(root, name);
    if (projects.has(name) && entry.isSymbolicLink()) {
      findings.problem({
        code: 'stranger',
        message: 'a link, where the folder of a project should be',
        projectId: '',
        path,
      });
    } else if (name === STAGED_NAME && entry.isDirectory()) {
      for (const staged of await list(path, findings, '')) {
        if (!projects.has(staged.name)) await strangersBelow(join(path, staged.name), staged, findings, 'leftover');
      }
    } else await strangersBelow(path, entry, findings, 'stranger');
  }
}

/** Tells a stranger; of a folder only if there is something in it: exports may leave empty ones. */
async function strangersBelow(
  path: string,
  entry: Dirent,
  findings: Findings,
  code: 'stranger' | 'leftover',
): Promise<void> {
  let files = 0;
  if (entry.isDirectory()) {
    await walkFolder(path, (_, kind) => {
      if (kind !== 'folder') files++;
      return true;
    }).catch(() => {
      files = -1;
    });
    if (files === 0) return;
  }
  const what = !entry.isDirectory()
    ? 'nothing in the archive accounts for it'
    : files < 0
      ? 'the folder is of no project, and can not be listed'
      : `the folder is of no project that the data have; ${files === 1 ? '1 file is' : `${files} files are`} in it`;
  const message = code === 'leftover' ? `${what}: ${AGAIN}` : what;
  findings.problem({ code, message, projectId: '', path });
}

async function list(directory: string, findings: Findings, projectId: string): Promise<Dirent[]> {
  try {
    const entries = await readdir(directory, { withFileTypes: true });
    return entries.sort((left, right) => (left.name < right.name ? -1 : 1));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT')
      findings.problem({
        code: 'folder_unreadable',
        message: `it can't be listed (${code})`,
        projectId,
        path: directory,
      });
    return [];
  }
}

function isLitter(entry: Dirent, findings: Findings): boolean {
  if (!entry.isFile() || !LITTER.test(entry.name)) return false;
  findings.note('litter');
  return true;
}

/** Disk name of the run that a file among the manifests is of. */
function runOf(name: string): string | undefined {
  return /^(.+?)(\.json(\.next)?(\.tmp)?|\.downloads\.jsonl(\.tmp)?)$/s.exec(name)?.[1];
}

/** Paths of the files that a journal tells of, as far as it can be read. */
async function journalFiles(path: string): Promise<string[]> {
  const files = new Set<string>();
  try {
    const lines = createInterface({ input: createReadStream(path, { end: MAX_JOURNAL_BYTES }), crlfDelay: Infinity });
    for await (const line of lines) {
      const file = pathIn(line);
      if (file !== undefined) files.add(file);
    }
  } catch {
    // What can't be read tells of no files.
  }
  return [...files];
}

function pathIn(line: string): string | undefined {
  try {
    const { path } = JSON.parse(line) as { path?: unknown };
    return typeof path === 'string' && isSafeRelativePath(path) ? path : undefined;
  } catch {
    return undefined;
  }
}
