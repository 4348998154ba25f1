import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engines } from "../support/engines.ts";
import { type Answer, type RunningAuthority, runAuthority } from "../support/running-authority.ts";

const nowMs = Date.parse("2026-12-20T12:00:00+09:00");
const DUE = { date: "2026-12-25", zone: "Asia/Tokyo" };
const ISSUED = "2026-11-25T00:00:00Z";

describe.each(engines())("facts on $name", (engine) => {
  let authority: RunningAuthority;
  let finance: string;
  beforeAll(async () => {
    await engine.start();
    authority = await runAuthority({ now: () => nowMs, runsCases: false, store: await engine.url() });
    finance = await authority.keyWith("finance");
  });
  afterAll(async () => {
    await authority.stop();
    await engine.stop();
  });

  const tenant = async (id: string): Promise<string> => {
    await authority.ask("PUT", `/v1/tenants/${id}`, { body: { name: id, plan: "pro", zone: "Asia/Tokyo" } });
    return id;
  };
  const send = (method: string, path: string, body: unknown = {}): Promise<Answer> =>
    authority.ask(method, path, { key: finance, body });
  const invoice = (id: string, name: string, more = {}): Promise<Answer> =>
    send("PUT", `/v1/tenants/${id}/invoices/${name}`, {
      amount: 55_000,
      currency: "JPY",
      due: DUE,
      issuedAt: ISSUED,
      ...more,
    });
  const csv = (path: string, lines: readonly string[], query = ""): Promise<Answer> =>
    authority.ask("POST", `/v1/imports/${path}${query}`, {
      key: finance,
      body: lines.join("\n"),
      headers: { "content-type": "text/csv" },
    });
  const kinds = async (id: string): Promise<string[]> => {
    const rows = await authority.store.db.selectFrom("fact").select("kind").where("tenant_id", "=", id).execute();
    return rows.map(({ kind }) => kind);
  };
  const openOf = async (id: string): Promise<unknown[]> => {
    const items = (await authority.ask("GET", `/v1/tenants/${id}/invoices`)).json()["items"] as { open: number }[];
    return items.map(({ open }) => open);
  };

  describe("an invoice", () => {
    it("is one fact, however often it comes, and opens the case of its tenant", async () => {
      const id = await tenant("once");
      const first = await invoice(id, "inv_1");
      expect(first.status, first.text).toBe(201);
      expect(first.json()).toMatchObject({
        tenant: id,
        isNew: true,
        fact: { kind: "invoice", amount: 55_000, due: DUE },
      });
      for (let n = 0; n < 10; n++) expect((await invoice(id, "inv_1")).status).toBe(200);
      expect(await kinds(id)).toEqual(["invoice"]);
      const cases = await authority.store.db
        .selectFrom("case_file")
        .select("track")
        .where("tenant_id", "=", id)
        .execute();
      expect(cases).toEqual([{ track: "nonpayment" }]);
    });

    it("without an instant is the same again an hour later", async () => {
      const id = await tenant("undated");
      const body = { amount: 1, currency: "JPY", due: DUE };
      expect((await send("PUT", `/v1/tenants/${id}/invoices/i`, body)).status).toBe(201);
      expect((await send("PUT", `/v1/tenants/${id}/invoices/i`, body)).status).toBe(200);
    });

    it("never changes its content", async () => {
      const id = await tenant("changed");
      await invoice(id, "inv_1");
      const other = await invoice(id, "inv_1", { amount: 54_000 });
      expect(other.json()).toMatchObject({ status: 409, code: "conflicting_duplicate" });
      expect(other.json()["detail"]).toContain("amount was 55000");
    });

    it.each([
      ["an amount below zero", { amount: -1 }, 400, "amount"],
      ["an amount of nothing", { amount: 0 }, 400, "amount"],
      ["a fraction of a yen", { amount: 0.5 }, 400, "amount"],
      ["a currency that is none", { currency: "YEN" }, 400, "currency"],
      ["a due date without a zone", { due: { date: "2026-12-25" } }, 400, "due.zone"],
      ["a zone that is none", { due: { date: "2026-12-25", zone: "Tokyo" } }, 400, "due.zone"],
      ["a date that is none", { due: { date: "2026-02-30", zone: "Asia/Tokyo" } }, 400, "due.date"],
      ["a year that no calendar knows", { due: { date: "2190-12-25", zone: "Asia/Tokyo" } }, 400, "due.date"],
      ["an instant from the future", { issuedAt: "2027-01-01T00:00:00Z" }, 400, "at"],
      ["an instant without a zone", { issuedAt: "2026-11-25T00:00:00" }, 400, "issuedAt"],
    ])("with %s is refused, naming where, and nothing is recorded", async (_, more, status, field) => {
      const id = await tenant("refused");
      const answer = await invoice(id, "inv_1", more);
      expect(answer.json(), answer.text).toMatchObject({ status, field });
      expect(await kinds(id)).toEqual([]);
    });

    it("is the books' business: a key of collections may extend it, and not record it", async () => {
      const id = await tenant("roles");
      const collections = await authority.keyWith("collections");
      const body = { amount: 1, currency: "JPY" };
      const path = `/v1/tenants/${id}/invoices/inv_1`;
      expect((await authority.ask("PUT", path, { key: collections, body })).status).toBe(403);
      await invoice(id, "inv_1");
      const due = { date: "2027-01-25", zone: "Asia/Tokyo" };
      expect((await authority.ask("POST", `${path}/due-extensions`, { key: collections, body: { due } })).status).toBe(
        201,
      );
      const earlier = await send("POST", `${path}/due-extensions`, { due: { date: "2026-12-01", zone: "Asia/Tokyo" } });
      expect(earlier.json()).toMatchObject({ status: 400, code: "bad_date" });
      const items = (await authority.ask("GET", `/v1/tenants/${id}/invoices`)).json()["items"];
      expect(items).toMatchObject([{ invoice: "inv_1", due, open: 55_000 }]);
    });
  });

  describe("money", () => {
    it("that is paid, credited, voided or taken back changes what is open", async () => {
      const id = await tenant("money");
      await invoice(id, "inv_1");
      await invoice(id, "inv_2");
      const at = `/v1/tenants/${id}`;
      await send("POST", `${at}/payments`, { payment: "p1", amount: 20_000, currency: "JPY", invoice: "inv_1" });
      await send("PUT", `${at}/invoices/inv_1/credit-notes/cn_1`, { amount: 5_000, currency: "JPY" });
      expect(await openOf(id)).toEqual([30_000, 55_000]);
      await send("POST", `${at}/payments/p1/reverse`);
      await send("POST", `${at}/invoices/inv_2/void`);
      expect(await openOf(id)).toEqual([50_000, 0]);
    });

    it.each([
      ["of an invoice that nobody knows", { invoice: "inv_9" }, 409, "unknown_invoice"],
      ["in another currency than the invoice", { currency: "USD" }, 409, "currency_mismatch"],
      ["dated before its invoice, of a part", { paidAt: "2026-11-01T00:00:00Z" }, 409, "payment_before_invoice"],
      ["from the future", { paidAt: "2026-12-20T03:02:00Z" }, 400, "from_the_future"],
      ["in a currency that is none", { currency: "XYY" }, 400, "unknown_currency"],
    ])("%s is refused with its code", async (_, more, status, code) => {
      const id = await tenant("contra");
      await invoice(id, "inv_1");
      const paid = { payment: "p1", amount: 100, currency: "JPY", invoice: "inv_1", ...more };
      const answer = await send("POST", `/v1/tenants/${id}/payments`, paid);
      expect(answer.json(), answer.text).toMatchObject({ status, code });
      expect(await kinds(id)).toEqual(["invoice"]);
    });

    it("counts by the millisecond in which it was paid", async () => {
      const id = await tenant("millisecond");
      await invoice(id, "inv_1");
      const paidAt = "2026-12-19T23:59:59.999+09:00";
      const paid = { payment: "p1", amount: 55_000, currency: "JPY", invoice: "inv_1", paidAt };
      expect((await send("POST", `/v1/tenants/${id}/payments`, paid)).json()["fact"]).toMatchObject({
        at: "2026-12-19T14:59:59.999Z",
      });
    });

    it("that nobody can match holds the clock until somebody does", async () => {
      const id = await tenant("unmatched");
      await invoice(id, "inv_1");
      await send("POST", `/v1/tenants/${id}/payments`, { payment: "p_un", amount: 55_000, currency: "JPY" });
      const queue = async (): Promise<unknown> =>
        ((await authority.ask("GET", "/v1/payments?state=unmatched")).json()["items"] as { payment: string }[]).filter(
          ({ payment }) => payment === "p_un",
        );
      expect(await queue()).toMatchObject([{ tenant: id, amount: 55_000 }]);
      expect((await send("POST", "/v1/payments/p_un/match", { invoice: "inv_9" })).json()).toMatchObject({
        status: 409,
      });
      const matched = await send("POST", "/v1/payments/p_un/match", { invoice: "inv_1" });
      expect(matched.json(), matched.text).toMatchObject({ tenant: id, isNew: true });
      expect((await send("POST", "/v1/payments/p_un/match", { invoice: "inv_1" })).status).toBe(200);
      expect(await queue()).toEqual([]);
      expect(await openOf(id)).toEqual([0]);
      expect((await send("POST", "/v1/payments/p_none/match", { invoice: "inv_1" })).status).toBe(404);
    });

    it("agreed in instalments, disputed, or kept back by a fault of ours is a fact of its own", async () => {
      const id = await tenant("holds");
      await invoice(id, "inv_1");
      const at = `/v1/tenants/${id}`;
      const instalments = [{ due: { date: "2027-01-25", zone: "Asia/Tokyo" }, amount: 55_000 }];
      expect((await send("PUT", `${at}/instalment-plans/pl_1`, { currency: "JPY", instalments })).status).toBe(201);
      expect((await send("POST", `${at}/instalment-plans/pl_1/end`)).status).toBe(201);
      for (const [name, plural] of [
        ["dp_1", "disputes"],
        ["bank", "provider-faults"],
      ] as const) {
        expect((await send("PUT", `${at}/${plural}/${name}`)).status).toBe(201);
        expect((await send("POST", `${at}/${plural}/${name}/close`)).status).toBe(201);
      }
      expect(
        (await send("POST", `${at}/invoices/inv_1/payment-failures`, { attempt: 1, code: "card_declined" })).status,
      ).toBe(201);
      expect((await send("POST", `${at}/card-expiries`, { expires: "2027-01" })).status).toBe(201);
      expect(new Set(await kinds(id)).size).toBe(9);
    });
  });

  describe("a file of facts", () => {
    const HEADER = "tenant,kind,at,invoice,payment,amount,currency,due_date,due_zone";
    const rows = (id: string): string[] => [
      HEADER,
      `${id},invoice,${ISSUED},inv_1,,55000,JPY,2026-12-25,Asia/Tokyo`,
      `${id},payment,2026-12-01T00:00:00Z,inv_1,p1,5000,JPY,,`,
      `${id},payment,2026-12-01T00:00:00Z,inv_9,p2,5000,JPY,,`,
      `${id},invoice,${ISSUED},inv_2,,-1,JPY,2026-12-25,Asia/Tokyo`,
      `${id},invoice,${ISSUED},inv_3,,100,JPY,2026-12-25,`,
      `nobody,invoice,${ISSUED},inv_4,,100,JPY,,`,
      `${id},promise,${ISSUED},,,,,,`,
    ];

    it("is counted and judged by a dry run as by the run, and the same again changes nothing", async () => {
      const id = await tenant("filed");
      const dry = await csv("facts", rows(id), "?dryRun=true");
      expect(dry.json(), dry.text).toMatchObject({
        isDryRun: true,
        read: 7,
        created: 2,
        unchanged: 0,
        invalid: 5,
      });
      expect(await kinds(id)).toEqual([]);
      const run = await csv("facts", rows(id));
      expect({ ...run.json(), isDryRun: true, faults: [] }).toEqual({ ...dry.json(), faults: [] });
      const faults = (run.json()["faults"] as { line: number; field?: string; code?: string }[]).toSorted(
        (a, b) => a.line - b.line,
      );
      expect(faults).toMatchObject([
        { line: 4, code: "unknown_invoice" },
        { line: 5, field: "amount" },
        { line: 6, field: "due.zone" },
        { line: 7, field: "tenant" },
        { line: 8, field: "kind" },
      ]);
      expect(await openOf(id)).toEqual([50_000]);
      expect((await csv("facts", rows(id))).json()).toMatchObject({ created: 0, unchanged: 2, invalid: 5 });
    });

    it("of more rows than one transaction takes is recorded whole", async () => {
      const id = await tenant("many");
      const many = Array.from(
        { length: 250 },
        (_, n) => `${id},invoice,${ISSUED},inv_${n},,100,JPY,2026-12-25,Asia/Tokyo`,
      );
      expect((await csv("facts", [HEADER, ...many])).json()).toMatchObject({ created: 250, invalid: 0 });
    });
  });

  describe("a bank's statement", () => {
    it("goes to the invoices that it names, to tenants, or into the queue; the same again changes nothing", async () => {
      const id = await tenant("banked");
      await invoice(id, "INV-77");
      await invoice(id, "INV-78");
      const lines = [
        "payment,amount,currency,paidAt,tenant,reference",
        `b1,20000,JPY,2026-12-01T00:00:00+09:00,,"thanks, INV-77"`,
        `b2,100,JPY,2026-12-02T00:00:00+09:00,${id},no number`,
        "b3,35000,JPY,2026-12-03T00:00:00+09:00,,who am I",
        "b4,1.5,JPY,2026-12-03T00:00:00+09:00,,INV-77",
        "b5,100,USD,2026-12-03T00:00:00+09:00,,INV-77",
      ];
      const dry = await csv("payments", lines, "?dryRun=true");
      expect(dry.json(), dry.text).toMatchObject({ read: 5, created: 3, unmatched: 2, invalid: 2 });
      const run = await csv("payments", lines);
      expect(run.json(), run.text).toMatchObject({ read: 5, created: 3, unmatched: 2, invalid: 2 });
      expect(await openOf(id)).toEqual([35_000, 55_000]);
      expect((await csv("payments", lines)).json()).toMatchObject({ created: 0, unchanged: 3 });
      // One that could not be followed and is a tenant's holds the clock of that tenant.
      expect(await kinds(id)).toContain("money_unmatched");
      const matched = await send("POST", "/v1/payments/b3/match", { invoice: "INV-77" });
      expect(matched.json(), matched.text).toMatchObject({ tenant: id, isNew: true });
      expect(await openOf(id)).toEqual([0, 55_000]);
      const left = (await authority.ask("GET", "/v1/inbox?source=bank&state=quarantined")).json()["items"];
      expect(left).toMatchObject([{ id: "b5", code: "currency_mismatch" }]);
    });
  });
});
