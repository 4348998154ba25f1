import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import { calendarsOf, planCase } from "@dimmer/lifecycle";
import { describe, expect, it } from "vitest";
import { at, invoice, Life, noon } from "../drive.ts";

/** The standard policy with nonpayment by another calendar. */
function by(calendar: string): PolicyDocument {
  const policy = structuredClone(standardPolicy) as unknown as { tracks: { nonpayment: { calendar: string } } };
  policy.tracks.nonpayment.calendar = calendar;
  return policy as unknown as PolicyDocument;
}

const FIXTURES = [
  ["2026-12-25", "jp-bank", ["2026-12-29", "2027-01-07", "2027-01-19"]],
  ["2026-12-25", "jp-government", ["2027-01-04", "2027-01-12", "2027-01-21"]],
  ["2027-04-28", "jp-bank", ["2027-05-06", "2027-05-13", "2027-05-24"]],
  ["2027-04-28", "jp-government", ["2027-05-06", "2027-05-13", "2027-05-24"]],
] as const;

describe("the ladder of an invoice", () => {
  it.each(FIXTURES)("due %s by %s takes its steps on %j at 09:00 in Tokyo", (due, calendar, dates) => {
    const policy = by(calendar);
    const facts = [invoice("inv_1", due)];
    const given = { case: "case_1", track: "nonpayment", tenant: { id: "acme" }, facts } as const;
    const plan = planCase(given, policy, calendarsOf(policy), at(`${due}T00:00+09:00`));
    expect(plan.steps.map((step) => step.atMs)).toEqual(dates.map((date) => at(`${date}T09:00:00+09:00`)));
    const life = new Life({}, {}, policy).add(invoice("inv_1", due));
    const lived = life.live(noon("2026-12-01"), noon(dates[2]));
    expect(lived.restriction?.steps.map(({ atMs, mode }) => [atMs, mode])).toEqual(
      dates.map((date, index) => [at(`${date}T09:00:00+09:00`), ["grace", "limited", "read_only"][index]]),
    );
  });

  it("prints 23:59 of the day before as its deadline", () => {
    const facts = [invoice("inv_1", "2026-12-25")];
    const given = { case: "case_1", track: "nonpayment", tenant: { id: "acme" }, facts } as const;
    const calendars = calendarsOf(standardPolicy);
    const limited = planCase(given, standardPolicy, calendars, noon("2026-12-25")).steps[1];
    expect(limited).toMatchObject({
      at: "2027-01-07T09:00:00+09:00",
      notice: { deadline: "2027-01-06T23:59:00+09:00" },
    });
  });

  it.each([
    ["America/Los_Angeles", "2027-01-05T23:59:00-08:00"],
    ["Pacific/Auckland", "2027-01-06T23:59:00+13:00"],
    ["Asia/Tokyo", "2027-01-06T23:59:00+09:00"],
    ["Europe/London", "2027-01-06T23:59:00+00:00"],
  ])("prints it for a tenant in %s as %s, never after the step", (zone, deadline) => {
    const given = {
      case: "c",
      track: "nonpayment",
      tenant: { id: "acme", zone },
      facts: [invoice("i", "2026-12-25")],
    } as const;
    const step = planCase(given, standardPolicy, calendarsOf(standardPolicy), noon("2026-12-25")).steps[1];
    expect(step?.notice.deadline).toBe(deadline);
    expect(at(deadline)).toBeLessThan(step?.atMs ?? 0);
  });

  it("counts a due date to the end of its day where it is due", () => {
    const dueIn = (zone: string): string | undefined => {
      const facts = [invoice("i", "2026-12-24", { due: { date: "2026-12-24", zone } })];
      const given = { case: "c", track: "nonpayment", tenant: { id: "acme" }, facts } as const;
      return planCase(given, standardPolicy, calendarsOf(standardPolicy), noon("2026-12-20")).anchor?.date;
    };
    expect(dueIn("America/Los_Angeles")).toBe("2026-12-25");
    expect(dueIn("Asia/Tokyo")).toBe("2026-12-24");
    expect(dueIn("Pacific/Auckland")).toBe("2026-12-24");
  });

  it("keeps its floors of 7 and 14 calendar days where business days would be sooner", () => {
    const policy = structuredClone(standardPolicy) as unknown as {
      tracks: { nonpayment: { stages: { after: string; announce: string }[] } };
    };
    const [, limited, readOnly] = policy.tracks.nonpayment.stages;
    Object.assign(limited ?? {}, { after: "3bd", announce: "2bd" });
    Object.assign(readOnly ?? {}, { after: "4bd", announce: "3bd" });
    const given = { case: "c", track: "nonpayment", tenant: { id: "t" }, facts: [invoice("i", "2026-06-01")] } as const;
    const plan = planCase(given, policy as unknown as PolicyDocument, calendarsOf(standardPolicy), noon("2026-06-01"));
    expect(plan.steps.map(({ at }) => at?.slice(0, 10))).toEqual(["2026-06-03", "2026-06-08", "2026-06-15"]);
    expect(plan.steps[1]?.reasons.map(({ code }) => code)).toContain("floor");
  });

  it("never runs where the due date is blank", () => {
    const blank = { ...invoice("i", "2026-12-25") } as Record<string, unknown>;
    delete blank["due"];
    const life = new Life().add(blank as unknown as ReturnType<typeof invoice>);
    const plan = life.live(noon("2026-12-01"), noon("2028-12-01"));
    expect(plan).toMatchObject({ state: "idle", steps: [], due: [], quarantined: [] });
    expect(plan.nextWakeMs).toBeUndefined();
  });
});
