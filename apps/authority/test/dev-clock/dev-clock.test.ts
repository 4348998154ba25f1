import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { standardPolicy } from "@dimmer/core";
import type { Fact } from "@dimmer/lifecycle";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { recordFact } from "../../src/cases/record-fact.ts";
import type { Actor } from "../../src/changes/actor.ts";
import { readAuthorityConfig } from "../../src/config/read.ts";
import { advanceTarget } from "../../src/dev-clock/advance-target.ts";
import { startAuthority } from "../../src/start-authority.ts";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

const at = (text: string): number => Date.parse(text);

describe("where a clock is moved to", () => {
  const friday = at("2026-12-25T10:00:00+09:00");
  const target = (advance: string, nowMs = friday): string =>
    new Date(advanceTarget({ advance }, standardPolicy, nowMs)).toISOString();

  it("counts business days by the policy's calendar, and is never before the opening hour", () => {
    expect(target("2bd")).toBe("2026-12-29T01:00:00.000Z");
    expect(target("7bd")).toBe("2027-01-07T01:00:00.000Z");
    expect(target("2bd", at("2026-12-25T03:00:00+09:00"))).toBe("2026-12-29T00:00:00.000Z");
    expect(target("3d")).toBe("2026-12-28T01:00:00.000Z");
    expect(target("30m")).toBe("2026-12-25T01:30:00.000Z");
  });

  it.each([
    [{}, "give either advance"],
    [{ advance: "1d", to: "2027-01-01T00:00:00Z" }, "give either advance"],
    [{ advance: "soon" }, '"soon": must be such as 7bd'],
    [{ advance: "0d" }, "lies behind"],
    [{ to: "2026-12-25T09:59:59+09:00" }, "lies behind"],
    [{ to: "2027-01-01" }, "must be an instant with its zone"],
    [{ advance: "999d" }, "over 400 days ahead"],
  ])("refuses %j", (advance, message) => {
    expect(() => advanceTarget(advance, standardPolicy, friday)).toThrow(message);
  });
});

const actor: Actor = { id: "test", role: "finance", reason: "a test", correlationId: "cor_clock" };

describe("an authority with a clock that is moved", () => {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-clock-"));
  const file = join(folder, "clock.json");
  // The machine's clock stands still: what passes is what the clock is moved by.
  const startMs = at("2026-12-25T10:00:00+09:00");
  let authority: RunningAuthority;
  let admin: string;
  beforeAll(async () => {
    authority = await runAuthority({ now: () => startMs, folder, config: { devClock: file, devMailbox: true } });
    ({ admin } = authority);
  });
  afterAll(async () => {
    await authority.close();
    rmSync(folder, { recursive: true });
  });

  it("walks a case by way of everything that falls due, as if it had been watched", async () => {
    await authority.ask("PUT", "/v1/tenants/acme", {
      body: {
        name: "ACME",
        plan: "pro",
        zone: "Asia/Tokyo",
        contacts: [{ name: "Books", email: "books@acme.example", roles: ["billing", "admin"] }],
      },
    });
    const fact: Fact = {
      kind: "invoice",
      id: "in_1",
      atMs: startMs - 86_400_000,
      invoice: "inv_1",
      amount: 55_000,
      currency: "JPY",
      due: { date: "2026-12-25", zone: "Asia/Tokyo" },
      method: "invoice",
    };
    const { store } = authority;
    await store.transact((queries) =>
      recordFact({ store, queries, actor, nowMs: startMs }, { tenant: "acme", track: "nonpayment", fact }),
    );
    const moved = await authority.ask("POST", "/v1/dev/clock", { body: { advance: "2bd" } });
    expect(moved.status).toBe(200);
    expect(moved.json()).toMatchObject({ now: "2026-12-29T01:00:00.000Z", isSettled: true });
    expect(moved.json()["stops"]).toBeGreaterThan(0);
    const { plan } = await store.db.selectFrom("case_file").select("plan").executeTakeFirstOrThrow();
    const { steps } = JSON.parse(plan ?? "{}") as { steps: { stage: string; state: string; at: string }[] };
    expect(steps[0]).toMatchObject({ stage: "grace", state: "effective", at: "2026-12-29T09:00:00+09:00" });
    expect(steps[1]).toMatchObject({ stage: "limited", at: "2027-01-07T09:00:00+09:00" });
    // Announced at its own instant, and not at the end of the walk.
    const notices = await store.db.selectFrom("notice").select(["template", "created_ms"]).execute();
    expect(notices.find(({ template }) => template === "warning")?.created_ms).toBe(at("2026-12-29T09:00:00+09:00"));
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ offsetMs: at("2026-12-29T10:00:00+09:00") - startMs });
  });

  it("goes on there after a restart, and never goes back", async () => {
    await authority.close();
    authority = await runAuthority({ now: () => startMs, folder, config: { devClock: file } });
    const shown = await authority.ask("GET", "/v1/dev/clock", { key: admin });
    expect(shown.json()).toMatchObject({ now: "2026-12-29T01:00:00.000Z" });
    const back = await authority.ask("POST", "/v1/dev/clock", { key: admin, body: { to: "2026-12-28T00:00:00Z" } });
    expect(back.status).toBe(400);
    expect(back.json()).toMatchObject({ field: "to", detail: expect.stringContaining("the clock only goes ahead") });
  });
});

describe("a clock for development", () => {
  it("is nowhere but where it was asked for", async () => {
    const authority = await runAuthority();
    expect((await authority.ask("GET", "/v1/dev/clock")).status).toBe(404);
    expect((await authority.ask("POST", "/v1/dev/clock", { body: { advance: "1d" } })).status).toBe(404);
    await authority.stop();
  });

  it.each([{ host: "0.0.0.0" }, { store: "postgres://x@127.0.0.1:1/x" }])("is refused with %j", async (given) => {
    const flags = { store: "sqlite:/nowhere/a.db", keys: "/nowhere", devClock: "/nowhere/clock.json", ...given };
    await expect(startAuthority(readAuthorityConfig({ flags }))).rejects.toMatchObject({ code: "options_invalid" });
  });

  it("is refused where its file holds something else", async () => {
    const authority = await runAuthority();
    const devClock = join(authority.folder, "clock.json");
    await authority.close();
    writeFileSync(devClock, '{"offsetMs":-1}');
    const again = runAuthority({ folder: authority.folder, config: { devClock } });
    await expect(again).rejects.toThrow("holds no clock; remove it");
    await authority.stop();
  });
});
