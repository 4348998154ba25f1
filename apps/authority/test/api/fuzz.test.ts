import { standardPolicy } from "@dimmer/core/standard-policy";
import { signStatement } from "@dimmer/statement";
import { generateSigner } from "@dimmer/statement/keys";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allOperations } from "../../src/api/resources/all.ts";
import { feedDescriptions } from "../../src/api/resources/feed.ts";
import { openCase } from "../../src/cases/open-case.ts";
import { type Answer, type RunningAuthority, runAuthority } from "../support/running-authority.ts";

const RUNS = { numRuns: 120 };
const UUID = "00000000-0000-4000-8000-000000000000";

let authority: RunningAuthority;
let every: string;
beforeAll(async () => {
  // The runner would write to the ledger meanwhile, of what is good among what is asked.
  authority = await runAuthority({ runsCases: false });
  every = await authority.keyWith("admin", "collections", "legal", "security", "finance", "cs", "auditor");
  await authority.ask("PUT", "/v1/tenants/acme", { body: { name: "ACME", plan: "pro" } });
  const { store } = authority;
  const actor = { id: "test", role: "finance", reason: "a test", correlationId: "cor_fuzz" } as const;
  await store.transact((queries) =>
    openCase({ store, queries, actor, nowMs: Date.now() }, { tenant: "acme", track: "nonpayment", id: `case_${UUID}` }),
  );
});
afterAll(() => authority.stop());

const { signer } = await generateSigner();
/** A keyset of another root than the authority's: of good form, and never taken. */
const foreignKeyset = await signStatement(
  "dimmer-keyset+jwt",
  {
    iss: "dimmer",
    aud: "development",
    version: 2,
    keys: [{ kid: signer.kid, role: "root", jwk: signer.publicKey }],
    revocations: [],
  },
  signer,
);

/** A body that each write takes, from which the others are made. */
const BODIES: Readonly<Record<string, Record<string, unknown>>> = {
  putTemplate: { subject: "Thank you", text: "Ask {support_url}" },
  sendNotice: { template: "plan_agreed" },
  addNoticeEvidence: { evidence: "replied", at: "2026-12-25T09:00:00+09:00", detail: "by mail" },
  finishTask: { outcome: "reached", person: "Ms. Sato", note: "A transfer is on its way", reference: "123-45" },
  createEventEndpoint: { url: "https://example.com/hooks", types: ["restored"] },
  rotateEventSecret: { endsOld: true },
  replayEvents: { since: "2026-12-25T00:00:00Z" },
  putTenant: {
    name: "ACME",
    plan: "pro",
    features: { seats: 3 },
    zone: "Asia/Tokyo",
    locale: "ja",
    criticality: "medical",
    contacts: [{ name: "A", email: "a@example.com", phone: "+81 3 1234", roles: ["billing"] }],
    contract: { suspension: "12.3" },
  },
  putRestriction: {
    cause: "nonpayment",
    steps: [
      { at: "2026-12-09T09:00:00+09:00", mode: "grace", deny: ["api.write"] },
      { at: 1_797_379_200, mode: "limited" },
    ],
    exception: { floor: "essential", from: 1, until: 2 },
  },
  grantException: { floor: "essential", from: 1, until: 2 },
  lockTenant: { cause: "security", allow: ["export"] },
  offerKeysets: { keysets: [foreignKeyset] },
  uploadPolicy: { document: standardPolicy as unknown },
  activatePolicy: { narrowed: 3 },
  approveChangeSet: { narrowed: 3 },
  createApiKey: { name: "k", roles: ["auditor"], expiresAt: "2030-01-01T00:00:00Z" },
  rotateApiKey: { overlapMinutes: 5 },
  putInvoice: {
    amount: 55_000,
    currency: "JPY",
    due: { date: "2026-12-25", zone: "Asia/Tokyo" },
    method: "card",
    issuedAt: "2026-11-01T00:00:00Z",
  },
  voidInvoice: { at: "2026-11-01T00:00:00Z" },
  extendDueDate: { due: { date: "2027-01-25", zone: "Asia/Tokyo" }, at: "2026-11-01T00:00:00Z" },
  putCreditNote: { amount: 1, currency: "JPY", issuedAt: "2026-11-01T00:00:00Z" },
  recordPaymentFailure: { attempt: 1, code: "card_declined", final: true, at: "2026-11-01T00:00:00Z" },
  recordCardExpiry: { expires: "2027-01", at: "2026-11-01T00:00:00Z" },
  openDispute: { at: "2026-11-01T00:00:00Z" },
  closeDispute: { at: "2026-11-01T00:00:00Z" },
  beginProviderFault: { at: "2026-11-01T00:00:00Z" },
  endProviderFault: { at: "2026-11-01T00:00:00Z" },
  putInstalmentPlan: {
    currency: "JPY",
    instalments: [{ due: { date: "2027-01-25", zone: "Asia/Tokyo" }, amount: 5_000 }],
    agreedAt: "2026-11-01T00:00:00Z",
  },
  endInstalmentPlan: { at: "2026-11-01T00:00:00Z" },
  recordPayment: { payment: "pay_1", amount: 1, currency: "JPY", invoice: "inv-1", paidAt: "2026-11-01T00:00:00Z" },
  reversePayment: { at: "2026-11-01T00:00:00Z" },
  matchPayment: { invoice: "inv-1", tenant: "acme" },
  putStripeCustomer: { tenant: "acme" },
  putAdapter: {
    document: {
      auth: { type: "hmac", header: "x-signature", algorithm: "sha256", encoding: "hex", prefix: "sha256=" },
      id: "/id",
      tenant: { from: "/tenant" },
      rules: [
        {
          when: { "/type": "issued" },
          kind: "invoice",
          fields: {
            invoice: { from: "/number" },
            amount: { from: "/total", decimals: 2 },
            currency: { value: "JPY" },
            "due.date": { from: "/due" },
            "due.zone": { value: "Asia/Tokyo" },
            method: { from: "/how", map: { bank: "invoice" }, otherwise: "card" },
          },
          at: { from: "/at", unit: "s" },
        },
      ],
    },
  },
  createFleetCredential: { name: "f" },
  reportBreach: { finding: "scraping" },
  requestLeave: { from: { date: "2026-12-25", zone: "Asia/Tokyo" } },
  caseVeto: { stage: "limited" },
  caseLiftVeto: { stage: "limited" },
  caseApprove: { stage: "deletion" },
  casePause: { until: "2099-12-25T00:00:00Z", note: "n" },
  caseResume: { subject: "s" },
  caseExtend: { invoice: "inv-1", due: { date: "2026-12-25", zone: "Asia/Tokyo" } },
  caseExtendRetention: { days: 30, payment: "pay_1" },
  caseExcept: {
    condition: "guarantee",
    evidence: "letter",
    from: "2026-12-25T00:00:00Z",
    until: "2099-12-25T00:00:00Z",
    plan: "p",
    renews: "r",
  },
  caseEndException: { exception: "e" },
  caseDispute: { subject: "d" },
  caseCloseDispute: { subject: "d" },
  casePlaceHold: { subject: "h", basis: "litigation" },
  caseReleaseHold: { subject: "h" },
  caseResolveDoubt: { fact: "f" },
  caseMeetObligation: { obligation: "resume_fee" },
  casePreserveEvidence: { evidence: "log" },
  caseReview: { verdict: "act", clause: "9.2", measure: { kind: "deny", deny: ["api.write"] } },
  caseCure: { evidence: "removed" },
  caseReviewLock: { verdict: "keep" },
  caseUnlock: { rootCause: "r", prevention: "p" },
  caseWithdrawLeave: {},
  caseAssign: { owner: "Aoi", causeCode: "cash_flow" },
  caseClose: {},
};

