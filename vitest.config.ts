import { defineConfig } from "vitest/config";

const project = (name: string, root: string) => ({
  extends: true as const,
  test: { name, root, include: ["test/**/*.test.ts"] },
});

export default defineConfig({
  // Vitest runs node tests through Vite's ssr environment: `resolve.conditions` alone has no effect.
  ssr: { resolve: { conditions: ["@dimmer/source"] } },
  test: {
    projects: [
      project("core", "packages/core"),
      project("statement", "packages/statement"),
      project("feed", "packages/feed"),
      project("sdk", "packages/sdk"),
      project("sidecar", "apps/sidecar"),
      project("cli", "apps/cli"),
      project("authority", "apps/authority"),
      project("notes", "examples/notes"),
      { extends: true as const, test: { name: "across", root: ".", include: ["test/**/*.test.ts"] } },
    ],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts", "apps/*/src/**/*.ts"],
      reporter: ["text", "lcovonly"],
    },
  },
});
