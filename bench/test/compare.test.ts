import { describe, expect, test } from "vitest";
import { compareResults, type Results } from "../src/compare.ts";

const spread = (median: number, min: number, max: number): object => ({ median, min, max, runs: 5 });
const HERE = { cpu: "one", cores: 2, platform: "linux x64", runtime: "Node v26" };

function results(rows: readonly object[], { suite = "sidecar", machine = HERE as object } = {}): Results {
  return { date: "2026-11-22", machine: machine as Results["machine"], suites: { [suite]: { passes: 5, rows } } };
}

const moves = (before: Results, after: Results): object[] =>
  compareResults(before, after).movements.map(({ name, isBeyondNoise, isOurs, worseBy }) => ({
    name,
    isBeyondNoise,
    isOurs,
    isWorse: worseBy > 0,
  }));

describe("compareResults", () => {
  test("counts as noise what ranges have in common", () => {
    const before = results([{ name: "dimmer", cpuUs: spread(10, 8, 14) }]);
    const after = results([{ name: "dimmer", cpuUs: spread(20, 13, 25) }]);
    expect(moves(before, after)).toEqual([
      { name: "sidecar · dimmer · cpuUs", isBeyondNoise: false, isOurs: true, isWorse: true },
    ]);
  });

  test("sees a figure move whose ranges have nothing in common", () => {
    const before = results([{ name: "dimmer", cpuUs: spread(10, 8, 12) }]);
    const after = results([{ name: "dimmer", cpuUs: spread(20, 13, 25) }]);
    expect(moves(before, after)).toMatchObject([{ isBeyondNoise: true, isWorse: true }]);
  });

  test("takes more requests a second for better", () => {
    const before = results([{ name: "dimmer", perSecond: spread(10, 8, 12) }]);
    const after = results([{ name: "dimmer", perSecond: spread(20, 13, 25) }]);
    expect(moves(before, after)).toMatchObject([{ isBeyondNoise: true, isWorse: false }]);
  });

  test("finds a row by its name where others stand before it", () => {
    const dimmer = { name: "dimmer", cpuUs: spread(10, 8, 12) };
    const { movements: compared } = compareResults(
      results([dimmer]),
      results([{ name: "raw", cpuUs: spread(1, 1, 1) }, dimmer]),
    );
    expect(compared.map(({ name, worseBy }) => [name, worseBy])).toEqual([["sidecar · dimmer · cpuUs", 0]]);
  });

  test("holds neither floors nor peers against Dimmer", () => {
    const rows = (ns: object): object[] => ["floor", "casl", "dimmer"].map((name) => ({ name, ns }));
    const suite = "decision-peers";
    const { movements: compared } = compareResults(
      results(rows(spread(1, 1, 1)), { suite }),
      results(rows(spread(9, 9, 9)), { suite }),
    );
    expect(compared.map(({ isOurs }) => isOurs)).toEqual([false, false, true]);
  });

  test("compares ratios alone where the machine is another", () => {
    const row = { name: "dimmer", cpuUs: spread(1, 1, 1), cpuRatio: spread(1, 1, 1) };
    const { movements: compared } = compareResults(
      results([row]),
      results([row], { machine: { ...HERE, cpu: "two" } }),
    );
    expect(compared.map(({ name }) => name)).toEqual(["sidecar · dimmer · cpuRatio"]);
  });

  test("takes a thousandth of a byte for none", () => {
    const before = results([{ name: "dimmer", bytes: spread(0.001, 0.001, 0.001) }]);
    const after = results([{ name: "dimmer", bytes: spread(0.009, 0.009, 0.009) }]);
    expect(moves(before, after)).toMatchObject([{ isBeyondNoise: false }]);
  });

  test("finds rows of sections within a suite, and tells floors and peers there from what is Dimmer's", () => {
    const of = (name: string): object => ({ name, ns: spread(1, 1, 1) });
    const sections = [{ name: "plain, 100", rows: ["floor", "casl", "dimmer"].map(of) }];
    const suites = {
      "decision-peers": { sections },
      "decision-questions": { rows: ["floor, 100", "feature, 100"].map(of) },
      "scale-replicas": { rows: ["streams, 10", "floor: streams of a bare server, 10"].map(of) },
    };
    const run: Results = { date: "2026-11-22", machine: HERE, suites };
    expect(compareResults(run, run).movements.flatMap(({ name, isOurs }) => (isOurs ? [name] : []))).toEqual([
      "decision-peers · plain, 100 · dimmer · ns",
      "decision-questions · feature, 100 · ns",
      "scale-replicas · streams, 10 · ns",
    ]);
  });

  test("counts the ratio alone where a row has one, and what no ratio covers", () => {
    const row = (of: object): object => ({ name: "one", ns: of, bytes: of, ratio: of });
    const { movements } = compareResults(
      results([row(spread(1, 1, 1))], { suite: "decision" }),
      results([row(spread(9, 9, 9))], { suite: "decision" }),
    );
    expect(movements.filter(({ isCounted }) => isCounted).map(({ name }) => name)).toEqual([
      "decision · one · bytes",
      "decision · one · ratio",
    ]);
    expect(movements).toHaveLength(3);
  });

  test("counts a violation of a soak, on whatever machine, from none to one", () => {
    const soak = (violations: number, cpu: string): Results => ({
      date: "2026-11-22",
      machine: { ...HERE, cpu },
      suites: { soak: { seconds: 120, violations, followed: { count: 7 } } },
    });
    expect(compareResults(soak(0, "one"), soak(1, "two")).movements).toMatchObject([
      { name: "soak · violations", isBeyondNoise: true, isCounted: true, worseBy: 1 },
    ]);
    expect(compareResults(soak(3, "one"), soak(3, "one")).movements).toMatchObject([
      { isBeyondNoise: false, worseBy: 0 },
    ]);
  });

  test("names what only one of the two has", () => {
    const row = (name: string): object => ({ name, cpuUs: spread(1, 1, 1) });
    const { onlyBefore, onlyAfter } = compareResults(
      results([row("dimmer"), row("old")]),
      results([row("dimmer"), row("new")]),
    );
    expect({ onlyBefore, onlyAfter }).toEqual({
      onlyBefore: ["sidecar · old · cpuUs"],
      onlyAfter: ["sidecar · new · cpuUs"],
    });
  });
});
