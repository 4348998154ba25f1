import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Explanation, ProblemDocument } from "@dimmer/core";
import type { Dimmer } from "@dimmer/sdk";
import { TestWorld } from "@dimmer/testkit";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Note } from "../src/notes-store.ts";
import { connectTo, productOf, unpaid } from "./notes-product.ts";

const tenants = [
  { tenant: "paying", plan: "pro" },
  { tenant: "acme", plan: "pro", restrictions: [unpaid("limited")] },
  { tenant: "shut", plan: "pro", restrictions: [unpaid("read_only")] },
];

let world: TestWorld;
let dimmer: Dimmer;

beforeAll(async () => {
  world = await TestWorld.create({ tenants });
  ({ dimmer } = world);
});
afterAll(() => world.close());

function as(session: string, method = "GET", body?: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method,
    headers: { authorization: `Bearer ${session}`, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
}

describe("the notes product", () => {
  it("signs in, by token or cookie, and takes the tenant from the session alone", async () => {
    const { app } = productOf(dimmer);
    const response = await app.request("/login", {
      method: "POST",
      body: JSON.stringify({ tenant: "acme", as: "member" }),
    });
    const { token } = (await response.json()) as { token: string };
    const cookie = response.headers.get("set-cookie") ?? "";
    expect(cookie).toContain("HttpOnly");
    const byToken = await app.request("/session", {
      headers: { authorization: `Bearer ${token}`, "x-tenant": "paying" },
    });
    expect(await byToken.json()).toEqual({ tenant: "acme", principal: "member" });
    const byCookie = await app.request("/notes", {
      method: "POST",
      headers: { cookie: cookie.split(";")[0] as string },
      body: JSON.stringify({ text: "x", tenant: "paying" }),
    });
    expect(byCookie.status).toBe(402);
    await app.request("/logout", { method: "POST", headers: { authorization: `Bearer ${token}` } });
    expect((await app.request("/session", { headers: { authorization: `Bearer ${token}` } })).status).toBe(401);
  });

  it("turns away who is not signed in, and what is no login", async () => {
    const { app } = productOf(dimmer);
    const response = await app.request("/notes");
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    for (const body of [
      "",
      "{",
      "[]",
      '{"tenant":"../x","as":"admin"}',
      '{"tenant":"acme","as":"owner"}',
      '{"as":"admin"}',
    ]) {
      expect((await app.request("/login", { method: "POST", body })).status).toBe(400);
    }
    expect((await app.request("/notes", as("made-up-token"))).status).toBe(401);
    expect((await app.request("/nothing", as("paying:admin"))).status).toBe(404);
  });

  it("lists, searches, creates, reads, updates and deletes notes of the tenant alone", async () => {
    const { app } = productOf(dimmer);
    const created = await app.request("/notes", as("paying:member", "POST", { text: "Buy Paper" }));
    expect(created.status).toBe(201);
    const { id } = (await created.json()) as Note;
    const found = await app.request("/notes?q=paper", as("paying:member"));
    expect(await found.json()).toMatchObject({ notes: [{ id, text: "Buy Paper" }] });
    expect((await app.request(`/notes/${id}`, as("paying:member", "PUT", { text: "Buy ink" }))).status).toBe(200);
    expect(await (await app.request(`/notes/${id}`, as("paying:member"))).json()).toMatchObject({ text: "Buy ink" });
    expect((await app.request(`/notes/${id}`, as("acme:member"))).status).toBe(404);
    expect((await app.request(`/notes/${id}`, as("paying:member", "DELETE"))).status).toBe(204);
    expect((await app.request(`/notes/${id}`, as("paying:member"))).status).toBe(404);
    for (const body of [{}, { text: "" }, { text: 1 }, { text: "x".repeat(10_001) }]) {
      expect((await app.request("/notes", as("paying:member", "POST", body))).status).toBe(400);
    }
    expect((await app.request("/notes", as("paying:member", "POST", { text: "x".repeat(70_000) }))).status).toBe(413);
  });

  it("exports as JSON and as CSV that a spreadsheet takes for text", async () => {
    const { app } = productOf(dimmer);
    await app.request("/notes/welcome-1", as("paying:member", "PUT", { text: '=1+1, "so"\nit is' }));
    const json = await app.request("/export.json", as("paying:admin"));
    expect(await json.json()).toMatchObject({ notes: [{ id: "welcome-1" }, { id: "welcome-2" }] });
    const csv = await app.request("/export.csv", as("paying:admin"));
    expect(csv.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    const at = "2026-06-01T00:00:00.000Z";
    expect(await csv.text()).toBe(
      `id,text,updatedAt\r\nwelcome-1,"'=1+1, ""so""\nit is",${at}\r\nwelcome-2,会議の議事録を共有する,${at}\r\n`,
    );
  });

  it("tells a person who may not create what works and how to get back, in their language", async () => {
    const { app } = productOf(dimmer);
    const denied = await app.request("/notes", as("acme:admin", "POST", { text: "x" }));
    expect(denied.headers.get("content-type")).toBe("application/problem+json");
    expect(await denied.json()).toMatchObject({
      type: "urn:dimmer:problem:restricted",
      status: 402,
      capability: "create",
      mode: "limited",
      cause: "nonpayment",
      case: "case_1",
      stillAllowed: expect.arrayContaining(["view", "export", "pay"]),
      links: { pay: expect.stringContaining("acme") },
    });
    const inJapanese = await app.request(
      "/notes",
      as("acme:admin", "POST", { text: "x" }, { "accept-language": "ja" }),
    );
    expect(((await inJapanese.json()) as ProblemDocument).title).toMatch(/[぀-ヿ一-鿿]/);
  });

  it("signs no member in while only administrators may be, and ends the sessions that members have", async () => {
    const { app } = productOf(dimmer);
    const login = (principal: string) =>
      app.request("/login", { method: "POST", body: JSON.stringify({ tenant: "shut", as: principal }) });
    expect((await login("member")).status).toBe(403);
    expect(((await (await login("member")).json()) as ProblemDocument).capability).toBe("login");
    expect((await login("admin")).status).toBe(200);
    expect((await app.request("/session", as("shut:member"))).status).toBe(403);
    expect((await app.request("/session", as("shut:admin"))).status).toBe(200);
  });

  it("shows on the account page where the tenant stands, as JSON and as a page", async () => {
    const { app } = productOf(dimmer);
    const about = (await (await app.request("/account", as("acme:member"))).json()) as Explanation;
    expect(about).toMatchObject({ tenant: "acme", mode: "limited", banner: { severity: "warning" } });
    const asked = { accept: "text/html", "accept-language": "ja" };
    const page = await app.request("/account", as("acme:member", "GET", undefined, asked));
    const html = await page.text();
    expect(html).toContain('<html lang="ja">');
    expect(html).toMatch(/<p role="status" class="warning">[^<]*[぀-ヿ一-鿿]/);
    expect(html).toContain("case_1");
    expect((await app.request("/account", as("paying:member"))).status).toBe(200);
  });

  it("takes a payment, contacts and a farewell from a tenant that may do little else", async () => {
    const { app } = productOf(dimmer);
    const paid = await app.request("/pay", as("shut:admin", "POST"));
    expect([paid.status, await paid.json()]).toMatchObject([202, { tenant: "shut", status: "recorded" }]);
    expect((await app.request("/contact", as("shut:admin", "PUT", { email: "a@b.example" }))).status).toBe(200);
    expect((await app.request("/contact", as("shut:admin", "PUT", {}))).status).toBe(400);
    expect((await app.request("/cancel", as("shut:admin", "POST"))).status).toBe(202);
  });

  it("asks the development hook to confirm a payment, and says so where it does not", async () => {
    const received: string[] = [];
    let status = 204;
    const hook = createServer(async (request, response) => {
      for await (const piece of request) received.push(String(piece));
      response.writeHead(status).end();
    });
    hook.listen(0, "127.0.0.1");
    await once(hook, "listening");
    const { app } = productOf(dimmer, `http://127.0.0.1:${(hook.address() as AddressInfo).port}/pay`);
    const pay = async (): Promise<unknown> => (await app.request("/pay", as("acme:admin", "POST"))).json();
    expect(await pay()).toMatchObject({ status: "confirmed" });
    expect(received).toEqual(['{"tenant":"acme"}']);
    const complained = vi.spyOn(console, "error").mockImplementation(() => {});
    status = 500;
    expect(await pay()).toMatchObject({ status: "failed" });
    hook.closeAllConnections();
    hook.close();
    await once(hook, "close");
    expect(await pay()).toMatchObject({ status: "failed" });
    expect(complained).toHaveBeenCalledOnce();
    complained.mockRestore();
  });

  it("allows again, without a restart, once the feed says that the tenant has paid", async () => {
    await using own = await TestWorld.create({ tenants });
    const { app } = productOf(own.dimmer);
    const create = async (): Promise<number> =>
      (await app.request("/notes", as("acme:member", "POST", { text: "x" }))).status;
    expect(await create()).toBe(402);
    await own.set({ tenant: "acme", plan: "pro" });
    expect(await create()).toBe(201);
  });

  it("starts and serves while there is no feed, answering from the fallback", async () => {
    await using own = await connectTo({ directory: "a-feed-that-is-not-there", trust: world.trust });
    const { app } = productOf(own);
    expect(await (await app.request("/health")).json()).toMatchObject({
      status: "ok",
      dimmer: expect.stringContaining("not ready"),
    });
    expect((await app.request("/notes", as("acme:member", "POST", { text: "x" }))).status).toBe(201);
  });
});
