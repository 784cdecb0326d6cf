import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

// Tests run on the sources: no build stands between an edit and its test.
const conditions = ["@caraway/source", ...defaultServerConditions];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ["{core,io,apps,testing}/*/test/**/*.test.ts", "tools/test/**/*.test.ts"],
    maxWorkers: 2,
  },
});
