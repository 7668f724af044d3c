// What options select: projects, attributes, classes.

import assert from 'node:assert/strict';
import test from 'node:test';
import { checkServerRegex, compileRegex } from '../../src/cli/regex.ts';
import { chooseAttributes, chooseClasses, chooseProjects } from '../../src/cli/selection.ts';
import { ExporterError } from '../../src/model/errors.ts';

const NO_PROJECTS = { projectIds: [], workspace: undefined, projectPattern: [], projectExcludePattern: [] };

function assertUsage(task: () => unknown, message: RegExp): void {
  assert.throws(
    task,
    (error) => error instanceof ExporterError && error.code === 'usage' && message.test(error.message),
  );
}

test('projects come from -p, else from the environment, each once', () => {
  const given = chooseProjects({ ...NO_PROJECTS, projectIds: ['a/b', 'c/d', 'a/b'] }, 'e/f');
  assert.deepEqual(given, { kind: 'named', projects: ['a/b', 'c/d'] });
  assert.deepEqual(chooseProjects(NO_PROJECTS, 'e/f'), { kind: 'named', projects: ['e/f'] });
  assertUsage(() => chooseProjects(NO_PROJECTS, undefined), /No project is named/);
  assertUsage(() => chooseProjects(NO_PROJECTS, ''), /No project is named/);
});

test('a project path has a workspace and a name', () => {
  for (const wrong of ['', ' ', 'project', '/project', 'workspace/']) {
    assertUsage(() => chooseProjects({ ...NO_PROJECTS, projectIds: [wrong] }, undefined), /no project path/);
  }
});

test('patterns need a workspace, and a workspace excludes -p', () => {
  assertUsage(() => chooseProjects({ ...NO_PROJECTS, projectPattern: ['a'] }, 'a/b'), /need --workspace/);
  assertUsage(() => chooseProjects({ ...NO_PROJECTS, projectExcludePattern: ['a'] }, 'a/b'), /need --workspace/);
  assertUsage(() => chooseProjects({ ...NO_PROJECTS, workspace: 'w', projectIds: ['a/b'] }, undefined), /exclude each/);
  assertUsage(() => chooseProjects({ ...NO_PROJECTS, workspace: 'w/p' }, undefined), /name of a workspace/);
  assertUsage(() => chooseProjects({ ...NO_PROJECTS, workspace: 'w', projectPattern: ['('] }, undefined), /not valid/);
});

test('patterns are searched in the name after the first slash, excluding wins', () => {
  const choice = chooseProjects(
    { ...NO_PROJECTS, workspace: 'team', projectPattern: ['^a', 'team'], projectExcludePattern: ['-old$'] },
    undefined,
  );
  assert.equal(choice.kind, 'workspace');
  if (choice.kind !== 'workspace') return;
  const projects = ['team/alpha', 'team/beta', 'team/a-old', 'team/x-team', 'team/x/a'];
  assert.deepEqual(projects.filter(choice.matches), ['team/alpha', 'team/x-team']);
});

test('one -a is a regex, several are names, and names that look like regexes are warned of', () => {
  assert.deepEqual(chooseAttributes([]), { attributes: { kind: 'all' } });
  assert.deepEqual(chooseAttributes(['config/.*']), { attributes: { kind: 'regex', pattern: 'config/.*' } });
  assert.deepEqual(chooseAttributes(['a.b/c', 'd (x)', 'a.b/c']), {
    attributes: { kind: 'names', names: ['a.b/c', 'd (x)'] },
  });
  const { attributes, warning } = chooseAttributes(['metrics/accuracy', 'metrics/loss', 'config/.*']);
  assert.deepEqual(attributes, { kind: 'names', names: ['metrics/accuracy', 'metrics/loss', 'config/.*'] });
  assert.match(warning ?? '', /'config\/\.\*' only matches an attribute of that very name/);
  assert.match(warning ?? '', /-a '\^metrics\/accuracy\$\|\^metrics\/loss\$\|config\/\.\*'/);
});

test('a regex for the server is refused only where every dialect refuses it', () => {
  for (const pattern of ['RUN-.*', '(?i)run', '\\pL+', 'a & !b', '\\z']) checkServerRegex(pattern, '-r');
  for (const pattern of ['(', '[a', 'a)', '*a', 'a\\'])
    assertUsage(() => checkServerRegex(pattern, '-r'), /of -r is not valid/);
});

test('a regex that is matched here is refused where Python or this program refuses it', () => {
  assert.ok(compileRegex('^monitoring/', '--exclude-attributes').test('monitoring/cpu'));
  assertUsage(
    () => compileRegex('(a', '--exclude-attributes'),
    /'\(a' of --exclude-attributes is not valid: missing \)/,
  );
  assertUsage(() => compileRegex('(?>a)', '-r'), /of -r is not valid: .*not supported/);
});

test('classes and their exclusion exclude each other', () => {
  assert.deepEqual(chooseClasses([], []), new Set(['parameters', 'metrics', 'series', 'files']));
  assert.deepEqual(chooseClasses(['metrics'], []), new Set(['metrics']));
  assert.deepEqual(chooseClasses([], ['files']), new Set(['parameters', 'metrics', 'series']));
  assertUsage(() => chooseClasses(['metrics'], ['files']), /exclude each other/);
  assertUsage(() => chooseClasses([], ['parameters', 'metrics', 'series', 'files']), /nothing to export/);
});
