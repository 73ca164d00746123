import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, loadEnv } from "vite";

// The relay serves this page under a strict content security policy: nothing
// inline, worker and wasm as files of its own origin.
export default defineConfig(({ mode }) => ({
  plugins: [svelte()],
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ["index.html", "table/index.html"] },
  },
  worker: { format: "es" },
  // As source, so that the worker and the wasm file are found beside their modules.
  optimizeDeps: { exclude: ["mimei"] },
  server: { proxy: toRelay(loadEnv(mode, ".", "MIMEI_")["MIMEI_RELAY"]) },
}));

/** `MIMEI_RELAY=http://localhost:8080 npm run dev` develops against a running relay. */
function toRelay(relay: string | undefined): Record<string, { target: string; ws: boolean }> {
  if (relay === undefined) return {};
  const paths = ["/rtc", "/ws", "/.well-known/mimei", "/sdk/mimei-sw.js"];
  return Object.fromEntries(paths.map((path) => [path, { target: relay, ws: path === "/ws" }]));
}
