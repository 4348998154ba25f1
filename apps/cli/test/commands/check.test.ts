import { beforeAll, describe, expect, it } from "vitest";
import { dimmer, EXAMPLES, jsonOf, type Run, sharedScratch } from "../run-dimmer.ts";

// Through a sidecar it is asked in dev.test.ts.
describe("check of a feed", () => {
  const cwd = sharedScratch();
  let trust: string;
  const check = (...args: string[]): Promise<Run> =>
    dimmer(["check", ...args, "--feed", "feed", "--trust", trust], { cwd });

  beforeAll(async () => {
    trust = (await dimmer(["feed", "build", "--tenants", EXAMPLES, "--out", "feed"], { cwd })).stdout.trim();
  });

  it("says yes with 0 and no with 1, and why", async () => {
    expect(await check("acme", "view")).toMatchObject({
      status: 0,
      stdout: "allowed: acme view (granted)\n  mode limited, fresh, version 1.1\n",
    });
    const no = await check("acme", "create", "--principal", "member", "--json");
    expect(no.status).toBe(1);
    expect(jsonOf(no)).toMatchObject({
      allowed: false,
      reason: "restricted",
      cause: "nonpayment",
      case: "case_acme_42",
      since: expect.stringMatching(/\+09:00$/),
      next: { mode: "read_only" },
      tenant: "acme",
      version: "1.1",
    });
  });

  it("compares usage with a limit", async () => {
    const args = ["hinata-design", "--feature", "seats", "--current", "11"];
    expect((await check(...args)).stdout).toMatch(/limit 12, 1 remaining\n$/);
    expect((await check(...args, "--adding", "2")).status).toBe(1);
  });

  it("answers no_data below the version asked for", async () => {
    const run = await check("acme", "create", "--at-least", "9.1", "--json");
    expect(jsonOf(run)).toMatchObject({ allowed: true, reason: "no_data", freshness: "fallback" });
  });

  it.each([
    [["acme"], /asks nothing; give a capability, --feature or --request/],
    [["acme", "view", "--adding", "1"], /--adding: needs --current/],
    [["acme", "--feature", "seats", "--current", "many"], /--current "many": must be a number from 0 on/],
    [["acme", "view", "--principal", "boss"], /--principal "boss": must be one of admin, billing, member, service/],
    [["..", "view"], /tenant "\.\.": is not a tenant id/],
    [["acme", "view", "--at-least", "new"], /--at-least "new": must be a version such as 3\.1042/],
    [["acme", "--request", "POST /notes"], /--request: needs a sidecar/],
  ])("refuses %j with exit code 2", async (args, message) => {
    const run = await check(...args);
    expect(run).toMatchObject({ status: 2, stdout: "" });
    expect(run.stderr).toMatch(message);
  });

  it("says that nobody answers with exit code 3", async () => {
    const sidecar = await dimmer(["check", "acme", "view", "--sidecar", "unix:/nowhere.sock"], { cwd });
    expect(sidecar).toMatchObject({ status: 3, stdout: "" });
    expect(sidecar.stderr).toMatch(/^dimmer: sidecar unix:\/nowhere\.sock: .*no such file.*\n$/);
    const none = await dimmer(["check", "acme", "view"], { cwd });
    expect(none.status).toBe(2);
    expect(none.stderr).toMatch(
      /^dimmer: check: no "dimmer dev" runs in \/.*\/\.dimmer \(npm start in the root of the clone; --dir names another\); .*\n$/,
    );
  });
});
