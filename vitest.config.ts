import { defineConfig } from "vitest/config";

const project = (name: string, root: string, bounds: object = {}) => ({
  extends: true as const,
  test: { name, root, include: ["test/**/*.test.ts"], ...bounds },
});

/** Where real databases and processes are waited for on a machine that others use: bounds, never pauses. */
const PATIENT = { testTimeout: 20_000, hookTimeout: 30_000, expect: { poll: { timeout: 10_000 } } };

export default defineConfig({
  // Vitest runs node tests through Vite's ssr environment: `resolve.conditions` alone has no effect.
  // The others are Node's own: sources then get the same copy of a dual package (graphql) as what Node loads by itself.
  ssr: { resolve: { conditions: ["@dimmer/source", "node", "module-sync"] } },
  test: {
    // One fewer than there are cores is the default, which on two cores is one.
    maxWorkers: "100%",
    projects: [
      project("core", "packages/core"),
      project("statement", "packages/statement"),
      project("feed", "packages/feed"),
      project("sdk", "packages/sdk"),
      project("lifecycle", "packages/lifecycle"),
      project("webhooks", "packages/webhooks", PATIENT),
      project("testkit", "packages/testkit"),
      project("openfeature", "packages/openfeature"),
      project("sidecar", "apps/sidecar"),
      project("cli", "apps/cli"),
      project("authority", "apps/authority", PATIENT),
      project("bench", "bench"),
      project("notes", "examples/notes"),
      project("edge-worker", "examples/edge-worker"),
      project("frameworks", "examples", {
        ...PATIENT,
        include: ["{express,fastify,next-fetch,graphql,worker-jobs,streams,openfeature-web}/test/**/*.test.ts"],
      }),
      { extends: true as const, test: { name: "across", root: ".", include: ["test/**/*.test.ts"] } },
    ],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts", "apps/*/src/**/*.ts"],
      reporter: ["text", "lcovonly"],
    },
  },
});
