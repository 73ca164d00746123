// docs/format.md, Merkle map: its nodes from its entries, and back.
//
// An entry is `{ key, value, links }`, or `{ key, links: [block], isBlock: true }` if its value is a block of
// its own. What is to become part of a node is an item: an entry of level 0, or a child.
import { decode, encode } from "../dag-cbor.js";
import { hexOf } from "./address.js";
import { blake3 } from "./blake3.js";
import { split } from "./map-split.js";

const GROUP_WEIGHT_MAX = 16_384;
/** Leading zero bits of a key's hash that make one level. */
const LEVEL_BITS = 6;

/**
 * The map of entries in the order of their keys. `addressOf(body, links)` says under what address a node is
 * kept; the nodes come in the order in which they were made, the root last.
 */
export function mapFrom(entries, salt, addressOf) {
  const nodes = [];
  const made = (body, links) => {
    nodes.push(addressOf(body, links));
    return nodes.at(-1);
  };
  let items = entries.map((entry) => entryItem(entry, salt));
  if (items.length === 0) made(encode([0n, []]), []);
  for (let level = 0; items.length > 0; level++) {
    const pieces = groupsOf(items, level).flatMap(piecesOf);
    items = pieces.map((piece) => childItem(piece, level, salt, made));
    if (items.length === 1) break;
  }
  return { root: nodes.at(-1), nodes };
}

function groupsOf(items, level) {
  const groups = [];
  for (const item of items) {
    if (groups.length === 0 || item.level > level) groups.push([]);
    groups.at(-1).push(item);
  }
  return groups;
}

function piecesOf(group) {
  return weightOf(group) > GROUP_WEIGHT_MAX ? split(group) : [group];
}

const weightOf = (items) => items.reduce((sum, { weight }) => sum + weight, 0);

function entryItem({ key, value, links, isBlock = false }, salt) {
  const weight = 8 + key.length + (isBlock ? 0 : value.length) + 40 * links.length;
  const written = (indexes) => {
    if (isBlock) return indexes;
    return [indexes.length === 0 ? value : [value, ...indexes]];
  };
  return { key, ...placeOf(key, salt), weight, links, written, count: 1n };
}

/** Makes a node, which is an item of the level above. */
function childItem(items, level, salt, made) {
  const [links, indexOf] = [[], new Map()];
  const index = (link) => {
    const hex = hexOf(link);
    if (!indexOf.has(hex)) indexOf.set(hex, BigInt(links.push(link) - 1));
    return indexOf.get(hex);
  };
  const list = items.flatMap((item) => [item.key, ...item.written(item.links.map(index))]);
  const node = made(encode([BigInt(level), list]), links);
  const [{ key }] = items;
  const count = items.reduce((sum, item) => sum + item.count, 0n);
  const written = ([child]) => [child, count];
  return { key, ...placeOf(key, salt), weight: 56 + key.length, links: [node], written, count };
}

/** "Hashes of a key". A label is a number whose bit `k` is bit `k` of the label. */
function placeOf(key, salt) {
  const hash = blake3(key, { key: salt, length: 64 });
  const first = hash.readBigUInt64BE(0);
  const zeros = first === 0n ? 64 : 64 - first.toString(2).length;
  const label = BigInt(`0x${Buffer.from(hash.subarray(32)).reverse().toString("hex")}`);
  return { level: Math.floor(zeros / LEVEL_BITS), label };
}

/** The entries of a map. `open(cid)` gives a block's `{ body, links }`. */
export function entriesOf(root, open) {
  const { body, links } = open(root);
  const [level, list] = decode(body);
  if (level > 0n) return tuples(list, 3).flatMap(([, child]) => entriesOf(links[Number(child)], open));
  return tuples(list, 2).map(([key, written]) => ({ key: Buffer.from(key), ...valueOf(written, links) }));
}

function valueOf(written, links) {
  if (typeof written === "bigint") return { links: [links[Number(written)]], isBlock: true };
  const [value, ...indexes] = Array.isArray(written) ? written : [written];
  return { value: Buffer.from(value), links: indexes.map((index) => links[Number(index)]) };
}

function tuples(list, size) {
  return Array.from({ length: list.length / size }, (_, at) => list.slice(at * size, (at + 1) * size));
}
