// Builds the page of the example.

import { fileURLToPath } from "node:url";
import { defaultClientConditions, defineConfig } from "vite";

export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  resolve: { conditions: ["@caraway/source", ...defaultClientConditions] },
  worker: { format: "es" },
  build: { target: "es2022" },
});
