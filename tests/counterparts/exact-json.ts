// JSON of programs that know whole numbers of any size.

type Reviver = (key: string, value: unknown) => unknown;

/** Parses JSON; whole numbers beyond 2^53 become bigint. */
export function exactJson(text: string): unknown {
  // Going through each value takes ten times as long, so only where it is needed.
  if (!/[:,[ ]-?\d{16,}[,\]}]/.test(text)) return JSON.parse(text);
  const revive = (_: string, value: unknown, { source }: { source?: string }) =>
    typeof value === 'number' && source !== undefined && /^-?\d+$/.test(source) && !Number.isSafeInteger(value)
      ? BigInt(source)
      : value;
  return JSON.parse(text, revive as Reviver);
}
