/** Which part of a file a request wants (RFC 9110). */

export type Wanted =
  | { readonly kind: "whole" }
  /** From `start` to before `end`. */
  | { readonly kind: "part"; readonly start: number; readonly end: number }
  /** A part that is not there. */
  | { readonly kind: "beyond" };

const WHOLE: Wanted = { kind: "whole" };

/**
 * What is wanted of `length` bytes. Several ranges, other units and what is not
 * understood mean all of it, as the standard allows; so does `If-Range`, since
 * we give nothing that it could name. A part has at most `bytesMax`.
 */
export function wanted(headers: Headers, length: number, bytesMax: number): Wanted {
  const range = headers.get("range");
  if (range === null || headers.has("if-range")) return WHOLE;
  const [, first = "", last = ""] = /^\s*bytes\s*=\s*(\d*)-(\d*)\s*$/i.exec(range) ?? [];
  if (first === "" && last === "") return WHOLE;
  if (first === "") return part(Math.max(0, length - Number(last)), length, length, bytesMax);
  if (last !== "" && Number(first) > Number(last)) return WHOLE;
  return part(Number(first), last === "" ? length : Number(last) + 1, length, bytesMax);
}

function part(start: number, wantedEnd: number, length: number, bytesMax: number): Wanted {
  const end = Math.min(wantedEnd, length, start + bytesMax);
  return start < end ? { kind: "part", start, end } : { kind: "beyond" };
}
