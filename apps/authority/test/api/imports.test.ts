import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type RunningAuthority, runAuthority } from "../support/running-authority.ts";

let authority: RunningAuthority;
beforeAll(async () => {
  authority = await runAuthority();
});
afterAll(() => authority.stop());

const post = (body: string | Uint8Array, type: string, query = "", headers = {}): Promise<Answer> =>
  authority.ask("POST", `/v1/imports/tenants${query}`, { body, headers: { "content-type": type, ...headers } });
const ndjson = (...rows: unknown[]): string =>
  rows.map((row) => (typeof row === "string" ? row : JSON.stringify(row))).join("\n");
const published = async (id: string): Promise<string | undefined> =>
  (await authority.store.db.selectFrom("entitlement").select("line").where("tenant_id", "=", id).executeTakeFirst())
    ?.line;

describe("an import", () => {
  it("puts the tenants of NDJSON, reports rows at fault, and changes nothing the second time", async () => {
    const body = ndjson(
      { id: "n1", name: "N1", plan: "pro", features: { seats: 9 } },
      "not json",
      { id: "n2", name: "N2", plan: "gold" },
      "",
      { id: "-n3", name: "N3", plan: "pro" },
      { id: "n4", name: "N4", plan: "starter", typo: 1 },
      { id: "n5", name: "N5", plan: "starter" },
    );
    const first = await post(body, "application/x-ndjson");
    expect(first.status, first.text).toBe(200);
    expect(first.json()).toMatchObject({
      state: "done",
      read: 6,
      created: 2,
      invalid: 4,
      faults: [{ line: 2 }, { line: 3, field: "plan" }, { line: 5, field: "id" }, { line: 6, field: "typo" }],
    });
    await expect.poll(() => published("n5")).toBe('{"tenant":"n5","plan":"starter"}');
    expect(await published("n1")).toBe('{"tenant":"n1","plan":"pro","features":{"seats":9}}');
    expect((await post(body, "application/x-ndjson")).json()).toMatchObject({ created: 0, unchanged: 2, invalid: 4 });
    const changed = body.replace('"starter"}', '"pro"}');
    expect((await post(changed, "application/x-ndjson")).json()).toMatchObject({ changed: 1, unchanged: 1 });
    const entries = (await authority.ask("GET", "/v1/ledger?subject=tenant:n5")).json()["items"];
    expect(entries).toMatchObject([{ action: "tenant.import" }, { action: "tenant.import" }]);
  });

  it("puts the tenants of CSV, with quotes, commas, line ends and JSON in cells", async () => {
    const csv = [
      "\uFEFFid,name,plan,features,zone",
      'c1,"ACME, ""the"" K.K.",pro,"{""seats"":3}",Asia/Tokyo',
      "c2,二社,starter,,",
      'c3,"two',
      'lines",starter,,',
      "c4,C4,pro,{seats},",
      "c5,C5",
      'c6,C6,"pro"x,,',
    ].join("\r\n");
    const answer = await post(csv, "text/csv; charset=utf-8");
    expect(answer.json(), answer.text).toMatchObject({ format: "csv", read: 6, created: 2, invalid: 4 });
    expect(answer.json()["faults"]).toMatchObject([
      { line: 4, field: "name" },
      { line: 6, field: "features" },
      { line: 7 },
      { line: 8 },
    ]);
    expect((await authority.ask("GET", "/v1/tenants/c1")).json()).toMatchObject({
      name: 'ACME, "the" K.K.',
      zone: "Asia/Tokyo",
    });
  });

  it("counts and writes nothing where it is dry", async () => {
    const body = ndjson({ id: "d1", name: "D1", plan: "pro" }, { id: "d2", plan: "pro" });
    const dry = await post(body, "application/x-ndjson", "?dryRun=true");
    expect(dry.json()).toMatchObject({ isDryRun: true, created: 1, invalid: 1 });
    expect((await authority.ask("GET", "/v1/tenants/d1")).status).toBe(404);
  });

  it("takes the later of two rows of one tenant", async () => {
    await post(
      ndjson({ id: "l", name: "first", plan: "pro" }, { id: "l", name: "second", plan: "starter" }),
      "application/x-ndjson",
    );
    expect((await authority.ask("GET", "/v1/tenants/l")).json()).toMatchObject({ name: "second", plan: "starter" });
  });

  it("is done once under one idempotency key", async () => {
    const body = ndjson({ id: "i1", name: "I1", plan: "pro" });
    const headers = { "idempotency-key": "import-1" };
    const first = await post(body, "application/x-ndjson", "", headers);
    const again = await post(body, "application/x-ndjson", "", headers);
    expect(again.json()).toEqual(first.json());
    expect(again.headers.get("idempotency-replayed")).toBe("true");
  });

  it("shows how far it has come while it runs, keeps what it had put when it breaks off, and goes on when sent again", async () => {
    const rows = Array.from({ length: 3_000 }, (_, i) => JSON.stringify({ id: `p${i}`, name: `p${i}`, plan: "pro" }));
    const half = `${rows.slice(0, 1_500).join("\n")}\n`;
    const url = new URL(`${authority.url}/v1/imports/tenants`);
    const upload = request(url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${authority.admin}`,
        "content-type": "application/x-ndjson",
        "dimmer-reason": "half",
      },
    });
    upload.on("error", () => undefined);
    upload.write(half);
    const running = async (): Promise<{ id: string; read: number; created: number }[]> =>
      (await authority.ask("GET", "/v1/imports?state=running")).json()["items"] as {
        id: string;
        read: number;
        created: number;
      }[];
    await expect.poll(async () => (await running())[0]?.created).toBe(1_000);
    const id = (await running())[0]?.id as string;
    upload.destroy();
    await expect.poll(async () => (await authority.ask("GET", `/v1/imports/${id}`)).json()["state"]).toBe("failed");
    const whole = await post(rows.join("\n"), "application/x-ndjson");
    expect(whole.json()).toMatchObject({ read: 3_000, created: 2_000, unchanged: 1_000 });
    expect(authority.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  });

  it.each([
    ["of another type", "{}", "application/json", 415, "content-type"],
    ["a line without end", "x".repeat(70_000), "application/x-ndjson", 413, "line 1"],
    ["bytes that are no text", Uint8Array.from([0xff, 0xfe, 0x0a]), "application/x-ndjson", 400, "line 1"],
    ["a column that is none", "id,name,plan,colour\n", "text/csv", 400, "line 1"],
    ["without a column that must be", "id,name\n", "text/csv", 400, "line 1"],
    ["with a column twice", "id,name,plan,name\n", "text/csv", 400, "line 1"],
  ])("%s is refused, naming where", async (_, body, type, status, field) => {
    const refused = await post(body, type);
    expect(refused.json(), refused.text).toMatchObject({ status, field });
  });

  it("of nothing at all puts nothing", async () => {
    expect((await post("", "text/csv")).json()).toMatchObject({ state: "done", read: 0 });
    expect((await post("\n\n", "application/x-ndjson")).json()).toMatchObject({ state: "done", read: 0 });
  });
});
