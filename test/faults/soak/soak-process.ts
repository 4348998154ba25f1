import { play } from "../play.ts";
import { soak } from "./soak.ts";

/**
 * `node soak-process.ts SECONDS SEED` runs a soak and prints JSON lines: `{ process }` of each process that starts,
 * `{ progress }` about once a second, `{ violation }` as it is seen, `{ line }` at the end.
 */
const [seconds = "120", seed = "1"] = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
for (const [signal, code] of [
  ["SIGTERM", 143],
  ["SIGINT", 130],
] as const) {
  // Whoever was started is killed as this process exits.
  process.once(signal, () => process.exit(code));
}
const line = await play(
  {
    name: "soak",
    summary: "load and mixed faults",
    holds: ["D1", "D2", "D3", "F1", "F2", "F3", "F5", "F6"],
    run: (stage) =>
      soak(
        {
          ...stage,
          violate: (invariant, what) => {
            say({ violation: { invariant, what } });
            stage.violate(invariant, what);
          },
        },
        {
          forMs: Number(seconds) * 1_000,
          sidecars: 3,
          onProcess: (role, pid) => say({ process: { role, pid } }),
          onProgress: (progress) => say({ progress }),
        },
      ),
  },
  { seed: Number(seed), isLong: false, progress: (text) => void process.stderr.write(`${text}\n`) },
);
say({ line });
// What a line that was broken on purpose left open must not keep the process alive.
process.exit(line.ok === false ? 1 : 0);
