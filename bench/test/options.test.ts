import { describe, expect, test } from "vitest";
import { HELP, readOptions } from "../src/options.ts";
import { SUITES } from "../src/suites.ts";

describe("readOptions", () => {
  test("takes every suite that is not apart where none is named, and writes what it finds", () => {
    const options = readOptions([]);
    expect(options.suites).toEqual(Object.keys(SUITES).filter((name) => name !== "soak"));
    expect(options).toMatchObject({ isWritten: true, withPeers: false, isQuick: false, seed: 1, minutes: undefined });
  });

  test("reads what was asked for, and runs a suite that is named twice once", () => {
    expect(readOptions(["soak", "guard", "soak", "--minutes", "0.5", "--seed", "7", "--out", "x.json"])).toMatchObject({
      suites: ["soak", "guard"],
      minutes: 0.5,
      seed: 7,
      outPath: "x.json",
    });
    expect(readOptions(["-h"]).isHelp).toBe(true);
  });

  test.each([["--quick"], ["--profile"], ["--no-write"]])("writes no results with %s", (flag) => {
    expect(readOptions(["guard", flag]).isWritten).toBe(false);
  });

  test.each([
    [["--quikc"], /^Unknown option '--quikc'; --help/],
    [["gaurd"], /^no suite named gaurd; there are decision, /],
    [["soak", "--minutes"], /--minutes/],
    [["soak", "--minutes", "-1"], /^--minutes: must be a number above 0$/],
    [["soak", "--minutes", "0"], /^--minutes: must be a number above 0$/],
    [["soak", "--minutes", "two"], /^--minutes: must be a number above 0$/],
    [["soak", "--minutes", ""], /^--minutes: must be a number above 0$/],
    [["soak", "--minutes", "2", "--quick"], /^--minutes: not with --quick/],
    [["decision", "--minutes", "3"], /^--minutes: means the soak/],
    [["decision", "--seed", "3"], /^--seed: means the soak/],
    [["soak", "--seed", "1.5"], /^--seed: must be a whole number/],
    [["soak", "--seed", "-1"], /^--seed: must be a whole number/],
    [["--out", ""], /^--out: must name a file$/],
    [["--json=yes"], /--json/],
  ])("refuses %j in one line", (args, expected) => {
    let message = "";
    try {
      readOptions(args);
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message).toMatch(expected);
    expect(message).not.toContain("\n");
  });

  test("names every suite in its help", () => {
    for (const name of Object.keys(SUITES)) expect(HELP).toContain(name);
  });
});
