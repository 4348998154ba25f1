import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { readAuthorityConfig } from "@dimmer/authority";
import { readSidecarConfig } from "@dimmer/sidecar";
import { describe, expect, it, onTestFinished } from "vitest";
import { isThere, run } from "./programs.ts";

const FOLDER = resolve(import.meta.dirname, "../../deploy/systemd");
/** Of `systemd-analyze security`, out of 100: what a service that does all that Node allows comes to. */
const MOST_EXPOSED = "20";

const hasSystemd = isThere("systemd-analyze", ["--version"], "systemd is not installed, its units are not verified");

const textOf = (file: string): string => readFileSync(join(FOLDER, file), "utf8");
const valuesOf = (unit: string, key: string): string[] =>
  [...textOf(`dimmer-${unit}.service`).matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map(([, value]) => value ?? "");

/** A root with systemd's own units, ours, and something at the path that they start. */
function rootWithUnits(): string {
  const root = mkdtempSync(join(tmpdir(), "dimmer-systemd-"));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  cpSync("/lib/systemd/system", join(root, "lib/systemd/system"), { recursive: true, verbatimSymlinks: true });
  mkdirSync(join(root, "etc/systemd/system"), { recursive: true });
  mkdirSync(join(root, "opt/dimmer/bin"), { recursive: true });
  writeFileSync(join(root, "opt/dimmer/bin/node"), "#!/bin/sh\n");
  chmodSync(join(root, "opt/dimmer/bin/node"), 0o755);
  for (const unit of ["sidecar", "authority"]) {
    cpSync(join(FOLDER, `dimmer-${unit}.service`), join(root, `etc/systemd/system/dimmer-${unit}.service`));
  }
  return root;
}

/** The variables that a unit gives its process: `Environment=`, and the file that is shipped for it. */
function environmentOf(unit: string): Record<string, string> {
  const own = valuesOf(unit, "Environment").flatMap((line) => line.split(" "));
  const file = textOf(`${unit}.env`)
    .split("\n")
    .filter((line) => /^\w+=/.test(line));
  return Object.fromEntries(
    [...own, ...file].map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

describe.each(["sidecar", "authority"])("the unit of the %s", (unit) => {
  it.runIf(hasSystemd)("has nothing that systemd does not understand", () => {
    const root = rootWithUnits();
    const verify = ["verify", `--root=${root}`, "--recursive-errors=no", "--man=no", `dimmer-${unit}.service`];
    expect(run("systemd-analyze", verify)).toEqual({ status: 0, output: "" });
  });

  it.runIf(hasSystemd)("is exposed no more than it must be", () => {
    const args = [
      "security",
      "--offline=true",
      `--root=${rootWithUnits()}`,
      `--threshold=${MOST_EXPOSED}`,
      "--no-pager",
    ];
    const { status, output } = run("systemd-analyze", [...args, `dimmer-${unit}.service`]);
    expect({ status, end: output.trim().split("\n").at(-1) }).toMatchObject({ status: 0 });
  });

  it("starts that command, as a user of its own that sysusers makes", () => {
    expect(valuesOf(unit, "ExecStart")[0]).toMatch(
      new RegExp(`^/opt/dimmer/bin/node /opt/dimmer/apps/cli/bin/dimmer\\.js ${unit} `),
    );
    const [user = ""] = valuesOf(unit, "User");
    expect(user).not.toBe("root");
    expect(textOf("sysusers.conf")).toMatch(new RegExp(`^u ${user} `, "m"));
  });

  it("is started again for ever, and may finish what is under way", () => {
    expect(valuesOf(unit, "Restart")).toEqual(["always"]);
    expect(valuesOf(unit, "StartLimitIntervalSec")).toEqual(["0"]);
    expect(Number(valuesOf(unit, "TimeoutStopSec")[0])).toBeGreaterThan(5);
  });
});

it("the sidecar's unit sets what the sidecar has, in directories that the unit makes", () => {
  const config = readSidecarConfig({ env: environmentOf("sidecar") });
  expect(config.ignoredVariables).toEqual([]);
  expect(config.socket).toBe(`/run/${valuesOf("sidecar", "RuntimeDirectory")[0]}/sidecar.sock`);
  expect(config.data).toBe(`/var/lib/${valuesOf("sidecar", "StateDirectory")[0]}`);
  expect(config.audience).not.toBe("development");
});

it("the authority's unit sets what the authority has", () => {
  const config = readAuthorityConfig({ env: environmentOf("authority") });
  expect(config).toMatchObject({ keys: "/etc/dimmer/keys", host: "127.0.0.1" });
  expect(config.audience).not.toBe("development");
  expect(URL.canParse(config.store)).toBe(true);
});
