import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import {
  type CasePlan,
  calendarsOf,
  diffSchedules,
  planCase,
  renderICalendar,
  renderTable,
  simulate,
} from "@dimmer/lifecycle";
import { describe, expect, it } from "vitest";
import { calendars, invoice, noon } from "../drive.ts";

const due = { date: "2026-12-25", zone: "Asia/Tokyo" };

describe("simulate", () => {
  it("draws the steps of an invoice with the holidays that move them", () => {
    const ladder = simulate({ due }, standardPolicy, calendars);
    const steps = ladder.rows.filter(({ kind }) => kind === "step").map(({ name, at }) => [name, at.slice(0, 16)]);
    expect(steps).toEqual([
      ["grace", "2026-12-29T09:00"],
      ["limited", "2027-01-07T09:00"],
      ["read_only", "2027-01-19T09:00"],
    ]);
    expect(ladder.closedDays).toContainEqual({ date: "2027-01-11", calendar: "jp-bank", name: "Coming of Age Day" });
    expect(ladder.rows.at(-1)).toMatchObject({ kind: "deletion", at: "2027-03-23T09:00:00+09:00" });
    expect(ladder.isProvisional).toBe(false);
    expect(simulate({ due: { ...due, date: "2028-12-25" } }, standardPolicy, calendars).isProvisional).toBe(true);
  });

  it("draws the ladder of a tenant that leaves", () => {
    const ladder = simulate({ leave: due }, standardPolicy, calendars);
    expect(ladder.track).toBe("offboarding");
    expect(ladder.rows.filter(({ kind }) => kind === "task").map(({ name }) => name)).toEqual([
      "export",
      "transfer",
      "final_invoice",
    ]);
  });

  it("is a caller's mistake without a date, with two, or with one that has no zone", () => {
    expect(() => simulate({}, standardPolicy, calendars)).toThrow(TypeError);
    expect(() => simulate({ due, leave: due }, standardPolicy, calendars)).toThrow(TypeError);
    expect(() => simulate({ due: { date: "2026-12-25" } as typeof due }, standardPolicy, calendars)).toThrow(
      /^due: .*zone/,
    );
  });
});

describe("a dated ladder", () => {
  const ladder = simulate({ due }, standardPolicy, calendars);

  it("is a table with the closed days below", () => {
    const table = renderTable(ladder);
    expect(table).toContain("2027-01-07 09:00  Thu  step      limited         limited, auto_unless_vetoed(24h)");
    expect(table).toContain("2027-01-11  Coming of Age Day (jp-bank)");
    expect(table.split("\n").every((line) => line === line.trimEnd())).toBe(true);
  });

  it("is JSON as it stands", () => {
    expect(JSON.parse(JSON.stringify(ladder))).toEqual(ladder);
  });

  it("is an iCalendar file of lines that are folded and ended as the format wants", () => {
    const text = renderICalendar(ladder, noon("2026-11-22"));
    expect(text).toContain("DTSTART:20270107T000000Z\r\nSUMMARY:step: limited\r\n");
    expect(text).toContain("DTSTART;VALUE=DATE:20270111\r\n");
    expect(text.match(/BEGIN:VEVENT/g)).toHaveLength(ladder.rows.length + ladder.closedDays.length);
    expect(text.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    for (const line of text.split("\r\n")) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(75);
    expect(text.endsWith("END:VCALENDAR\r\n")).toBe(true);
  });
});

describe("diffSchedules", () => {
  const plan = (policy: PolicyDocument, id: string, date: string): CasePlan =>
    planCase(
      { case: id, track: "nonpayment", tenant: { id: `tenant_${id}` }, facts: [invoice("inv_1", date)] },
      policy,
      calendarsOf(policy),
      noon("2026-12-01"),
    );
  const slower = structuredClone(standardPolicy) as unknown as {
    tracks: { nonpayment: { stages: { after: string; mode: string }[] } };
  };
  Object.assign(slower.tracks.nonpayment.stages[2] ?? {}, { after: "20bd" });

  it("says whose dates move, and how", () => {
    const other = slower as unknown as PolicyDocument;
    const before = [plan(standardPolicy, "a", "2026-12-25"), plan(standardPolicy, "b", "2026-12-28")];
    expect(diffSchedules(before, before)).toEqual([]);
    const moved = diffSchedules(before, [plan(other, "a", "2026-12-25"), plan(other, "b", "2026-12-28")]);
    expect(moved.map(({ tenant, stage, change }) => [tenant, stage, change])).toEqual([
      ["tenant_a", "read_only", "later"],
      ["tenant_b", "read_only", "later"],
    ]);
  });

  it("names cases and stages that come and go", () => {
    const [a, b] = [plan(standardPolicy, "a", "2026-12-25"), plan(standardPolicy, "b", "2026-12-25")];
    const changes = diffSchedules([a], [b]).map(({ case: id, change }) => `${id} ${change}`);
    expect(new Set(changes)).toEqual(new Set(["a removed", "b added"]));
    const harder = { ...a, steps: a.steps.map((step) => ({ ...step, mode: "export_only" })) };
    expect(diffSchedules([a], [harder])[0]).toMatchObject({ change: "mode", modes: ["grace", "export_only"] });
  });
});
