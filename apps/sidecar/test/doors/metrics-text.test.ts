import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { alone, Metrics } from "../../src/doors/metrics-text.ts";
import { runSidecar, testFeed } from "../running-sidecar.ts";

/** A program of the machine, not of a package. */
const PROMTOOL = "promtool";

describe("Metrics", () => {
  it("writes help, type and values as the text format has them", () => {
    const metrics = new Metrics();
    metrics.count("a_total", "Back\\slash and\nline.", () => [
      [{ reason: "plain", door: "check" }, 2],
      [{ reason: 'quote " slash \\ line \n', door: "" }, 0.5],
    ]);
    metrics.gauge("b", "One.", () => 1e21);
    metrics.gauge("c", "None.", () => undefined);
    metrics.count("d_total", "Alone.", () => alone(0));
    metrics.gauge("e", "Odd.", () => [
      [{ is: "inf" }, Number.POSITIVE_INFINITY],
      [{ is: "-inf" }, Number.NEGATIVE_INFINITY],
      [{ is: "nan" }, Number.NaN],
    ]);
    expect(metrics.text()).toBe(
      [
        "# HELP a_total Back\\\\slash and\\nline.",
        "# TYPE a_total counter",
        'a_total{reason="plain",door="check"} 2',
        'a_total{reason="quote \\" slash \\\\ line \\n",door=""} 0.5',
        "",
        "# HELP b One.",
        "# TYPE b gauge",
        "b 1e+21",
        "",
        "# HELP c None.",
        "# TYPE c gauge",
        "",
        "# HELP d_total Alone.",
        "# TYPE d_total counter",
        "d_total 0",
        "",
        "# HELP e Odd.",
        "# TYPE e gauge",
        'e{is="inf"} +Inf',
        'e{is="-inf"} -Inf',
        'e{is="nan"} NaN',
        "",
      ].join("\n"),
    );
  });

  it("refuses a name twice, and reads at each scrape anew", () => {
    const metrics = new Metrics();
    let n = 0;
    metrics.count("a_total", "A.", () => alone(++n));
    expect(() => metrics.gauge("a_total", "A.", () => 1)).toThrow(TypeError);
    expect([metrics.text(), metrics.text()].map((text) => text.at(-2))).toEqual(["1", "2"]);
  });

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
