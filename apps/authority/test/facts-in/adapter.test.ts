import { createHmac } from "node:crypto";
import type { Fact } from "@dimmer/lifecycle";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type RunningAuthority, runAuthority } from "../support/running-authority.ts";

const nowMs = Date.parse("2026-12-20T12:00:00+09:00");
const HMAC = { type: "hmac", header: "x-signature", algorithm: "sha256", encoding: "hex", prefix: "sha256=" };
const DOCUMENT = {
  auth: HMAC,
  id: "/event/id",
  tenant: { from: "/account/dimmer~1tenant" },
  rules: [
    {
      when: { "/event/type": "invoice.issued" },
      kind: "invoice",
      fields: {
        invoice: { from: "/data/number" },
        amount: { from: "/data/total", decimals: 2 },
        currency: { from: "/data/currency", upperCase: true },
        "due.date": { from: "/data/due" },
        "due.zone": { value: "Asia/Tokyo" },
        method: { from: "/data/how", map: { bank: "invoice", visa: "card" }, otherwise: "invoice" },
      },
      at: { from: "/event/at", unit: "s" },
    },
    {
      when: { "/event/type": "payment.received" },
      kind: "payment",
      fields: {
        payment: { from: "/data/id" },
        invoice: { from: "/data/number" },
        amount: { from: "/data/total", decimals: 2 },
        currency: { from: "/data/currency", upperCase: true },
      },
    },
  ],
};
const issued = (id: string, data = {}, tenant = "acme"): Record<string, unknown> => ({
  event: { id, type: "invoice.issued", at: Date.parse("2026-12-01T00:00:00Z") / 1_000 },
  account: { "dimmer/tenant": tenant },
  data: { number: "F-1", total: "19.99", currency: "eur", due: "2026-12-25", how: "visa", ...data },
});
const paid = (id: string, total: unknown): Record<string, unknown> => ({
  event: { id, type: "payment.received" },
  account: { "dimmer/tenant": "acme" },
  data: { id: `pay-${id}`, number: "F-1", total, currency: "EUR" },
});

let authority: RunningAuthority;
let finance: string;
let secret: string;
beforeAll(async () => {
  authority = await runAuthority({ now: () => nowMs, runsCases: false });
  finance = await authority.keyWith("finance");
  await authority.ask("PUT", "/v1/tenants/acme", { body: { name: "ACME", plan: "pro" } });
  const made = await authority.ask("PUT", "/v1/adapters/books", { body: { document: DOCUMENT } });
  expect(made.status, made.text).toBe(201);
  secret = made.json()["secret"] as string;
});
afterAll(() => authority.stop());

const post = (message: unknown, key = secret, name = "books"): Promise<Answer> => {
  const body = JSON.stringify(message);
  const headers = { "x-signature": `sha256=${createHmac("sha256", key).update(body).digest("hex")}` };
  return authority.ask("POST", `/v1/adapters/${name}`, { key: "", body, headers });
};
const factsOf = async (): Promise<Fact[]> =>
  (await authority.store.db.selectFrom("fact").select("body").orderBy("seq").execute()).map(
    ({ body }) => JSON.parse(body) as Fact,
  );

