// What a manifest must be apart from what its parts and files are: of this run, and without contradictions.

import type { AttributeType } from '../../model/attributes.ts';
import { partName } from '../names.ts';
import type { Manifest, TypeCount } from '../types.ts';
import type { PartContent } from './part-content.ts';
import { countsOf } from './parts-together.ts';
import type { Finding } from './types.ts';

/** What a manifest contradicts itself in. @param run the run's disk name */
export function contradictions(manifest: Manifest, run: string): Finding[] {
  const findings: Finding[] = [];
  const foreign = (message: string) => findings.push({ code: 'manifest_foreign', message });
  const misnamed = manifest.parts.find(({ name }, index) => name !== partName(run, index));
  if (misnamed) foreign(`its manifest names the part ${misnamed.name}, which is none of this run`);
  const rows = manifest.parts.reduce((sum, part) => sum + part.rows, 0);
  const counted = Object.values(manifest.counts).reduce((sum, count) => sum + count.rows, 0);
  if (rows !== counted) foreign(`its manifest counts ${rows} rows in its parts, and ${counted} by their types`);
  return findings;
}

/** What a manifest says otherwise than the rows: only looked at where no hash proves the manifest. */
export function contradictedByRows(manifest: Manifest, contents: readonly PartContent[]): Finding[] {
  const findings: Finding[] = [];
  const counts = countsOf(contents);
  for (const type of new Set([...Object.keys(counts), ...Object.keys(manifest.counts)])) {
    const [found, told] = [counts[type as AttributeType], manifest.counts[type as AttributeType]];
    if (found?.rows === told?.rows && found?.attributes === told?.attributes) continue;
    const message = `it has ${countText(found)} of type ${type}, its manifest says ${countText(told)}`;
    findings.push({ code: 'part_rows', message });
  }
  // The row of a set of files names its folder.
  const named = manifest.files.flatMap(({ path, attributeType }) =>
    path === null ? [] : attributeType === 'file_set' ? path.slice(0, path.lastIndexOf('/')) : path,
  );
  const known = new Set(named);
  for (const { file } of contents.flatMap(({ files }) => files)) {
    if (known.has(file)) continue;
    findings.push({ code: 'manifest_foreign', message: `a row names the file ${file}, which its manifest doesn't` });
  }
  return findings;
}

/** A partial run in words. */
export function partialText({ failures }: Manifest): string {
  const [first] = failures;
  const where = first?.attributePath === undefined ? '' : `${first.attributePath}: `;
  const example = first ? `: ${failures.length > 1 ? 'e.g. ' : ''}${where}${first.message}` : '';
  return `${failures.length === 1 ? 'one thing' : `${failures.length} things`} could not be exported${example}`;
}

function countText(count: TypeCount | undefined): string {
  return `${count?.rows ?? 0} rows in ${count?.attributes ?? 0} attributes`;
}
