// What to export: projects, runs, attributes and classes, from the options to the model's vocabulary. No network.

import { EXPORT_CLASSES, type ExportClass } from '../model/attributes.ts';
import type { AttributeSelection } from '../model/runs.ts';
import { usageError } from './errors.ts';
import { compileRegex } from './regex.ts';

export interface ProjectOptions {
  projectIds: readonly string[];
  workspace: string | undefined;
  projectPattern: readonly string[];
  projectExcludePattern: readonly string[];
}

/** Projects by name, or the rule by which a workspace's projects are chosen. */
export type ProjectChoice =
  | { kind: 'named'; projects: string[] }
  | { kind: 'workspace'; workspace: string; matches: (projectId: string) => boolean; filtered: boolean };

/**
 * Which projects are meant. Without `-p` and `--workspace` it is the one that `NEPTUNE_PROJECT` names. Patterns are
 * searched for in the project's name, which is what follows the first slash.
 * @throws ExporterError `usage` if options exclude each other, nothing is named, or a pattern is wrong
 */
export function chooseProjects(options: ProjectOptions, environmentProject: string | undefined): ProjectChoice {
  const { projectIds, workspace, projectPattern, projectExcludePattern } = options;
  const filtered = projectPattern.length + projectExcludePattern.length > 0;
  if (filtered && workspace === undefined) {
    throw usageError('--project-pattern and --project-exclude-pattern need --workspace.');
  }
  if (projectIds.length > 0 && workspace !== undefined) {
    throw usageError('-p (--project-ids) and --workspace exclude each other.');
  }
  if (workspace !== undefined) {
    if (workspace.trim() === '' || workspace.includes('/')) {
      throw usageError(`--workspace takes the name of a workspace, not '${workspace}'.`);
    }
    const included = projectPattern.map((pattern) => compileRegex(pattern, '--project-pattern'));
    const excluded = projectExcludePattern.map((pattern) => compileRegex(pattern, '--project-exclude-pattern'));
    const matches = (projectId: string) => {
      const name = projectId.slice(projectId.indexOf('/') + 1);
      return (
        (included.length === 0 || included.some((regex) => regex.test(name))) &&
        !excluded.some((regex) => regex.test(name))
      );
    };
    return { kind: 'workspace', workspace, matches, filtered };
  }
  // Blanks around a path come from quoting; no project's name begins or ends with one.
  const named = (projectIds.length > 0 ? projectIds : environmentProject ? [environmentProject] : []).map((id) =>
    id.trim(),
  );
  if (named.length === 0) {
    throw usageError('No project is named.', 'Pass -p workspace/project, set NEPTUNE_PROJECT, or use --workspace.');
  }
  for (const id of named) {
    if (!/^[^/]+\/.+$/s.test(id)) {
      throw usageError(
        `'${id}' is no project path.`,
        'A project path is workspace/project, e.g. -p my-org/my-project.',
      );
    }
  }
  return { kind: 'named', projects: [...new Set(named)] };
}

/**
 * `--attributes`: one value is a regex, several are exact names (contract of the seed README). The regex is not checked:
 * how depends on who matches it.
 * @returns the selection, and a warning where several values look as if regexes were meant
 */
export function chooseAttributes(values: readonly string[]): { attributes: AttributeSelection; warning?: string } {
  const [first, ...others] = values;
  if (first === undefined) return { attributes: { kind: 'all' } };
  if (others.length === 0) return { attributes: { kind: 'regex', pattern: first } };
  const names = [...new Set(values)];
  const patterns = names.filter(looksLikeRegex);
  if (patterns.length === 0) return { attributes: { kind: 'names', names } };
  const warning =
    `several -a are exact attribute names, so ${patterns.map((name) => `'${name}'`).join(', ')} ` +
    `only matches an attribute of that very name; for a regex give one -a, e.g. -a '${names.map(asAlternative).join('|')}'`;
  return { attributes: { kind: 'names', names }, warning };
}

/** A dot, a plus or parentheses alone are common in names; repetition, anchors and classes are not. */
function looksLikeRegex(name: string): boolean {
  return /[*?|^$\\]|\.\+|\[[^\]]+\]|\{\d+(?:,\d*)?\}/.test(name);
}

function asAlternative(name: string): string {
  return looksLikeRegex(name) ? name : `^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;
}

/** `--classes` or `--exclude`; all classes without either. @throws ExporterError `usage` if both are given */
export function chooseClasses(included: readonly ExportClass[], excluded: readonly ExportClass[]): Set<ExportClass> {
  if (included.length > 0 && excluded.length > 0) {
    throw usageError('-c (--classes) and --exclude exclude each other.', 'Use one of them.');
  }
  if (included.length > 0) return new Set(included);
  const rest = EXPORT_CLASSES.filter((name) => !excluded.includes(name));
  if (rest.length === 0) throw usageError('--exclude leaves nothing to export.');
  return new Set(rest);
}
