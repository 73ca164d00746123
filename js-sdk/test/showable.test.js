import assert from "node:assert/strict";
import { test } from "node:test";
import { extensionOf, showable } from "../dist/item/showable.js";

const ascii = (text) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
const PNG = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0]);
const DOWNLOAD = { as: "download", type: "application/octet-stream" };

test("images, audio, video and plain text are shown under our own type", () => {
  const wanted = { "a.png": ["image", "image/png"], "B.JPEG": ["image", "image/jpeg"], "c.mp3": ["audio", "audio/mpeg"], "d.webm": ["video", "video/webm"], "e.txt": ["text", "text/plain;charset=utf-8"], "f.md": ["text", "text/plain;charset=utf-8"] };
  for (const [name, [as, type]] of Object.entries(wanted)) assert.deepEqual(showable({ name }), { as, type }, name);
});

test("whatever a browser could run is only a download, however it is written", () => {
  const names = ["a.html", "a.HTM", "a.svg", "a.SvG", "a.xhtml", "a.xml", "a.xsl", "a.mht", "a.pdf", "a.js", "a.mjs", "a.css", "a.wasm", "a.swf", "a.png.svg", "a.svgz", "a.svg ", "a.html\u0000", "a.png.", "a"];
  for (const name of names) {
    assert.deepEqual(showable({ name }), DOWNLOAD, name);
    assert.deepEqual(showable({ name }, ascii("<svg onload=alert(1)>")), DOWNLOAD, name);
  }
});

test("what the writer claims as a type decides nothing", () => {
  assert.deepEqual(showable({ name: "a.bin", type: "image/png" }), DOWNLOAD);
  assert.equal(showable({ name: "a.png", type: "text/html" }).type, "image/png");
});

test("a name without an extension is judged by how the file begins, a known extension never", () => {
  assert.equal(showable({ name: "photo" }, PNG).type, "image/png");
  assert.equal(showable({ name: undefined, ext: "" }, ascii("RIFF....WEBPVP8 ")).type, "image/webp");
  assert.equal(showable({ name: undefined }, ascii("GIF89a...")).type, "image/gif");
  assert.deepEqual(showable({ name: "page.html" }, PNG), DOWNLOAD);
  assert.equal(showable({ name: "a.txt" }, ascii("<html>")).as, "text");
  for (const head of ["<!doctype html>", "<svg ", "%PDF-1.7", "RIFF....XXXX", "GIF", ""]) {
    assert.deepEqual(showable({ name: "file" }, ascii(head)), DOWNLOAD, head);
  }
});

test("a file MiMei has its extension from its id", () => {
  assert.equal(showable({ name: undefined, ext: "png" }).as, "image");
  assert.deepEqual(showable({ name: undefined, ext: "svg" }, PNG), DOWNLOAD);
});

test("an extension follows the last dot, and a leading dot is none", () => {
  assert.deepEqual(["a.tar.GZ", ".profile", "a.", "plain"].map(extensionOf), ["gz", "", "", ""]);
});
