import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { NOW_MS, runSidecar, stoppedClock, testFeed } from "../running-sidecar.ts";
import { scratchFile } from "../scratch.ts";

const malformed = (detail: string, field?: string): unknown => ({
  type: "urn:dimmer:problem:malformed_question",
  title: "The question is malformed",
  status: 400,
  detail: expect.stringContaining(detail) as unknown,
  ...(field === undefined ? {} : { field }),
});

describe("POST /v1/check", () => {
  it("answers what is allowed, and nothing about the tenant", async () => {
    const { ask } = await runSidecar(await testFeed());
    const answer = await ask("/v1/check", { body: { tenant: "acme", capability: "create", principal: "member" } });
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      "content-type": "application/json",
      "content-length": String(answer.bytes.length),
    });
    expect(answer.json()).toEqual({
      allowed: true,
      capability: "create",
      mode: "full",
      reason: "granted",
      freshness: "fresh",
      version: "1.1",
    });
  });

  it("answers what is denied with the tenant, its cause and case, since when and what comes next", async () => {
    const { ask } = await runSidecar(await testFeed());
    const answer = await ask("/v1/check", { body: { tenant: "unpaid", capability: "create", principal: "member" } });
    expect(answer.status).toBe(200);
    expect(answer.json()).toEqual({
      allowed: false,
      capability: "create",
      mode: "limited",
      reason: "restricted",
      freshness: "fresh",
      version: "1.1",
      tenant: "unpaid",
      cause: "nonpayment",
      case: "case_1",
      since: "2026-12-09T09:00:00+09:00",
      next: { at: "2026-12-16T09:00:00+09:00", mode: "read_only" },
    });
  });

  it("names the case that denies the principal who asked, of several for one cause", async () => {
    const at = NOW_MS / 1_000 - 60;
    const restrictions = [
      { cause: "nonpayment" as const, case: "case_admins", steps: [{ at, mode: "read_only" }] },
      { cause: "nonpayment" as const, case: "case_nobody", steps: [{ at, mode: "export_only" }] },
    ];
    const { ask } = await runSidecar(
      await testFeed({ entitlements: [{ tenant: "twice", plan: "pro", restrictions }] }),
    );
    const of = async (more: object): Promise<unknown> =>
      (await ask("/v1/check", { body: { tenant: "twice", capability: "view", ...more } })).json();
    expect(await of({ principal: "member" })).toMatchObject({ allowed: false, case: "case_admins" });
    expect(await of({ principal: "admin" })).toMatchObject({ allowed: false, case: "case_nobody" });
    expect(await of({})).toMatchObject({ allowed: false, case: "case_nobody" });
  });

  it("names the cause and case of a lock, since it answers the product", async () => {
    const { ask } = await runSidecar(await testFeed());
    expect((await ask("/v1/check", { body: { tenant: "locked", capability: "view" } })).json()).toEqual({
      allowed: false,
      capability: "view",
      mode: "locked",
      reason: "locked",
      freshness: "fresh",
      version: "1.1",
      tenant: "locked",
      cause: "security",
      case: "INC-1",
      since: "2026-12-10T08:00:00+09:00",
    });
  });

  it("adds value and limit of a feature, and what remains where usage is given", async () => {
    const { ask } = await runSidecar(await testFeed());
    const of = async (question: object): Promise<unknown> => (await ask("/v1/check", { body: question })).json();
    expect(await of({ tenant: "acme", feature: "theme" })).toMatchObject({
      allowed: true,
      capability: "feature:theme",
      value: "plain",
    });
    expect(await of({ tenant: "acme", feature: "seats", usage: { current: 24, adding: 1 } })).toMatchObject({
      allowed: true,
      value: 25,
      limit: 25,
      remaining: 1,
    });
    expect(await of({ tenant: "acme", feature: "seats", usage: { current: 25 } })).toMatchObject({
      allowed: false,
      reason: "limit_reached",
      limit: 25,
      remaining: 0,
      tenant: "acme",
    });
    expect(await of({ tenant: "acme", capability: "view", feature: "warp" })).toMatchObject({
      allowed: false,
      capability: "view",
      reason: "feature_not_in_plan",
      feature: "warp",
    });
  });

  it("echoes an unknown capability, whatever characters it has", async () => {
    const { ask } = await runSidecar(await testFeed());
    for (const capability of ["creat", "", "__proto__", 'a"}\\', "支払い", "\ud800"]) {
      expect((await ask("/v1/check", { body: { tenant: "acme", capability } })).json()).toMatchObject({
        allowed: false,
        capability,
        reason: "unknown_capability",
        tenant: "acme",
      });
    }
  });

  it("classifies a request by its method, or by the route table it was given", async () => {
    const routes = scratchFile(
      "routes.yaml",
      "- { method: POST, path: /exports, capability: export }\n- { path: /login, capability: open }\n" +
        "- { method: POST, path: /members, capability: create, feature: seats }\n",
    );
    const { ask } = await runSidecar(await testFeed(), { flags: { routes } });
    const of = async (tenant: string, method: string, path: string, more: object = {}): Promise<unknown> =>
      (await ask("/v1/check", { body: { tenant, request: { method, path }, ...more } })).json();
    expect(await of("unpaid", "POST", "/exports?all=1")).toMatchObject({ allowed: true, capability: "export" });
    expect(await of("unpaid", "POST", "/notes")).toMatchObject({
      allowed: false,
      capability: "create",
      case: "case_1",
    });
    expect(await of("locked", "GET", "/LOGIN/")).toMatchObject({ allowed: true, capability: "open", mode: "locked" });
    expect(await of("acme", "OPTIONS", "/notes")).toMatchObject({ allowed: true, capability: "open", mode: "full" });
    expect(await of("nobody", "OPTIONS", "/notes")).toMatchObject({ allowed: true, freshness: "fallback" });
    expect(await of("acme", "POST", "/members")).toMatchObject({ allowed: true, capability: "create", limit: 25 });
    expect(await of("acme", "POST", "/members", { usage: { current: 25 } })).toMatchObject({
      allowed: false,
      capability: "create",
      reason: "limit_reached",
    });
    expect(await of("acme", "POST", "/notes", { feature: "seats", usage: { current: 3 } })).toMatchObject({
      capability: "create",
      remaining: 22,
    });
    expect(await of("acme", "GET", "/login", { feature: "warp" })).toMatchObject({
      capability: "feature:warp",
      reason: "feature_not_in_plan",
    });
  });

  it("asks login too for a principal that signs in", async () => {
    const { ask } = await runSidecar(await testFeed());
    const of = async (principal: string): Promise<unknown> =>
      (
        await ask("/v1/check", { body: { tenant: "reading", principal, request: { method: "GET", path: "/" } } })
      ).json();
    expect(await of("admin")).toMatchObject({ allowed: true, capability: "view" });
    expect(await of("member")).toMatchObject({ allowed: false, capability: "view", reason: "principal_not_admitted" });
    const pay = { tenant: "reading", request: { method: "POST", path: "/pay" } };
    const routes = scratchFile("routes.yaml", "- { path: /pay, capability: pay }\n");
    const other = await runSidecar(await testFeed(), { flags: { routes } });
    const paying = async (principal: string): Promise<unknown> =>
      (await other.ask("/v1/check", { body: { ...pay, principal } })).json();
    expect(await paying("member")).toMatchObject({ allowed: false, capability: "login", case: "case_2" });
    expect(await paying("service")).toMatchObject({ allowed: true, capability: "pay" });
  });

  it("answers no_data below atLeast, but a lock first", async () => {
    const { ask } = await runSidecar(await testFeed());
    const of = async (tenant: string, atLeast: string): Promise<unknown> =>
      (await ask("/v1/check", { body: { tenant, capability: "create", principal: "admin", atLeast } })).json();
    expect(await of("unpaid", "1.1")).toMatchObject({ allowed: false, reason: "restricted", version: "1.1" });
    expect(await of("unpaid", "1.2")).toMatchObject({ allowed: true, reason: "no_data", freshness: "fallback" });
    expect(await of("locked", "9.9")).toMatchObject({ allowed: false, reason: "locked" });
    const request = { tenant: "unpaid", atLeast: "1.2", request: { method: "POST", path: "/" } };
    expect((await ask("/v1/check", { body: request })).json()).toMatchObject({ allowed: true, reason: "no_data" });
  });

  it("answers with fallbacks before there is a version, and says so", async () => {
    const feed = await testFeed();
    const empty = { directory: `${feed.directory}-not-there`, trust: feed.trust };
    const { ask } = await runSidecar(empty, { isAwaited: false });
    expect((await ask("/v1/check", { body: { tenant: "unpaid", capability: "create" } })).json()).toEqual({
      allowed: true,
      capability: "create",
      mode: "full",
      reason: "no_data",
      freshness: "fallback",
      version: "0.0",
    });
  });

  it("tells the version in force, also in answers that it has given before", async () => {
    const feed = await testFeed();
    const { ask, replica } = await runSidecar(feed);
    const body = { tenant: "acme", capability: "view", principal: "admin" };
    expect((await ask("/v1/check", { body })).json()).toMatchObject({ version: "1.1" });
    await feed.publish({ entitlements: [{ tenant: "acme", plan: "starter" }] });
    await replica.refresh();
    expect((await ask("/v1/check", { body })).json()).toMatchObject({ version: "1.2", allowed: true });
  });

  it("tells what a signed step brought, without a new version", async () => {
    let nowMs = NOW_MS;
    const clock = { ...stoppedClock(), wallMs: () => nowMs, monotonicMs: () => nowMs - NOW_MS };
    const soon = NOW_MS / 1_000 + 60;
    const steps = [{ at: soon, mode: "read_only" }];
    const feed = await testFeed({
      entitlements: [{ tenant: "soon", plan: "pro", restrictions: [{ cause: "manual", case: "c", steps }] }],
    });
    const { ask, replica } = await runSidecar(feed, { clock });
    const body = { tenant: "soon", capability: "create", principal: "admin" };
    expect((await ask("/v1/check", { body })).json()).toMatchObject({ allowed: true, mode: "full" });
    nowMs += 61_000;
    await expect.poll(() => replica.clockMs, { interval: 5, timeout: 5_000 }).toBe(nowMs);
    expect((await ask("/v1/check", { body })).json()).toMatchObject({
      allowed: false,
      mode: "read_only",
      version: "1.1",
      since: "2026-12-10T09:01:00+09:00",
    });
  });

  it("takes a question whatever its content type, spacing or encoded characters", async () => {
    const { ask } = await runSidecar(await testFeed());
    for (const [type, body] of [
      ["application/x-www-form-urlencoded", '{"tenant":"acme","capability":"view"}'],
      ["text/plain", ' {\n\t"capability" : "view", "tenant" : "acme"\r\n} '],
      ["application/json; charset=utf-8", '{"tenant":"\\u0061cme","capability":"vie\\u0077"}'],
    ] as const) {
      const answer = await ask("/v1/check?trace=1", { body, headers: { "content-type": type } });
      expect(answer.json(), type).toMatchObject({ allowed: true, capability: "view" });
    }
  });

  it.each([
    ["", malformed("the body is empty")],
    ["null", malformed("a question is a JSON object")],
    ["{", malformed("the body is not JSON")],
    ['{"tenant":"acme","capability":"view"}}', malformed("the body is not JSON")],
    ["tenant=acme&capability=view", malformed("the body is not JSON")],
    [
      '\ufeff{"tenant":"acme","capability":"view"}',
      malformed("the body begins with a byte-order mark (BOM): send UTF-8 without one"),
    ],
    [Buffer.from('{"tenant":"acme\xff","capability":"view"}', "latin1"), malformed("the body is not UTF-8")],
    [Buffer.from('{"tenant":"acme","capability":"\xc0\x80"}', "latin1"), malformed("the body is not UTF-8")],
    [Buffer.from('{"tenant":"acme","capability":"view"}', "utf16le"), malformed("the body is not JSON")],
    ['{"tenant":"acme","capability":"view","tenant":"other"}', malformed("tenant stands twice", "tenant")],
    ['{"tenant":"acme","capability":"view","capability":"view"}', malformed("capability stands twice", "capability")],
    [
      '{"tenant":"acme","feature":"seats","usage":{"current":1,"current":9}}',
      malformed("usage.current stands twice", "usage.current"),
    ],
    ['{"tenant":"acme","capability":"view","principle":"member"}', malformed("principle is not a field", "principle")],
    ['{"tenant":"acme","capability":"view","__proto__":{}}', malformed("__proto__ is not a field", "__proto__")],
    ['{"tenant":"../../etc","capability":"view"}', malformed("tenant must be 1 to 128", "tenant")],
    [
      '{"tenant":"acme","request":{"method":"GET","path":"/a%2fb"}}',
      malformed("request.path is ambiguous: encoded slash", "request.path"),
    ],
    [
      '{"tenant":"acme","request":{"method":"OPTIONS","path":"/%00"}}',
      malformed("request.path is ambiguous", "request.path"),
    ],
    [
      '{"tenant":"acme","request":{"method":"GET","path":"/"},"usage":{"current":1}}',
      malformed("usage needs a feature, and the route of this request has none", "usage"),
    ],
    [`{"tenant":"acme","capability":"view","usage":${"[".repeat(30_000)}`, malformed("the body is not JSON")],
    [
      `{"tenant":"acme","feature":"seats","usage":${"[".repeat(20_000)}${"]".repeat(20_000)}}`,
      malformed("usage must be an object", "usage"),
    ],
  ])("refuses the body %j", async (body, problem) => {
    const { ask } = await runSidecar(await testFeed());
    const answer = await ask("/v1/check", { method: "POST", body });
    expect(answer.status).toBe(400);
    expect(answer.headers["content-type"]).toBe("application/problem+json");
    expect(answer.json()).toEqual(problem);
  });

  it("refuses a compressed body and says how to send it", async () => {
    const { ask } = await runSidecar(await testFeed());
    const body = gzipSync('{"tenant":"acme","capability":"view"}');
    const answer = await ask("/v1/check", { body, headers: { "content-encoding": "gzip" } });
    expect([answer.status, answer.json()]).toEqual([
      415,
      expect.objectContaining({ detail: "send the body as it is, without content-encoding gzip" }),
    ]);
  });

  it("refuses a body of over 64 KB, also one that comes in pieces, and takes one of 64 KB", async () => {
    const { ask } = await runSidecar(await testFeed());
    const question = '{"tenant":"acme","capability":"view"}';
    expect((await ask("/v1/check", { body: question.padEnd(65_536) })).status).toBe(200);
    for (const isChunked of [false, true]) {
      const answer = await ask("/v1/check", { body: question.padEnd(65_537), isChunked });
      expect([answer.status, answer.headers.connection]).toEqual([413, "close"]);
    }
  });

  it("takes no other method, and tells which", async () => {
    const { ask } = await runSidecar(await testFeed());
    for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) {
      const answer = await ask("/v1/check", { method });
      expect([answer.status, answer.headers.allow], method).toEqual([405, "POST"]);
    }
  });
});
