// What went wrong, as a person is told.
import { MimeiError } from "mimei";

export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** Whether it can work by itself later. */
  readonly canPass: boolean;
}

export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof MimeiError) {
    const { code, message, hint, retry } = thrown;
    return { code, message, hint, canPass: retry !== "never" };
  }
  if (thrown instanceof DOMException && (thrown.name === "NotReadableError" || thrown.name === "NotFoundError")) {
    const hint = "If you chose it, choose it again; if it is a folder, choose the files in it.";
    return { code: "file.unreadable", message: "The browser could not read this file.", hint, canPass: false };
  }
  return { code: "unknown", message: thrown instanceof Error ? thrown.message : String(thrown), hint: "", canPass: false };
}
