// Builds two things from one graph: the page, and the element as a module that plain HTML can load.

import { fileURLToPath } from "node:url";
import { defaultClientConditions, defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: here("./page"),
  // Relative, so that it works below any path.
  base: "./",
  resolve: { conditions: ["@caraway/source", ...defaultClientConditions] },
  worker: { format: "es" },
  build: {
    outDir: here("./bundle"),
    emptyOutDir: true,
    target: "es2022",
    rolldownOptions: {
      input: { page: here("./page/index.html"), "spice-viewer": here("./src/index.ts") },
      preserveEntrySignatures: "exports-only",
      output: {
        entryFileNames: ({ name }) =>
          name === "spice-viewer" ? "[name].js" : "assets/[name]-[hash].js",
      },
    },
  },
});
