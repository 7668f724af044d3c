// A small terminal: understands what the program sends to one and shows what a person would see.

export interface Screen {
  isTTY: true;
  columns: number;
  write(text: string): boolean;
  /** Rows with something on them, ends trimmed. */
  rows(): string[];
  /** Number of writes so far. */
  writes: number;
}

/** A terminal of so many columns that wraps long lines; narrow characters only. */
export function createScreen(columns: number): Screen {
  const rows: string[][] = [[]];
  let row = 0;
  let column = 0;
  const put = (character: string) => {
    if (column === screen.columns) {
      row += 1;
      column = 0;
    }
    rows[row] ??= [];
    rows[row]![column] = character;
    column += 1;
  };
  const control = (parameters: string, command: string) => {
    const amount = Number(parameters || '1');
    if (command === 'A') row = Math.max(0, row - amount);
    else if (command === 'K') rows[row]?.splice(column);
    else if (command === 'J') {
      rows[row]?.splice(column);
      rows.splice(row + 1);
    } else if (command !== 'm') throw new Error(`the screen does not know ESC[${parameters}${command}`);
  };
  const screen: Screen = {
    isTTY: true,
    columns,
    writes: 0,
    write(text) {
      screen.writes += 1;
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
      for (const [token, parameters, command] of text.matchAll(/\x1b\[([\d;?]*)([A-Za-z])|./gsu)) {
        if (command !== undefined) control(parameters ?? '', command);
        else if (token === '\r') column = 0;
        else if (token === '\n') {
          row += 1;
          column = 0;
          rows[row] ??= [];
        } else put(token);
      }
      return true;
    },
    rows: () =>
      Array.from(rows, (cells) =>
        Array.from(cells ?? [], (cell) => cell ?? ' ')
          .join('')
          .trimEnd(),
      ).filter((line) => line !== ''),
  };
  return screen;
}
