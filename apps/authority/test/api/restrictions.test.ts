import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
let collections: string;
let legal: string;
beforeAll(async () => {
  authority = await runAuthority();
  collections = await authority.keyWith("collections");
  legal = await authority.keyWith("legal");
  for (const id of ["acme", "beta"])
    await authority.ask("PUT", `/v1/tenants/${id}`, { body: { name: id, plan: "pro" } });
});
afterAll(() => authority.stop());

const overdue = {
  cause: "nonpayment",
  steps: [
    { at: "2026-12-09T09:00:00+09:00", mode: "grace" },
    { at: 1_797_379_200, mode: "limited" },
  ],
};
const put = (path: string, body: unknown, key = collections, headers = {}): ReturnType<RunningAuthority["ask"]> =>
  authority.ask("PUT", `/v1/tenants/${path}`, { body, key, headers });

describe("a restriction", () => {
  it("that makes more of its tenant than is signed is refused; what opens or shortens never is", async () => {
    const large = { name: "large", plan: "pro", features: { theme: "x".repeat(3_500) } };
    expect((await authority.ask("PUT", "/v1/tenants/large", { body: large })).status).toBe(201);
    const deny = ["feature:sso", "api.write", "webhook"];
    const stepsOf = (count: number): unknown[] =>
      Array.from({ length: count }, (_, i) => ({ at: 1_900_000_000 + i, mode: "limited", deny }));
    const held = { cause: "nonpayment", steps: stepsOf(54) };
    expect((await put("large/restrictions/case_l", held)).status).toBe(201);
    const refusals = [
      await put("large/restrictions/case_l", { ...held, steps: stepsOf(64) }),
      await put("large/restrictions/case_m", { ...held, cause: "manual" }),
      await authority.ask("PUT", "/v1/tenants/large", { body: { ...large, features: { theme: "x".repeat(4_000) } } }),
    ];
    expect(refusals.map((refused) => refused.json())).toMatchObject([
      { status: 400, field: "steps", detail: expect.stringMatching(/at most 8192; shorten its steps/) as unknown },
      { status: 400, field: "steps" },
      { status: 400, field: "features", detail: expect.stringMatching(/shorten its features/) as unknown },
    ]);
    const exception = { floor: "essential", from: "2026-12-01T00:00:00Z", until: "2027-03-01T00:00:00Z" };
    expect((await put("large/restrictions/case_l", { ...held, exception })).status).toBe(200);
    const shorter = { ...large, features: { theme: "x" } };
    expect((await authority.ask("PUT", "/v1/tenants/large", { body: shorter })).status).toBe(200);
  });

  it("is put, read, changed and cleared, each with the version that carries it", async () => {
    const made = await put("acme/restrictions/case_1", overdue);
    expect(made.status, made.text).toBe(201);
    expect(made.json()).toMatchObject({
      tenant: "acme",
      case: "case_1",
      cause: "nonpayment",
      steps: [
        { at: "2026-12-09T00:00:00Z", mode: "grace" },
        { at: "2026-12-16T00:00:00Z", mode: "limited" },
      ],
      exception: null,
      revision: 1,
    });
    const exception = { floor: "essential", from: "2026-12-01T00:00:00Z", until: "2027-03-01T00:00:00Z" };
    const changed = await put("acme/restrictions/case_1", { ...overdue, exception }, collections, {
      "if-match": '"r1"',
    });
    expect(changed.json()).toMatchObject({ exception, revision: 2 });
    expect((await authority.ask("GET", "/v1/tenants/acme")).json()["restrictions"]).toMatchObject([
      { case: "case_1", exception },
    ]);
    const cleared = await authority.ask("DELETE", "/v1/tenants/acme/restrictions/case_1", { key: collections });
    expect(cleared.json()).toMatchObject({ revision: 3, version: expect.stringMatching(/^1\./) as unknown });
    const list = async (query = ""): Promise<unknown> =>
      (await authority.ask("GET", `/v1/tenants/acme/restrictions${query}`)).json()["items"];
    expect(await list()).toEqual([]);
    expect(await list("?cleared=true")).toMatchObject([{ case: "case_1" }]);
    expect((await put("acme/restrictions/case_1", overdue)).status).toBe(409);
  });

  it("is decided by collections, and by legal alone where it is for breach", async () => {
    expect((await put("beta/restrictions/case_2", overdue, authority.admin)).status).toBe(403);
    expect((await put("beta/restrictions/case_2", overdue, legal)).status).toBe(403);
    const breach = { ...overdue, cause: "breach" };
    expect((await put("beta/restrictions/case_3", breach)).status).toBe(403);
    expect((await put("beta/restrictions/case_3", breach, legal)).status).toBe(201);
    expect((await authority.ask("DELETE", "/v1/tenants/beta/restrictions/case_3", { key: collections })).status).toBe(
      403,
    );
    expect((await authority.ask("DELETE", "/v1/tenants/beta/restrictions/case_3", { key: legal })).status).toBe(200);
  });

  it("keeps its tenant and its cause", async () => {
    await put("acme/restrictions/case_4", overdue);
    expect((await put("beta/restrictions/case_4", overdue)).status).toBe(409);
    expect((await put("acme/restrictions/case_4", { ...overdue, cause: "manual" })).json()).toMatchObject({
      status: 409,
      field: "cause",
    });
    expect((await authority.ask("GET", "/v1/tenants/beta/restrictions/case_4")).status).toBe(404);
    await authority.ask("DELETE", "/v1/tenants/acme/restrictions/case_4", { key: collections });
  });

  it.each([
    ["a mode that is none", { cause: "nonpayment", steps: [{ at: 1, mode: "dimmed" }] }, "steps"],
    [
      "essential, which is never scheduled",
      { cause: "nonpayment", steps: [{ at: 1, mode: "essential" }] },
      "steps[0].mode",
    ],
    [
      "steps out of order",
      {
        cause: "nonpayment",
        steps: [
          { at: 2, mode: "grace" },
          { at: 1, mode: "limited" },
        ],
      },
      "steps[1].at",
    ],
    ["no step", { cause: "nonpayment", steps: [] }, "steps"],
    ["the year 9999", { cause: "nonpayment", steps: [{ at: "9999-12-31T00:00:00Z", mode: "grace" }] }, "steps[0].at"],
    ["the year 1", { cause: "nonpayment", steps: [{ at: "0001-01-01T00:00:00Z", mode: "grace" }] }, "steps[0].at"],
    ["milliseconds", { cause: "nonpayment", steps: [{ at: 1_796_774_400_000, mode: "grace" }] }, "steps[0].at"],
    ["no zone", { cause: "nonpayment", steps: [{ at: "2026-12-09T09:00:00", mode: "grace" }] }, "steps[0].at"],
    ["an instant relative to now", { cause: "nonpayment", steps: [{ at: "now+2m", mode: "grace" }] }, "steps[0].at"],
    ["a cause that is none", { cause: "spite", steps: [{ at: 1, mode: "grace" }] }, "cause"],
    [
      "an exception that ends before it begins",
      { ...overdue, exception: { floor: "essential", from: 2, until: 1 } },
      "exception.until",
    ],
    [
      "an exception under another cause",
      { ...overdue, cause: "manual", exception: { floor: "essential", from: 1, until: 2 } },
      "exception",
    ],
    [
      "an unknown capability denied",
      { cause: "nonpayment", steps: [{ at: 1, mode: "grace", deny: ["fly"] }] },
      "steps",
    ],
  ])("with %s is refused, naming the field", async (_, body, field) => {
    const refused = await put("acme/restrictions/case_bad", body);
    expect(refused.status, refused.text).toBe(400);
    expect(refused.json()["field"]).toBe(field);
  });

  it("is refused on a tenant that is not there", async () => {
    expect((await put("nobody/restrictions/case_9", overdue)).status).toBe(404);
  });

  it("L1 · for nonpayment never shuts anybody out at once: a step so narrow lies ahead of its putting", async () => {
    const soonS = Math.floor(Date.now() / 1_000);
    const path = "beta/restrictions/case_hand";
    for (const step of [
      { at: 1, mode: "read_only" },
      { at: soonS + 86_400, mode: "read_only" },
      { at: 1, mode: "export_only" },
      { at: 1, mode: "limited", deny: ["login"] },
    ]) {
      const refused = await put(path, { cause: "nonpayment", steps: [step] });
      expect([refused.status, refused.json()["field"]]).toEqual([409, "steps[0].at"]);
      expect(refused.json()["code"]).toBe("unannounced_step");
    }
    const ahead = [
      { at: 1, mode: "limited" },
      { at: soonS + 6 * 86_400, mode: "read_only" },
    ];
    expect((await put(path, { cause: "nonpayment", steps: ahead })).status).toBe(201);
    // A ladder that came down it elsewhere, and one that is no ladder.
    const led = [
      { at: soonS - 6 * 86_400, mode: "limited" },
      { at: soonS, mode: "read_only" },
    ];
    expect((await put("beta/restrictions/case_led", { cause: "nonpayment", steps: led })).status).toBe(201);
    const steep = [{ at: soonS - 60, mode: "limited" }, led[1]];
    expect((await put("beta/restrictions/case_steep", { cause: "nonpayment", steps: steep })).status).toBe(409);
    const manual = { cause: "manual", steps: [{ at: 1, mode: "read_only" }] };
    expect((await put("beta/restrictions/case_manual", manual)).status).toBe(201);
  });
});
