// The SDK's service worker lies at an address of its own: it is no part of any bundle.
import { cpSync } from "node:fs";

cpSync(new URL(import.meta.resolve("mimei/mimei-sw.js")), new URL("../dist/sdk/mimei-sw.js", import.meta.url));