const nasty: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER,
    253_402_300_800,
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff x",
    "x".repeat(10_000),
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-13-45T99:00:00Z",
    "../../etc/passwd",
    "'; drop table tenant; --",
    "__proto__",
    "constructor",
    [],
    {},
    [null],
    { toString: 1 },
    Array.from({ length: 5_000 }, () => 0),
    JSON.parse(`${'{"a":'.repeat(500)}1${"}".repeat(500)}`),
    JSON.parse('{"__proto__": {"admin": true}}'),
  ),
  fc.jsonValue(),
);

interface Place {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

function places(value: unknown): Place[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key) => [{ holder, key }, ...places(holder[key])]);
}

/** A good body with one place made nasty, taken away, added to or named otherwise. */
function spoilt(good: Record<string, unknown>): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      fc.nat(),
      fc.constantFrom("replace", "remove", "add", "rename"),
      nasty,
      fc.string({ unit: "binary", maxLength: 8 }),
    )
    .map(([at, how, value, name]) => {
      const body = structuredClone(good);
      const all = places(body);
      const { holder, key } = all[at % Math.max(1, all.length)] ?? { holder: body, key: "x" };
      if (how === "replace") holder[key] = value;
      else if (how === "remove") delete holder[key];
      else if (Array.isArray(holder)) holder.push(value);
      else if (how === "add")
        Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
      else {
        Object.defineProperty(holder, `${key}${name}`, {
          value: holder[key],
          enumerable: true,
          configurable: true,
          writable: true,
        });
        delete holder[key];
      }
      return body;
    });
}

const count = async (): Promise<number> =>
  (await authority.store.db.selectFrom("ledger").select("id").execute()).length;

/** Below 500; and where it is refused, a problem that says why, and nothing written. */
async function expectOrderly(answer: Answer, before: number, what: string): Promise<void> {
  expect(answer.status, `${what}: ${answer.text}`).toBeLessThan(500);
  if (answer.status < 400) return;
  expect(answer.headers.get("content-type"), what).toBe("application/problem+json");
  const problem = answer.json();
  expect(problem, what).toMatchObject({
    status: answer.status,
    detail: expect.any(String) as unknown,
    title: expect.any(String) as unknown,
  });
  expect(answer.text, what).not.toMatch(/\bat .*\.ts:\d+|node_modules|SQLITE|select .* from/i);
  if (answer.status === 400) expect(problem["field"], `${what}: ${answer.text}`).toEqual(expect.any(String));
  expect(await count(), what).toBe(before);
}

