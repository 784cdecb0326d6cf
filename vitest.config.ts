import { defaultServerConditions } from "vite";
import { defineConfig } from "vitest/config";

// Tests run on the sources: no build stands between an edit and its test.
const conditions = ["@caraway/source", ...defaultServerConditions];

// Tests that drive real programs: a virtual machine, a browser. One file at a time.
const programs = [
  "testing/interop/test/**/*.test.ts",
  "{io,apps,testing}/*/browser-test/**/*.test.ts",
];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: "pure",
          include: ["{core,io,apps,guests,testing}/*/test/**/*.test.ts", "tools/test/**/*.test.ts"],
          exclude: programs,
          maxWorkers: 2,
          // Generous: the machine may be busy with other work, and no test measures time.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          // Run by the matrix (testing/interop/cells/long-tests.ts), not by `npm test`.
          name: "long",
          include: ["testing/interop/long/**/*.test.ts"],
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 180_000,
          hookTimeout: 900_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: "programs",
          include: programs,
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 180_000,
          // The first run on a machine installs programs and builds the guest.
          hookTimeout: 900_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
