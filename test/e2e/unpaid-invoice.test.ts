import { standardPolicy } from "@dimmer/core";
import { calendarsOf, planCase } from "@dimmer/lifecycle";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { World } from "./world.ts";

// Real processes and doors on a machine that may be busy: what hangs is still found.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const PATIENCE = { timeout: 20_000, interval: 20 };
const DUE = "2026-12-25";
const GRACE = "2026-12-29T09:00:00+09:00";
const LIMITED = "2027-01-07T09:00:00+09:00";
const READ_ONLY = "2027-01-19T09:00:00+09:00";

/** Who lives through it, each with a life of its own. */
const TENANTS = {
  whole: {},
  vetoed: {},
  excepted: { criticality: "medical" },
  parts: {},
  "in-time": {},
  "just-late": {},
  bounced: {},
  abroad: { zone: "America/Los_Angeles", locale: "en" },
} as const;
const NAMES = Object.keys(TENANTS) as (keyof typeof TENANTS)[];

let world: World;
beforeAll(async () => {
  world = await World.start(Date.parse("2026-12-24T12:00:00+09:00"));
  for (const name of NAMES) await join(name, TENANTS[name]);
});
afterAll(async () => await world.close());

interface Life {
  readonly zone?: string;
  readonly locale?: string;
  readonly criticality?: string;
}

/** A tenant with one invoice, due on Christmas Day where it is. */
async function join(id: string, more: Life = {}): Promise<void> {
  const contacts = [{ name: "Books", email: `books@${id}.example`, roles: ["billing", "admin"] }];
  const { zone = "Asia/Tokyo" } = more;
  await world.ask("admin", "PUT", `/v1/tenants/${id}`, {
    name: id,
    plan: "pro",
    locale: "ja",
    zone,
    contacts,
    ...more,
  });
  const due = { date: DUE, zone };
  const invoice = { amount: 55_000, currency: "JPY", due, issuedAt: "2026-11-25T00:00:00Z" };
  await world.ask("finance", "PUT", `/v1/tenants/${id}/invoices/INV-${id}`, invoice);
}

/** Waits until the sidecar answers each of these by its mode. */
async function untilModes(modes: Readonly<Record<string, string>>): Promise<void> {
  await expect
    .poll(
      async () =>
        Object.fromEntries(
          await Promise.all(Object.keys(modes).map(async (name) => [name, await world.modeAtSidecar(name)])),
        ),
      PATIENCE,
    )
    .toEqual(modes);
}

