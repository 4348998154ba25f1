import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { standardPolicy } from "@dimmer/core/standard-policy";
import { describe, expect, it } from "vitest";
import { dimmer, jsonOf, scratch } from "../run-dimmer.ts";

interface Row {
  readonly kind: string;
  readonly name: string;
  readonly at: string;
  readonly deadline?: string;
}

const steps = (rows: unknown): string[] =>
  (rows as Row[]).filter(({ kind }) => kind === "step").map(({ name, at }) => `${name} ${at.slice(0, 16)}`);

describe("policy simulate", () => {
  it("draws the ladder over New Year, with the holidays that move it", async () => {
    const run = await dimmer(["policy", "simulate", "--due", "2026-12-25"]);
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(run.stdout).toMatch(/^2026-12-29 09:00 {2}Tue {2}step +grace /m);
    expect(run.stdout).toMatch(/^2027-01-07 09:00 {2}Thu {2}step +limited /m);
    expect(run.stdout).toMatch(/^2027-01-19 09:00 {2}Tue {2}step +read_only /m);
    expect(run.stdout).toContain("until 2027-01-06T23:59:00+09:00");
    expect(run.stdout).toMatch(/^ {2}2027-01-01 {2}New Year's Day \(jp-bank\)$/m);
  });

  it.each([
    [
      ["--calendar", "jp-government"],
      ["grace 2027-01-04T09:00", "limited 2027-01-12T09:00", "read_only 2027-01-21T09:00"],
    ],
    [
      ["--calendar", "jp-national"],
      ["grace 2026-12-29T09:00", "limited 2027-01-06T09:00", "read_only 2027-01-18T09:00"],
    ],
    [
      ["--zone", "America/Los_Angeles"],
      ["grace 2026-12-29T09:00", "limited 2027-01-07T09:00", "read_only 2027-01-19T09:00"],
    ],
  ])("takes another calendar or zone: %j", async (more, expected) => {
    const run = await dimmer(["policy", "simulate", "--due", "2026-12-25", "--json", ...more]);
    expect(steps(jsonOf(run)["rows"])).toEqual(expected);
  });

  it("begins the clock of a card with its final retry, and prints deadlines in the tenant's zone", async () => {
    const given = ["policy", "simulate", "--due", "2026-12-25", "--json"];
    const rows = jsonOf(await dimmer([...given, "--method", "card", "--zone", "Europe/Berlin"]))["rows"] as Row[];
    expect(steps(rows)[0]).toBe("grace 2027-01-13T09:00");
    expect(rows.find(({ deadline }) => deadline !== undefined)?.deadline).toMatch(/T23:59:00\+01:00$/);
  });

  it("prints iCalendar, and the ladder of a tenant that leaves", async () => {
    const run = await dimmer(["policy", "simulate", "--leave", "2026-12-01", "--ics"]);
    expect(run.status).toBe(0);
    expect(run.stdout).toMatch(/^BEGIN:VCALENDAR\r\nVERSION:2\.0\r\n/);
    expect(run.stdout).toMatch(/SUMMARY:task: final_invoice\r\n/);
    expect(run.stdout).toMatch(/END:VCALENDAR\r\n$/);
  });

  it.each([
    [["--due", "2026-02-30"], '--due "2026-02-30": must be a day such as 2026-12-25'],
    [["--due", "2026-12-25", "--zone", "Mars/Base"], '--zone "Mars/Base": must be an IANA zone such as Asia/Tokyo'],
    [
      ["--due", "2026-12-25", "--calendar", "moon"],
      '--calendar "moon": must be one of jp-bank, jp-government, jp-national',
    ],
    [["--due", "2099-12-25"], "calendar jp-bank (jp/2026.1) has no data for 2099-12-25"],
    [[], "give one of --due DATE and --leave DATE"],
    [["--due", "2026-12-25", "--leave", "2026-12-25"], "give one of --due DATE and --leave DATE"],
  ])("names what is wrong: %j", async (more, message) => {
    const run = await dimmer(["policy", "simulate", ...more]);
    expect(run).toMatchObject({ status: 2, stdout: "" });
    expect(run.stderr).toContain(`dimmer: ${message}`);
    expect(run.stderr.match(/\n/g)).toHaveLength(1);
  });
});

describe("policy diff of two", () => {
  const calendar = { base: "jp-bank", opens: "09:00", closes: "17:00", closed: ["2026-12-28"] } as const;
  const next = { ...standardPolicy, version: "2", calendars: { ...standardPolicy.calendars, "jp-bank": calendar } };

  it("says whose dates move, without any authority", async () => {
    const cwd = scratch();
    writeFileSync(join(cwd, "next.json"), JSON.stringify(next));
    const run = await dimmer(
      ["policy", "diff", "standard", "next.json", "--due", "2026-12-25", "--due", "2027-04-28"],
      {
        cwd,
      },
    );
    expect(run).toMatchObject({ status: 0, stderr: "" });
    expect(run.stdout).toContain("due 2026-12-25: grace 2026-12-29 09:00 → 2026-12-30 09:00, later\n");
    expect(run.stdout).toContain("due 2026-12-25: limited 2027-01-07 09:00 → 2027-01-08 09:00, later\n");
    expect(run.stdout).toMatch(/\ndates move for 1 of 2 due dates\n$/);
  });

  it("looks at due dates of the next year unless told which, and finds none moved in the same policy", async () => {
    const run = await dimmer(["policy", "diff", "standard", "standard", "--json"]);
    const { dates, differences } = jsonOf(run) as {
      dates: { cases: number; moved: unknown[]; of: string };
      differences: [];
    };
    expect(differences).toEqual([]);
    expect(dates).toMatchObject({ of: "samples", moved: [], unplanned: [] });
    expect(dates.cases).toBeGreaterThanOrEqual(24);
  });

  it("has no dates for a policy that does not lint", async () => {
    const cwd = scratch();
    const [stage, ...more] = standardPolicy.tracks?.nonpayment?.stages ?? [];
    const tracks = {
      ...standardPolicy.tracks,
      nonpayment: { ...standardPolicy.tracks?.nonpayment, stages: [{ ...stage, min_lead: "" }, ...more] },
    };
    writeFileSync(join(cwd, "bad.json"), JSON.stringify({ ...next, tracks }));
    const run = await dimmer(["policy", "diff", "standard", "bad.json"], { cwd });
    expect(run.status).toBe(1);
    expect(run.stdout).not.toContain("dates move");
    expect(run.stdout).toMatch(/^error .*min_lead/m);
  });
});
