import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { standardPolicy } from "@dimmer/core/standard-policy";
import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runAuthority, type TestAuthority } from "../authority/running-authority.ts";
import { dimmer, jsonOf, type Run, sharedScratch } from "../run-dimmer.ts";

/** The opening hour of the day on which the invoice falls due. */
const DUE_DAY_MS = Date.parse("2026-12-25T09:00:00+09:00");

describe("cases at an authority", () => {
  let authority: TestAuthority;
  let cwd: string;
  let sidecar: string;
  let closeSidecar: () => Promise<void>;
  const env: Record<string, string> = {};
  const run = async (...args: string[]): Promise<Run> => await dimmer(args, { cwd, env });
  const done = async (...args: string[]): Promise<string> => {
    const ran = await run(...args);
    expect(ran).toMatchObject({ status: 0, stderr: "" });
    return ran.stdout;
  };

  beforeAll(async () => {
    cwd = sharedScratch();
    const startedMs = performance.now();
    const now = (): number => DUE_DAY_MS + Math.floor(performance.now() - startedMs);
    authority = await runAuthority({ devClock: join(cwd, "clock.json"), devMailbox: true }, { now });
    const { url, client, trust } = authority;
    writeFileSync(join(cwd, "second.key"), await authority.keyWith("second", "collections", "legal"));
    env["DIMMER_AUTHORITY"] = url;
    env["DIMMER_API_KEY"] = authority.key;
    const reason = "a test";
    const contacts = [{ name: "Books", email: "books@acme.example", roles: ["billing", "admin"] }];
    const tenant = { name: "ACME", plan: "pro", zone: "Asia/Tokyo", contacts };
    await client.write("PUT", "/v1/tenants/acme", { reason, body: tenant });
    await client.write("PUT", "/v1/tenants/hospital", { reason, body: { ...tenant, criticality: "medical" } });
    const due = { date: "2026-12-25", zone: "Asia/Tokyo" };
    const invoice = { amount: 55_000, currency: "JPY", due, issuedAt: "2026-11-25T00:00:00Z" };
    await client.write("PUT", "/v1/tenants/acme/invoices/INV-1", { reason, body: invoice });
    await client.write("PUT", "/v1/tenants/hospital/invoices/INV-2", { reason, body: invoice });
    const { body } = await client.write("POST", "/v1/fleet/credentials", { reason, body: { name: "sidecar" } });
    writeFileSync(join(cwd, "fleet.key"), String(body["secret"]), { mode: 0o600 });
    const flags = {
      feed: [url],
      feedTokenFile: join(cwd, "fleet.key"),
      trust: [trust],
      audience: "development",
      port: "0",
      tcp: "full",
      socket: join(cwd, "s.sock"),
      data: join(cwd, "sidecar"),
      logLevel: "silent",
    };
    const started = await startSidecar(readSidecarConfig({ flags, env: {} }));
    await started.replica.ready();
    sidecar = `unix:${join(cwd, "s.sock")}`;
    closeSidecar = () => started.close();
  });
  afterAll(async () => await closeSidecar());

  const mode = async (tenant: string): Promise<string> => {
    const { stdout } = await dimmer(["check", tenant, "view", "--sidecar", sidecar, "--json"]);
    return String((JSON.parse(stdout) as { mode: string }).mode);
  };

  it("are listed and shown with their dates and the reasons of these", async () => {
    expect(await done("case", "list")).toMatch(
      / acme +nonpayment +open +full +next grace at 2026-12-29T09:00:00\+09:00 /,
    );
    const shown = await done("case", "show", "acme");
    expect(shown).toMatch(/^case_\S+ \(nonpayment, open\)\nacme: full; next grace at 2026-12-29T09:00:00\+09:00/);
    expect(shown).toContain("owes 55000 JPY, due 2026-12-25");
    expect(shown).toMatch(/ limited +limited +planned +2027-01-07T09:00:00\+09:00 +until 2027-01-06T23:59:00\+09:00 /);
  });

  it("D5 L1 · come step by step as the clock is moved, each at its own instant, and the sidecar follows", async () => {
    const moved = await done("clock", "advance", "2bd");
    expect(moved).toMatch(/^it is \w{3} 2026-12-29 /);
    expect(moved).toContain("acme: grace; next limited at 2027-01-07T09:00:00+09:00 (");
    await expect.poll(() => mode("acme"), { timeout: 10_000 }).toBe("grace");
    expect(await done("tenant", "list")).toMatch(/^acme .*grace/m);
    expect(await done("clock", "show")).toMatch(/, 4\.0 days ahead\n$/);
  });

  it("are ended by a payment of their invoice, not by hand", async () => {
    const refused = await run("tenant", "pay", "acme");
    expect(refused.status).toBe(2);
    expect(refused.stderr).toBe('dimmer: acme is restricted for an open invoice: "dimmer pay acme" pays it\n');
  });

  it("L6 · are vetoed and freed again; an exception takes a second person", async () => {
    expect(await done("case", "veto", "acme", "limited")).toContain("veto: recorded");
    expect(await done("clock", "advance", "7bd")).toMatch(/acme: grace; limited is held, not before /);
    expect(await mode("acme")).toBe("grace");
    expect(await done("case", "lift-veto", "acme", "limited")).toContain("lift veto: recorded");
    const ask = "case except hospital --condition payment_plan --evidence contract-7 --until 60d";
    const asked = await done(...ask.split(" "));
    const line = /dimmer (case approve hospital --request \S+)/.exec(asked)?.[1]?.split(" ") as string[];
    expect(await run(...line)).toMatchObject({ status: 1, stderr: expect.stringContaining("another person does") });
    const approved = await done(...line, "--api-key-file", join(cwd, "second.key"));
    expect(approved).toContain("held by exception");
    // The floor is below what it has: it stays there, and no further step has a date.
    await expect.poll(() => mode("hospital"), { timeout: 10_000 }).toBe("limited");
    expect(await done("case", "show", "hospital")).toContain("read_only is held, not before");
  });

  it("are paused and resumed, with a note", async () => {
    const paused = await done("case", "pause", "acme", "--until", "7d", "--note", "looks into it");
    expect(paused).toContain("held by pause");
    expect(await done("case", "resume", "acme")).not.toContain("held by");
    const timeline = await done("case", "timeline", "acme");
    expect(timeline).toMatch(/ fact +paused pause_\S+ looks into it /);
    expect(timeline).toMatch(/ notice +warning: /);
    expect(timeline).toMatch(/ delivery +mail books@acme\.example: accepted$/m);
  });

  it("L3 · end with the payment, and it is said how long the last replica took", async () => {
    const part = await done("pay", "acme", "--amount", "5000");
    expect(part).toMatch(/^acme has paid 5000 JPY of INV-1\n {2}acme: grace; /);
    const whole = await done("pay", "acme");
    const tookMs = /^acme has paid 50000 JPY of INV-1\n {2}back in full: the last replica had it (\d+) ms after/.exec(
      whole,
    );
    console.log(`pay: at the last replica after ${tookMs?.[1]} ms`);
    expect(Number(tookMs?.[1])).toBeLessThan(3_000);
    expect(await mode("acme")).toBe("full");
    expect(await run("pay", "acme")).toMatchObject({ status: 1 });
  });

  it.each([
    [["case", "show", "nobody"], 2, 'no case and no tenant "nobody"'],
    [["case", "veto", "hospital", "frozen"], 2, "stage: frozen is not planned; planned: "],
    [["case", "pause", "hospital", "--until", "7d"], 2, "--note is missing"],
    [["pay", "nobody"], 2, 'no tenant "nobody"'],
    [["pay", "hospital", "--amount", "1.5"], 2, '--amount "1.5": must be a whole number'],
    [["clock", "advance", "soon"], 2, '"soon": must be such as 7bd'],
    [["clock", "advance", "2026-01-01T00:00:00Z"], 2, "the clock only goes ahead"],
    [["drill"], 2, "--sidecar is missing"],
  ])("say what is wrong: %j", async (args, status, message) => {
    const ran = await run(...args);
    expect(ran).toMatchObject({ status, stdout: "" });
    expect(ran.stderr).toContain(message);
  });

  it("say whose dates another policy moves", async () => {
    const { nonpayment } = standardPolicy.tracks ?? {};
    const stages = nonpayment?.stages.map((stage) =>
      stage.name === "read_only" ? { ...stage, after: "15bd" } : stage,
    );
    const tracks = { ...standardPolicy.tracks, nonpayment: { ...nonpayment, stages } };
    writeFileSync(join(cwd, "later.json"), JSON.stringify({ ...standardPolicy, version: "2", tracks }));
    const diff = jsonOf(await run("policy", "diff", "later.json", "--json")) as { dates: Record<string, unknown> };
    expect(diff.dates).toMatchObject({ of: "cases", cases: 2, unplanned: [] });
    expect(diff.dates["moved"]).toMatchObject([{ tenant: "hospital", stage: "read_only", change: "later" }]);
  });

  it("a drill steps a tenant down and back at the sidecar, and keeps the times", async () => {
    const report = join(cwd, "drills.ndjson");
    const ran = await run("drill", "--sidecar", sidecar, "--report", report);
    expect(ran.stdout).toMatch(/\npassed\n$/);
    expect(ran.status).toBe(0);
    const kept = JSON.parse(readFileSync(report, "utf8")) as {
      phases: { name: string; doors: { tookMs: number }[] }[];
    };
    expect(kept.phases.map(({ name }) => name).join(", ")).toBe(
      "made, step grace, step limited, step read_only, lock, unlock, restore",
    );
    for (const { doors } of kept.phases) expect(doors[0]?.tookMs).toBeGreaterThan(0);
    expect(await done("ledger")).toMatch(/tenant\.remove +tenant:dimmer-drill .* restore \d+ ms/);
    expect((await run("tenant", "show", "dimmer-drill")).status).toBe(2);
  });

  it("a drill that is not seen at one of its doors is not passed, and leaves nobody behind", async () => {
    const ran = await run("drill", "--sidecar", sidecar, "--sidecar", "http://127.0.0.1:1", "--within", "300ms");
    expect(ran.status).toBe(1);
    expect(ran.stdout).toMatch(/not seen \(sidecar http:\/\/127\.0\.0\.1:1: .*nobody listens there\)/);
    expect(ran.stdout).toMatch(/\nnot passed\n$/);
    expect((await run("tenant", "show", "dimmer-drill")).status).toBe(2);
  });
});
