// JSON as a JVM writes it: doubles look like doubles, integers keep their 64 bits, NaN and infinities are text.

/** A `number` is a double, a `bigint` an integer. Fields that are undefined are left out. */
export type Json =
  | string
  | number
  | bigint
  | boolean
  | null
  | undefined
  | readonly Json[]
  | { readonly [name: string]: Json };

/** @param bare NaN and infinities are written without quotes */
export function toJson(value: Json, bare: boolean): string {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'number':
      return doubleJson(value, bare);
    case 'bigint':
      return String(value);
    case 'undefined':
      return 'null';
  }
  if (value === null) return 'null';
  if (isList(value)) return `[${value.map((item) => toJson(item, bare)).join(',')}]`;
  const fields: string[] = [];
  for (const [name, field] of Object.entries(value)) {
    if (field !== undefined) fields.push(`${JSON.stringify(name)}:${toJson(field, bare)}`);
  }
  return `{${fields.join(',')}}`;
}

export function doubleJson(value: number, bare: boolean): string {
  if (Number.isInteger(value)) {
    const text = Object.is(value, -0) ? '-0' : String(value);
    return Math.abs(value) < 1e21 ? `${text}.0` : text;
  }
  return Number.isFinite(value) || bare ? String(value) : `"${value}"`;
}

function isList(value: readonly Json[] | { readonly [name: string]: Json }): value is readonly Json[] {
  return Array.isArray(value);
}
