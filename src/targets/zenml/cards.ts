// The metadata of a run: values by their paths, split into the nested cards of ZenML's dashboard within its limits. Pure.

import { storedBytes } from './json.ts';

/** JSON of one metadata key, in bytes of the server's database (65,535 is the most that MySQL takes). */
const MAX_CARD = 65_000;

type Node = string | Map<string, Node>;

/**
 * Metadata keys with their JSON, from values by their paths. The first segment is the key, the others are nested. A card
 * that would be too large goes on in `<key> (2)` and so on, in the order of the paths.
 * @param leaves JSON by path; no path is the beginning of another one
 */
export function cardsOf(leaves: ReadonlyMap<string, string>): Map<string, string> {
  const cards = new Map<string, string>();
  const nested = new Map<string, string[]>();
  for (const path of [...leaves.keys()].sort()) {
    const slash = path.indexOf('/');
    if (slash < 0) {
      cards.set(path, leaves.get(path)!);
      continue;
    }
    const top = path.slice(0, slash);
    const group = nested.get(top);
    if (group) group.push(path);
    else nested.set(top, [path]);
  }
  for (const [top, paths] of nested) {
    let number = 1;
    let card = new Map<string, Node>();
    let bytes = 2;
    const end = () => {
      cards.set(number === 1 ? top : `${top} (${number})`, nodeJson(card));
      number++;
      card = new Map();
      bytes = 2;
    };
    for (const path of paths) {
      const segments = path.split('/').slice(1);
      const json = leaves.get(path)!;
      // At most: each of its folders may be there already.
      const more = storedBytes(json) + segments.reduce((sum, segment) => sum + segment.length + 8, 0);
      if (bytes + more > MAX_CARD && card.size > 0) end();
      bytes += more;
      put(card, segments, json);
    }
    end();
  }
  return cards;
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

/** JSON of an object with these members; without those that are undefined. */
export function objectJson(members: Readonly<Record<string, string | undefined>>): string {
  const entries = Object.entries(members).filter(([, json]) => json !== undefined);
  return `{${entries.map(([key, json]) => `${JSON.stringify(key)}: ${json}`).join(', ')}}`;
}
