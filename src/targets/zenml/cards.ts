// The metadata of a run: values by their paths, split into the nested cards of ZenML's dashboard within its limits. Pure.

import { parseExact, storedBytes } from './json.ts';

/** JSON of one metadata entry, in bytes of the server's database (65,535 is the most that MySQL takes). */
const MAX_ENTRY = 65_000;

type Node = string | Map<string, Node>;

/** Metadata by key, each as the JSON of the entries that the server puts together when it is asked for the key. */
export type Cards = ReadonlyMap<string, readonly string[]>;

/**
 * Metadata from values by their paths. The first segment is the key, the others are nested. A large card is sent as
 * several entries, each with some of its members: the server merges the members of entries that are objects (but not
 * what is nested in them). Only a member that is too large by itself goes on in `<member> (2)` and so on.
 * @param leaves JSON by path; no path is the beginning of another one
 * @returns also how many members had to be split
 */
export function cardsOf(leaves: ReadonlyMap<string, string>): { cards: Map<string, string[]>; split: number } {
  const cards = new Map<string, string[]>();
  const members = new Map<string, Map<string, string[]>>();
  for (const path of [...leaves.keys()].sort()) {
    const [top = '', member] = path.split('/', 2);
    if (member === undefined) {
      cards.set(path, [leaves.get(path)!]);
      continue;
    }
    const card = members.get(top) ?? new Map<string, string[]>();
    members.set(top, card);
    const paths = card.get(member);
    if (paths) paths.push(path);
    else card.set(member, [path]);
  }
  let split = 0;
  for (const [top, card] of members) {
    const entries: string[] = [];
    let entry: [string, Node][] = [];
    let bytes = 2;
    for (const [member, paths] of card) {
      const pieces = memberPieces(paths, leaves);
      if (pieces.length > 1) split++;
      for (const [number, piece] of pieces.entries()) {
        if (entry.length > 0 && bytes + piece.bytes > MAX_ENTRY) {
          entries.push(nodeJson(new Map(entry)));
          entry = [];
          bytes = 2;
        }
        entry.push([number === 0 ? member : `${member} (${number + 1})`, piece.node]);
        bytes += piece.bytes;
      }
    }
    entries.push(nodeJson(new Map(entry)));
    cards.set(top, entries);
  }
  return { cards, split };
}

/** A member of a card in pieces that fit, with their sizes at most. */
function memberPieces(paths: readonly string[], leaves: ReadonlyMap<string, string>): { node: Node; bytes: number }[] {
  const pieces: { node: Node; bytes: number }[] = [];
  for (const path of paths) {
    const [, member = '', ...rest] = path.split('/');
    const json = leaves.get(path)!;
    // At most: each of its folders may be there already.
    const bytes = storedBytes(json) + rest.reduce((sum, segment) => sum + segment.length + 8, 0);
    const own = member.length + 16;
    if (rest.length === 0) {
      pieces.push({ node: json, bytes: bytes + own });
      continue;
    }
    let last = pieces.at(-1);
    if (!last || last.bytes + bytes > MAX_ENTRY - 2) {
      last = { node: new Map(), bytes: own };
      pieces.push(last);
    }
    put(last.node as Map<string, Node>, rest, json);
    last.bytes += bytes;
  }
  return pieces;
}

function put(card: Map<string, Node>, segments: readonly string[], json: string): void {
  let node = card;
  for (const segment of segments.slice(0, -1)) {
    const inner = node.get(segment);
    if (inner instanceof Map) {
      node = inner;
      continue;
    }
    const made = new Map<string, Node>();
    node.set(segment, made);
    node = made;
  }
  node.set(segments.at(-1)!, json);
}

function nodeJson(node: Node): string {
  if (typeof node === 'string') return node;
  return `{${[...node].map(([key, inner]) => `${JSON.stringify(key)}: ${nodeJson(inner)}`).join(', ')}}`;
}

/** What the server makes of the entries of a key. */
export function merged(entries: readonly string[]): unknown {
  if (entries.length === 1) return parseExact(entries[0]!);
  return Object.fromEntries(entries.flatMap((json) => Object.entries(parseExact(json) as object)));
}

/** JSON of an object with these members; without those that are undefined. */
export function objectJson(members: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(members).filter(([, json]) => json !== undefined);
  return `{${entries.map(([key, json]) => `${JSON.stringify(key)}: ${json}`).join(', ')}}`;
}
