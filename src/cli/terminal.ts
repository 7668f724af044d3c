// The two streams a person sees: results on standard output, talk on standard error, with a live block at its end.

import type { WriteStream } from 'node:tty';
import { fit, printable, width } from './format.ts';

const ESC = '\x1b[';
const STYLES = { red: '31', yellow: '33', green: '32', dim: '2', bold: '1' } as const;
export type Style = keyof typeof STYLES;

/** Left free at the end of a line: the terminal echoes `^C` there, and a full line would wrap. */
const ECHO_COLUMNS = 3;

/** What of a stream is used; `columns` is there on terminals only. */
export type OutputStream = Pick<WriteStream, 'write'> & { isTTY?: boolean; columns?: number };

export interface Terminal {
  /** True if the talk goes to a terminal that can redraw. */
  readonly live: boolean;
  /** Columns of the talk's terminal. */
  columns(): number;
  /** One or more lines of talk, above the live block. */
  line(text: string, style?: Style): void;
  /** Data on standard output, followed by a line break. */
  result(text: string): void;
  /** Replaces the live block; no lines take it away. Lines are cut to the terminal's width. */
  draw(lines: readonly string[]): void;
  /** Text in colour, where colour is wanted. For one line of `result`. */
  styled(text: string, style: Style): string;
}

interface TerminalOptions {
  stdout: OutputStream;
  stderr: OutputStream;
  env: Record<string, string | undefined>;
  /** Applied to all talk. */
  redact: (text: string) => string;
}

/** The terminal over two streams. `NO_COLOR` (any value but empty) and `TERM=dumb` are honoured. */
export function createTerminal({ stdout, stderr, env, redact }: TerminalOptions): Terminal {
  const smart = env.TERM !== 'dumb';
  const live = stderr.isTTY === true && smart;
  const colour = smart && !env.NO_COLOR;
  const columns = () => stderr.columns ?? 80;
  let block: readonly string[] = [];
  let drawnWidths: number[] = [];

  const paint = (text: string, style: Style | undefined, on: boolean) =>
    style !== undefined && on ? `${ESC}${STYLES[style]}m${text}${ESC}0m` : text;

  /** Moves to the first column of the block's first row. A terminal made narrower has wrapped the lines since. */
  const toBlockStart = () => {
    if (drawnWidths.length === 0) return '';
    const rows = drawnWidths.reduce((sum, drawn) => sum + Math.max(1, Math.ceil(drawn / columns())), 0);
    return rows > 1 ? `\r${ESC}${rows - 1}A` : '\r';
  };

  /** Lines are overwritten in place and only their ends erased, so that nothing flickers. */
  const blockText = () => {
    const lines = block.map((line) => fit(printable(line), columns() - ECHO_COLUMNS));
    drawnWidths = lines.map(width);
    return lines.map((line) => `${line}${ESC}K`).join('\n');
  };

  return {
    live,
    columns,
    line(text, style) {
      const clean = printable(redact(text)).split('\n');
      const body = clean.map((line) => paint(line, style, colour && stderr.isTTY === true));
      if (drawnWidths.length === 0) {
        stderr.write(`${body.join('\n')}\n`);
        return;
      }
      const start = toBlockStart();
      stderr.write(`${start}${body.map((line) => `${line}${ESC}K\n`).join('')}${ESC}J${blockText()}`);
    },
    result(text) {
      stdout.write(`${text}\n`);
    },
    draw(lines) {
      if (!live || (lines.length === 0 && drawnWidths.length === 0)) return;
      const start = toBlockStart();
      block = lines;
      if (lines.length === 0) {
        drawnWidths = [];
        stderr.write(`${start}${ESC}J`);
      } else {
        stderr.write(`${start}${blockText()}${ESC}J`);
      }
    },
    styled(text, style) {
      return paint(text, style, colour && stdout.isTTY === true);
    },
  };
}
