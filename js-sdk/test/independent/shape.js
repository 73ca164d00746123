// What a decoded value must look like. A shape is a function that throws at a value of another form.
import { Link } from "../dag-cbor.js";
import { DAG_CBOR } from "./address.js";

export const must = (holds, what) => {
  if (!holds) throw new Error(`not ${what}`);
};
export const uint = (v) => must(typeof v === "bigint", "an integer");
export const bool = (v) => must(typeof v === "boolean", "a boolean");
export const text = (v) => must(typeof v === "string", "text");
export const bytes = (n) => (v) => {
  must(v instanceof Uint8Array, "bytes");
  must(n === undefined || v.length === n, `${n} bytes`);
};
export const key = bytes(32);
export const link = (v) => must(v instanceof Link, "a link");
export const id = (v) => must(v instanceof Link && v.codec === DAG_CBOR, "the address of a record");
export const none = (v) => must(v === null, "null");
export const oneOf = (...names) => (v) => must(names.includes(v), names.join(" or "));
export const orNull = (shape) => (v) => v === null || shape(v);
export const list = (shape) => (v) => {
  must(Array.isArray(v), "an array");
  v.forEach(shape);
};
export const pair = (a, b) => (v) => {
  must(Array.isArray(v) && v.length === 2, "a pair");
  a(v[0]);
  b(v[1]);
};
export const record = (fields) => (v) => {
  must(v instanceof Map && v.size === Object.keys(fields).length, "a record with these keys");
  for (const [name, shape] of Object.entries(fields)) {
    must(v.has(name), `a record with ${name}`);
    shape(v.get(name));
  }
};
export const union = (variants) => (v) => {
  must(v instanceof Map && v.size === 1, "one variant");
  const [[name, value]] = v;
  must(Object.hasOwn(variants, name), "a known variant");
  variants[name](value);
};
export const signed = (body) => record({ sig: bytes(64), body });
