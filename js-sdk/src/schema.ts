/** Messages as tables of checked fields: what a table does not know is not read. */
import { isRetry } from "./errors.js";
import type { ErrorShape } from "./errors.js";

type Check<T> = (value: unknown) => value is T;
/** The fields of a message, each with its check. */
export type Fields = Readonly<Record<string, Check<unknown>>>;
type Checked<F> = { readonly [K in keyof F]: F[K] extends Check<infer T> ? T : never };
/** Any message of a table. */
export type Message<S> = { [K in keyof S]: { readonly type: K } & Checked<S[K]> }[keyof S];

export const text = (value: unknown): value is string => typeof value === "string";
export const count = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
export const bytes = (value: unknown): value is Uint8Array<ArrayBuffer> =>
  value instanceof Uint8Array && value.buffer instanceof ArrayBuffer;
export const buffers = (value: unknown): value is readonly ArrayBuffer[] =>
  Array.isArray(value) && value.every((each) => each instanceof ArrayBuffer);
export const frames = (value: unknown): value is readonly Uint8Array<ArrayBuffer>[] => Array.isArray(value) && value.every(bytes);
export const anything = (_: unknown): _ is unknown => true;
export const error = (value: unknown): value is ErrorShape =>
  isObject(value) && text(value["code"]) && text(value["message"]) && text(value["hint"]) && isRetry(value["retry"]);
export const optional =
  <T>(check: Check<T>): Check<T | undefined> =>
  (value): value is T | undefined =>
    value === undefined || check(value);

/** Whether it is a message of that table. */
export function matches(schema: Readonly<Record<string, Fields>>, data: unknown): boolean {
  if (!isObject(data) || !text(data["type"]) || !Object.hasOwn(schema, data["type"])) return false;
  const fields = Object.entries(schema[data["type"]] ?? {});
  return fields.every(([name, check]) => check(data[name]));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