const pathOf = (path: string): string =>
  path
    .replace("{version}", "1.1")
    .replace("{digest}", "A".repeat(43))
    .replace("{case}", "case-1")
    .replace("{invoice}", "inv-1")
    .replace("{creditNote}", "cn-1")
    .replace("{payment}", "pay_1")
    .replace("{dispute}", "dp_1")
    .replace("{fault}", "bank-1")
    .replace("{plan}", "plan-1")
    .replace("{customer}", "cus_1")
    .replace("{name}", "books")
    .replace("{source}/{id}", "stripe/evt_1")
    .replace(/(tenants)\/\{id\}/, "$1/acme")
    .replace("pending/{id}", "1")
    .replace(
      "{id}",
      `${path.split("/")[2]?.replace(/s$/, "").replaceAll("-", "_").replace("policie", "policy").replace("api_key", "key") ?? "x"}_${UUID}`,
    );

const writes = allOperations().flatMap((operation) => (operation.kind === "write" ? [operation] : []));

describe("whatever the body", () => {
  it("there is a good one for each write that takes one, from which the others are made", async () => {
    const taking = writes.filter(({ body }) => body !== undefined).map(({ name }) => name);
    expect(Object.keys(BODIES).sort()).toEqual(taking.sort());
    for (const { name, body } of writes) {
      if (body !== undefined) expect(body.safeParse(BODIES[name]).error, name).toBeUndefined();
    }
  });

  it.each(writes.map(({ name, method, path }) => [name, method, pathOf(path)] as const))(
    "%s answers below 500, naming what is wrong, and writes nothing that it refuses",
    async (name, method, path) => {
      const good = BODIES[name] ?? { reason: "a reason" };
      const body = fc.oneof({ weight: 4, arbitrary: spoilt(good) }, { weight: 1, arbitrary: fc.jsonValue() });
      await fc.assert(
        fc.asyncProperty(body, async (value) => {
          const before = await count();
          const text = JSON.stringify(value) ?? "null";
          await expectOrderly(
            await authority.ask(method, path, { key: every, body: text }),
            before,
            `${name} ${text.slice(0, 300)}`,
          );
        }),
        RUNS,
      );
      expect(authority.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
    },
    60_000,
  );

  it("bytes that are no JSON are refused, of any length", async () => {
    const before = await count();
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(bytes, async (body) => {
        await expectOrderly(
          await authority.ask("PUT", "/v1/tenants/bytes", { body, key: every }),
          before,
          Buffer.from(body).toString("hex"),
        );
      }),
      RUNS,
    );
    const large = await authority.ask("PUT", "/v1/tenants/bytes", { body: "9".repeat(10_000_000), key: every });
    expect(large.json()).toMatchObject({ status: 413 });
  }, 60_000);
});

describe("whatever the path, query and headers", () => {
  const reads = [...allOperations(), ...feedDescriptions].filter(
    ({ method, access }) => method === "GET" && access !== "public",
  );

  it("are answered below 500, and with a problem where they are refused", async () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constantFrom("\0", "%", "..", "__proto__", "1e9", "-1", "0", "9".repeat(400)),
    );
    const parameter = fc.constantFrom(
      "limit",
      "cursor",
      "plan",
      "gone",
      "state",
      "subject",
      "tenant",
      "correlation",
      "lifted",
      "revoked",
      "cleared",
      "x",
    );
    const ask = fc.tuple(fc.constantFrom(...reads), text, parameter, text, fc.boolean());
    await fc.assert(
      fc.asyncProperty(ask, async ([{ path }, segment, name, value, isPathGood]) => {
        const before = await count();
        const safe = (part: string): string => encodeURIComponent(part.isWellFormed() ? part : "\uFFFD");
        const target = isPathGood ? pathOf(path) : path.replaceAll(/\{\w+\}/g, () => safe(segment));
        const full = `${target}?${name}=${safe(value)}`;
        const answer = await authority.ask("GET", full, { key: every });
        expect(answer.status, full).toBeLessThan(500);
        if (answer.status >= 400) expect(answer.headers.get("content-type"), full).toBe("application/problem+json");
        expect(await count()).toBe(before);
      }),
      { numRuns: 600 },
    );
    const header = fc.tuple(
      fc.constantFrom(
        "if-match",
        "if-none-match",
        "idempotency-key",
        "dimmer-correlation",
        "dimmer-reason",
        "authorization",
        "content-type",
      ),
      fc.stringMatching(/^[ -~]{0,300}$/),
    );
    await fc.assert(
      fc.asyncProperty(header, async ([name, value]) => {
        const before = await count();
        const answer = await authority.ask("PUT", "/v1/tenants/headers", {
          key: every,
          body: { name: "h", plan: "pro" },
          headers: { [name]: value },
        });
        expect(answer.status, `${name}: ${value}`).toBeLessThan(500);
        if (answer.status >= 400) expect(await count()).toBe(before);
      }),
      { numRuns: 300 },
    );
    expect(authority.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  }, 60_000);
});