describe("an unpaid invoice over New Year", () => {
  it("is full on the due day: everybody has the mail, the deadline in their own zone", async () => {
    await world.moveTo("2026-12-26T12:00:00+09:00");
    const told = world.mail.mails.map(({ to }) => to);
    for (const name of NAMES) expect(told.filter((to) => to === `books@${name}.example`)).toHaveLength(1);
    const home = world.mail.mails.find(({ to }) => to === "books@whole.example");
    expect(home?.part("text/plain")).toContain("55,000");
    expect((await world.stepOf("whole", "grace")).notice.deadline).toBe("2026-12-28T23:59:00+09:00");
    expect((await world.stepOf("abroad", "grace")).notice.deadline).toMatch(/T23:59:00-08:00$/);
    await untilModes(Object.fromEntries(NAMES.map((name) => [name, "full"])));
  });

  it("L2 · takes nothing one millisecond before the second business day, and is in grace on it", async () => {
    await world.moveTo("2026-12-29T08:59:59.999+09:00");
    expect(await world.stepOf("whole", "grace")).toMatchObject({ state: "signed", at: GRACE });
    await world.moveTo(GRACE);
    expect(await world.stepOf("whole", "grace")).toMatchObject({ state: "effective" });
    await untilModes(Object.fromEntries(NAMES.filter((name) => name !== "abroad").map((name) => [name, "grace"])));
    expect(await world.product("whole:member", "POST", "/notes")).toBe(201);
  });

  it("L6 · is vetoed by one, excepted by two, paid in parts, and moved by no policy that came later", async () => {
    await world.moveTo("2026-12-29T10:00:00+09:00");
    await world.act("collections", "vetoed", "veto", { stage: "limited" });
    const asked = await world.act("cs", "excepted", "except", {
      condition: "payment_plan",
      evidence: "contract 7",
      until: "2027-02-01T09:00:00+09:00",
    });
    await world.act("second", "excepted", "approve", { request: asked["request"] });
    const nonpayment = standardPolicy.tracks?.nonpayment;
    const stages = nonpayment?.stages.map((stage) => (stage.name === "limited" ? { ...stage, after: "10bd" } : stage));
    const document = {
      ...standardPolicy,
      version: "2",
      tracks: { ...standardPolicy.tracks, nonpayment: { ...nonpayment, stages } },
    };
    const draft = await world.ask("admin", "POST", "/v1/policies", { document });
    await world.ask("admin", "POST", `/v1/policies/${String(draft["id"])}/activate`, {});
    await join("newcomer");
    await world.pay("parts", "pay_1", 20_000);
    expect(await world.stepOf("parts", "limited")).toMatchObject({ at: LIMITED });
    expect(await world.stepOf("whole", "limited")).toMatchObject({ at: LIMITED });
    const [old, latest] = [await world.caseOf("whole"), await world.caseOf("newcomer")];
    expect(latest.policy).not.toBe(old.policy);
    expect(Date.parse(latest.steps[1]?.at ?? "")).toBeGreaterThan(Date.parse(LIMITED));
  });

  it("L2 · the second part ends it; taken back, the next step is announced anew, and never earlier", async () => {
    await world.moveTo("2027-01-04T12:00:00+09:00");
    await world.pay("parts", "pay_2", 35_000);
    await untilModes({ parts: "full" });
    await world.moveTo("2027-01-05T12:00:00+09:00");
    await world.ask("finance", "POST", "/v1/tenants/parts/payments/pay_2/reverse", {});
    const { at } = await world.stepOf("parts", "limited");
    expect(Date.parse(at ?? "")).toBeGreaterThan(Date.parse(LIMITED));
  });

  it("L1 · a notice that bounces after the step was signed takes the promise back", async () => {
    await world.moveTo("2027-01-06T12:00:00+09:00");
    expect(await world.stepOf("bounced", "limited")).toMatchObject({ state: "signed", at: LIMITED });
    const { items } = await world.ask("admin", "GET", "/v1/tenants/bounced/notices");
    const warning = (items as { id: string; template: string }[]).find(({ template }) => template === "warning");
    const { deliveries } = await world.ask("admin", "GET", `/v1/notices/${warning?.id}`);
    const mail = (deliveries as { id: string; channel: string }[]).find(({ channel }) => channel === "mail");
    const path = `/v1/notices/${warning?.id}/deliveries/${mail?.id}/evidence`;
    await world.ask("cs", "POST", path, { evidence: "bounced", detail: "550 no such user" });
    expect((await world.stepOf("bounced", "limited")).state).not.toBe("signed");
  });

  it("L3 · a payment in the last millisecond of the deadline's day keeps the step away, and so does one after it", async () => {
    await world.moveTo("2027-01-06T23:59:59.999+09:00");
    expect(await world.stepOf("in-time", "limited")).toMatchObject({ state: "signed", at: LIMITED });
    await world.pay("in-time", "pay_3", 55_000);
    await world.moveTo("2027-01-07T00:00:00.000+09:00");
    expect(await world.stepOf("just-late", "limited")).toMatchObject({ state: "signed", at: LIMITED });
    await world.pay("just-late", "pay_4", 55_000);
    await untilModes({ "in-time": "full", "just-late": "full" });
  });

  it("D6 · is limited on the seventh business day at the sidecar, for those alone for whom it was signed", async () => {
    await world.moveTo("2027-01-07T08:59:59.999+09:00");
    expect(await world.stepOf("whole", "limited")).toMatchObject({ state: "signed" });
    await world.moveTo(LIMITED);
    expect(await world.stepOf("whole", "limited")).toMatchObject({ state: "effective" });
    await untilModes({
      whole: "limited",
      vetoed: "grace",
      excepted: "grace",
      "in-time": "full",
      "just-late": "full",
      bounced: "grace",
    });
    expect(await world.modeAtSidecar("parts")).not.toBe("limited");
    await expect.poll(() => world.product("whole:member", "POST", "/notes"), PATIENCE).toBe(402);
    expect(await world.product("whole:member", "GET", "/notes")).toBe(200);
  });

  it("L2 · a veto that is lifted announces the step anew, with its whole time", async () => {
    await world.moveTo("2027-01-08T10:00:00+09:00");
    await world.act("collections", "vetoed", "lift-veto", { stage: "limited" });
    const { at } = await world.stepOf("vetoed", "limited");
    expect(Date.parse(at ?? "")).toBeGreaterThan(Date.parse("2027-01-11T10:00:00+09:00"));
  });

  it("D5 · is read-only on the fourteenth: members are out, and admins see, export and pay at the product", async () => {
    await world.moveTo(READ_ONLY);
    await untilModes({ whole: "read_only", abroad: "read_only", excepted: "grace", "in-time": "full" });
    await expect.poll(() => world.product("whole:member", "GET", "/notes"), PATIENCE).toBe(403);
    for (const [method, path, status] of [
      ["GET", "/notes", 200],
      ["GET", "/export.csv", 200],
      ["POST", "/pay", 202],
    ] as const) {
      expect([path, await world.product("whole:admin", method, path)]).toEqual([path, status]);
    }
  });

  it("L3 · is paid, and everything is back at the sidecar and the product without a person", async () => {
    const startedMs = performance.now();
    await world.pay("whole", "pay_5", 55_000);
    await untilModes({ whole: "full" });
    await expect.poll(() => world.product("whole:member", "POST", "/notes"), PATIENCE).toBe(201);
    console.log(`paid, and back at the product after ${(performance.now() - startedMs).toFixed(0)} ms`);
    expect(await world.caseOf("whole")).toMatchObject({ standing: "cleared" });
    await expect
      .poll(() => world.mail.mails.filter(({ to }) => to === "books@whole.example").length, PATIENCE)
      .toBeGreaterThanOrEqual(5);
  });

  it("L1 · signed nothing before its notice was accepted, nor earlier than that notice says", async () => {
    for (const name of NAMES) {
      const facts = await world.factsOf(name);
      for (const [index, fact] of facts.entries()) {
        if (fact.kind !== "step_signed") continue;
        const sent = facts.find(
          (one) => one.kind === "notice_sent" && one.stage === fact.stage && one.round === fact.round,
        );
        if (sent?.kind !== "notice_sent") throw new Error(`${name}: ${fact.stage} was signed without a notice`);
        expect(fact.stepAtMs).toBeGreaterThanOrEqual(sent.stepAtMs ?? Number.POSITIVE_INFINITY);
        const accepted = facts.findIndex((one) => one.kind === "notice_accepted" && one.notice === sent.notice);
        expect(accepted).toBeGreaterThanOrEqual(0);
        expect(accepted).toBeLessThan(index);
      }
    }
  });

  it("L4 · comes to the same schedule from the same facts, at any desk", async () => {
    const calendars = calendarsOf(standardPolicy);
    for (const name of ["whole", "vetoed", "parts", "in-time"] as const) {
      const { id, steps } = await world.caseOf(name);
      const given = { case: id, track: "nonpayment", tenant: { id: name, zone: "Asia/Tokyo" } } as const;
      const plan = planCase(
        { ...given, facts: await world.factsOf(name) },
        standardPolicy,
        calendars,
        Date.parse(READ_ONLY),
      );
      const dated = plan.steps.map(({ stage, at, state }) => ({ stage, at: at ?? null, state }));
      expect({ name, steps: steps.map(({ stage, at, state }) => ({ stage, at, state })) }).toEqual({
        name,
        steps: dated,
      });
    }
  });
});
