// Tables in plain text.

import { fit, pad, width } from './format.ts';

export interface Column {
  title: string;
  align?: 'left' | 'right';
  /** Longer texts are cut, with `…` at their end. */
  maxWidth?: number;
}

/** Lines of a table: a head, and the rows under it, each column as wide as it needs. Without rows there are no lines. */
export function tableLines(columns: readonly Column[], allRows: readonly (readonly string[])[]): string[] {
  if (allRows.length === 0) return [];
  const rows = allRows.map((row) => row.map((text, index) => fit(text, columns[index]?.maxWidth ?? Infinity)));
  const head = columns.map(({ title }) => title);
  const widths = columns.map((_, index) => Math.max(...[head, ...rows].map((row) => width(row[index] ?? ''))));
  const line = (row: readonly string[]) =>
    columns
      .map(({ align }, index) => pad(row[index] ?? '', widths[index] ?? 0, align))
      .join('  ')
      .trimEnd();
  return [line(head), ...rows.map(line)];
}
