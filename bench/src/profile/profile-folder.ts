import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CpuProfile, flameGraphOf } from "./flame-graph.ts";

const FOLDER = fileURLToPath(new URL("../../results/profiles", import.meta.url));
let suite: string | undefined;

/** From now on every node process of the benchmarks writes a processor profile under this name. */
export function profileSuite(name: string): void {
  mkdirSync(FOLDER, { recursive: true });
  suite = name;
}

/**
 * Flags that have a node process write its profile when it ends; none unless profiling was asked for. The same script
 * with the same words writes over what it wrote before: one profile a contender, of its last pass.
 */
export function profileFlags(args: readonly string[]): readonly string[] {
  if (suite === undefined) return [];
  const place = args.findIndex((arg) => /\.[cm]?[jt]s$/.test(arg));
  const script = args[place] ?? "node";
  const words = args.slice(place + 1).filter((arg) => /^[a-z][a-z0-9-]*$/.test(arg) || /^\d{1,9}$/.test(arg));
  const name = [suite, basename(script, extname(script)), ...words.slice(0, 2)].join("-");
  return ["--cpu-prof", `--cpu-prof-dir=${FOLDER}`, `--cpu-prof-name=${name}.cpuprofile`];
}

/** Draws every profile that was written, and takes the raw ones away. @returns paths of the SVG files */
export function drawProfiles(): readonly string[] {
  suite = undefined;
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith(".cpuprofile"))
    .map((name) => {
      const raw = join(FOLDER, name);
      const path = join(FOLDER, `${basename(name, ".cpuprofile")}.svg`);
      const profile = JSON.parse(readFileSync(raw, "utf8")) as CpuProfile;
      writeFileSync(path, flameGraphOf(profile, basename(name, ".cpuprofile")));
      rmSync(raw);
      return path;
    });
}