describe("an adapter", () => {
  it("waits with what came too early, makes facts of messages, once, and follows what it kept", async () => {
    expect((await post(paid("m2", 19.99))).json()).toEqual({ received: true, state: "quarantined" });
    expect((await factsOf()).map(({ kind }) => kind)).toEqual(["money_unmatched"]);
    for (let n = 0; n < 10; n++) expect((await post(issued("m1"))).json()).toEqual({ received: true, state: "done" });
    expect((await factsOf()).slice(1)).toMatchObject([
      {
        kind: "invoice",
        invoice: "F-1",
        amount: 1_999,
        currency: "EUR",
        due: { date: "2026-12-25", zone: "Asia/Tokyo" },
        method: "card",
        atMs: Date.parse("2026-12-01T00:00:00Z"),
      },
      { kind: "payment", payment: "pay-m2", amount: 1_999, invoice: "F-1" },
      { kind: "money_matched" },
    ]);
  });

  it.each([
    ["a fraction of a cent", { total: "19.999" }, "amount"],
    ["an amount below zero", { total: "-1" }, "amount"],
    ["no due date", { due: null }, "due.date"],
    ["a way to pay that the map does not name", { how: "cash" }, "method"],
    ["an object in the place of a value", { number: {} }, "invoice"],
  ])("keeps a message with %s in quarantine, saying where", async (_, data, field) => {
    const id = `q-${field}-${JSON.stringify(data).length}`;
    expect((await post(issued(id, { number: `F-${id}`, ...data }))).json()["state"]).toBe("quarantined");
    const row = (await authority.ask("GET", `/v1/inbox/books/${id}`, { key: finance })).json();
    expect(row["message"]).toContain(`${field}:`);
  });

  it("takes messages from whom it should alone, and while its secret is changed those of the one before", async () => {
    expect((await post(issued("x"), "dma_forged")).status).toBe(401);
    expect((await post(issued("x"), secret, "nothing")).status).toBe(401);
    const rotated = (await authority.ask("POST", "/v1/adapters/books/rotate")).json()["secret"] as string;
    expect((await post({ event: { id: "y", type: "other" } }, rotated)).json()["state"]).toBe("ignored");
    expect((await post({ event: { id: "y", type: "other" } }, secret)).status).toBe(200);
    await authority.ask("POST", "/v1/adapters/books/rotate");
    expect((await post({ event: { id: "y", type: "other" } }, secret)).status).toBe(401);
    secret = rotated;
    expect((await authority.ask("GET", "/v1/adapters/books")).text).not.toContain("dma_");
    expect((await post({ event: { type: "other" } })).status).toBe(400);
  });

  it("may take a bearer secret instead", async () => {
    const document = { ...DOCUMENT, auth: { type: "bearer" } };
    const key = (await authority.ask("PUT", "/v1/adapters/plain", { body: { document } })).json()["secret"] as string;
    const body = issued("b1", { number: "F-b1" });
    expect((await authority.ask("POST", "/v1/adapters/plain", { key, body })).json()["state"]).toBe("done");
    expect((await authority.ask("POST", "/v1/adapters/plain", { key: `${key}x`, body })).status).toBe(401);
    expect((await authority.ask("DELETE", "/v1/adapters/plain")).status).toBe(200);
    expect((await authority.ask("POST", "/v1/adapters/plain", { key, body })).status).toBe(401);
  });

  const rule = DOCUMENT.rules[0] as (typeof DOCUMENT.rules)[0];
  it.each([
    ["lacks a field that its fact needs", { ...rule, fields: { invoice: { value: "x" } } }, "document.rules[0].fields"],
    [
      "names a field that its fact has not",
      { ...rule, fields: { ...rule.fields, colour: { value: "red" } } },
      "document.rules[0].fields.colour",
    ],
    [
      "says always what can never hold",
      { ...rule, fields: { ...rule.fields, currency: { value: "yen" } } },
      "document.rules[0].fields.currency",
    ],
    [
      "gives a date without its zone",
      {
        ...rule,
        fields: {
          invoice: rule.fields.invoice,
          amount: rule.fields.amount,
          currency: rule.fields.currency,
          "due.date": { from: "/x" },
        },
      },
      "document.rules[0].fields",
    ],
    ["is of a kind that is none", { ...rule, kind: "promise" }, "document.rules[0].kind"],
    ["has a pointer that is none", { ...rule, when: { type: "x" } }, "document.rules[0].when.type"],
  ])("with a rule that %s is refused when it is put", async (_, spoilt, field) => {
    const refused = await authority.ask("PUT", "/v1/adapters/spoilt", {
      body: { document: { ...DOCUMENT, rules: [spoilt] } },
    });
    expect(refused.json(), refused.text).toMatchObject({ status: 400, field });
    expect((await authority.ask("GET", "/v1/adapters/spoilt")).status).toBe(404);
  });

  it("shows what it would make of a message, and keeps nothing", async () => {
    const before = await factsOf();
    const seen = await authority.ask("POST", "/v1/adapter-previews", {
      body: { document: DOCUMENT, message: issued("p") },
    });
    expect(seen.json(), seen.text).toMatchObject({ id: "p", tenant: "acme", fact: { kind: "invoice", amount: 1_999 } });
    expect(await factsOf()).toEqual(before);
  });

  it("answers below 500 whatever is signed", async () => {
    let n = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue(),
        fc.constantFrom("number", "total", "currency", "due", "how"),
        async (value, key) => {
          const answer = await post(issued(`f${++n}`, { [key]: value }));
          expect(answer.status, answer.text).toBeLessThan(500);
        },
      ),
      { numRuns: 100 },
    );
    expect(authority.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  }, 60_000);
});
