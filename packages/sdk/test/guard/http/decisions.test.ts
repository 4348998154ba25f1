import { describe, expect, it } from "vitest";
import { send } from "./clients.ts";
import { frameworks } from "./frameworks.ts";
import { listen } from "./guarded-server.ts";

/** Real servers are waited for on a machine that others use. */
const PATIENT = { timeout: 20_000 };

describe.each(frameworks)("$name in front of a real server", PATIENT, ({ isStrict, isResolved, product }) => {
  it("answers what is denied whole, hands on what is allowed, and passes what is nobody's", async () => {
    await using server = await listen(product());
    const { port, carriedOut } = server;
    const denied = await send(port, "POST", "/notes", {
      tenant: "acme",
      body: "a body that nobody reads",
      headers: { "accept-language": "ja" },
    });
    expect(denied).toMatchObject({
      status: 402,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "content-language": "ja",
        "dimmer-mode": "limited",
        "dimmer-reason": "restricted",
      },
    });
    expect(JSON.parse(denied.body)).toMatchObject({ status: 402, capability: "create", case: "case_1" });
    expect(denied.headers["content-length"]).toBe(String(Buffer.byteLength(denied.body)));
    const allowed = await send(port, "POST", "/notes", { tenant: "paying", body: "hello" });
    expect(JSON.parse(allowed.body)).toEqual({ saw: "/notes", bytes: 5 });
    expect(await send(port, "POST", "/notes", { body: "hello" })).toMatchObject({ status: 200 });
    expect(await send(port, "GET", "/health", { tenant: "stopped" })).toMatchObject({ status: 200 });
    expect(carriedOut).toEqual(["POST /notes", "POST /notes", "GET /health"]);
  });

  it("leaves the way back open, and ends members' sessions where only administrators sign in", async () => {
    await using server = await listen(product());
    const { port } = server;
    expect(await send(port, "POST", "/pay", { tenant: "acme" })).toMatchObject({ status: 200 });
    expect(await send(port, "GET", "/notes", { tenant: "shut" })).toMatchObject({
      status: 403,
      headers: { "dimmer-reason": "principal_not_admitted" },
    });
    const asAdmin = { tenant: "shut", headers: { "x-test-principal": "admin" } };
    expect(await send(port, "GET", "/notes", asAdmin)).toMatchObject({ status: 200 });
    const asMember = await send(port, "POST", "/pay", { tenant: "shut" });
    expect(asMember, "a session that has ended pays nothing").toMatchObject({ status: 403 });
    expect(JSON.parse(asMember.body)).toMatchObject({ capability: "login" });
  });

  it("D2 · denies a locked tenant everything, paying included", async () => {
    await using server = await listen(product());
    for (const [method, path] of [
      ["GET", "/notes"],
      ["POST", "/pay"],
      ["DELETE", "/notes/1"],
    ] as const) {
      const denied = await send(server.port, method, path, {
        tenant: "stopped",
        headers: { "x-test-principal": "admin" },
      });
      expect(denied, path).toMatchObject({ status: 403, headers: { "dimmer-reason": "locked" } });
    }
    expect(server.carriedOut).toEqual([]);
  });

  it("has no body for HEAD, and never guards OPTIONS", async () => {
    await using server = await listen(product());
    const { port } = server;
    const head = await send(port, "HEAD", "/quiet", { tenant: "acme" });
    expect(head).toMatchObject({ status: 402, body: "", headers: { "dimmer-mode": "limited" } });
    expect(await send(port, "HEAD", "/notes", { tenant: "acme" })).toMatchObject({ status: 200, body: "" });
    for (const tenant of ["acme", "stopped"]) {
      expect((await send(port, "OPTIONS", "/quiet", { tenant })).status, tenant).toBeLessThan(400);
    }
    expect((await send(port, "OPTIONS", "/quiet%2f", { tenant: "acme" })).status, "not ambiguous").toBe(400);
  });

  it("judges one path by one reading, however it is written", async () => {
    await using server = await listen(product());
    const statusOf = async (path: string): Promise<number> =>
      (await send(server.port, "POST", path, { tenant: "acme" })).status;
    for (const path of ["/pay%2f..", "/pay/..%2fnotes", "/pay;x", "/pay\\x", "/p%2561y", "/pay%00", "/%ff", "/pay#x"]) {
      expect(await statusOf(path), path).toBe(400);
    }
    for (const path of ["/notes", "/NOTES", "/notes/", "/notes?to=/pay", "/pay/x"]) {
      expect(await statusOf(path), path).toBe(402);
    }
    for (const path of ["/pay", "/pay?invoice=%2f", "/pay/"]) expect(await statusOf(path), path).toBe(200);
    for (const path of ["/pay/../notes", "//notes", "/./notes", "/%6eotes"]) {
      expect(await statusOf(path), path).toBe(isStrict ? 400 : 402);
    }
    for (const path of ["/files/../pay", "/./pay"]) {
      expect(await statusOf(path), path).toBe(isStrict ? 400 : 200);
    }
    if (!isStrict) {
      // What was judged is what the product's router is given, where the platform resolves paths.
      const saw = isResolved ? "POST /pay" : "POST /files/../pay";
      expect(server.carriedOut).toContain(saw);
    }
  });

  it("takes two headers of one name for neither", async () => {
    await using server = await listen(product({ methodOverrideHeaders: ["X-HTTP-Method-Override"] }));
    const { port } = server;
    const twice = await send(port, "GET", "/notes", { headers: { "x-test-session": ["paying", "acme"] } });
    expect(twice, "no tenant's id").toMatchObject({ status: 403, headers: { "dimmer-reason": "unknown_tenant" } });
    const override = (...named: string[]): Promise<{ status: number }> =>
      send(port, "POST", "/notes", { tenant: "acme", headers: { "x-http-method-override": named } });
    expect(await override("DELETE")).toMatchObject({ status: 200 });
    expect(await override("POST")).toMatchObject({ status: 402 });
    expect(await override("DELETE", "POST")).toMatchObject({ status: 400 });
    expect(await override("OPTIONS")).toMatchObject({ status: 402 });
    expect(server.counts().ambiguous).toBe(1);
  });

  it.each([
    [
      "throws",
      (): never => {
        throw new Error("no session store");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no session store"))],
  ])(
    "hands on what a callback %s to the product's error handling, and does not let the request pass",
    async (_how, tenant) => {
      await using server = await listen(product({ tenant }));
      const { port } = server;
      const failed = await send(port, "GET", "/notes", { tenant: "paying" });
      expect([failed.status, JSON.parse(failed.body)]).toEqual([500, { failed: "no session store" }]);
      expect(server.carriedOut).toEqual([]);
      expect(await send(port, "GET", "/health")).toMatchObject({ status: 200 });
    },
  );

  it("leaves an error of a handler to the product, and runs no handler after a denial", async () => {
    const routes = [{ method: "GET", path: "/broken", capability: "view" }] as const;
    await using server = await listen(product({ isLater: true, routes }));
    const { port } = server;
    const failed = await send(port, "GET", "/broken", { tenant: "paying" });
    expect([failed.status, JSON.parse(failed.body)]).toEqual([500, { failed: "the product's handler" }]);
    expect(await send(port, "GET", "/broken", { tenant: "stopped" })).toMatchObject({ status: 403 });
    expect(server.carriedOut).toEqual(["GET /broken"]);
  });

  it("waits for a Dimmer that answers later, and counts by route", async () => {
    await using server = await listen(product({ isLater: true, tenant: async (session) => session }));
    const { port } = server;
    expect(await send(port, "POST", "/notes", { tenant: "acme" })).toMatchObject({ status: 402 });
    expect(await send(port, "POST", "/notes", { tenant: "paying" })).toMatchObject({ status: 200 });
    expect(await send(port, "POST", "/notes")).toMatchObject({ status: 200 });
    expect(server.counts()).toEqual({
      ambiguous: 0,
      routes: [{ route: "unmatched POST", allowed: 1, denied: 1, open: 0, withoutTenant: 1 }],
    });
  });
});
