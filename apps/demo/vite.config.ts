// Builds the demo's page into the folder that the gateway serves.

import { fileURLToPath } from "node:url";
import { defaultClientConditions, defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("./page"),
  base: "./",
  resolve: { conditions: ["@caraway/source", ...defaultClientConditions] },
  worker: { format: "es" },
  build: { outDir: here("./bundle"), emptyOutDir: true, target: "es2022" },
});
