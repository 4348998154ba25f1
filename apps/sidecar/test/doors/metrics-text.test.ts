import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { runSidecar, testFeed } from "../running-sidecar.ts";

/** A program of the machine, not of a package. */
const PROMTOOL = "promtool";

describe("GET /metrics", () => {
  it("is text that promtool takes, for all that a sidecar tells", async () => {
    const { ask } = await runSidecar(await testFeed());
    const { text: input } = await ask("/metrics");
    expect(input.split("\n").filter((line) => line.startsWith("# TYPE")).length).toBeGreaterThan(30);
    const { error, status, stdout, stderr } = spawnSync(PROMTOOL, ["check", "metrics"], { input, encoding: "utf8" });
    if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOENT") {
      process.stdout.write("not run: promtool is not installed\n");
      return;
    }
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "", stderr: "" });
  });
});
