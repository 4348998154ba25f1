import { describe, expect, it } from "vitest";
import { explanationSchema } from "../../src/contract/explanation.ts";
import { runSidecar, testFeed } from "../running-sidecar.ts";

describe("GET /v1/tenants/{id}", () => {
  it("explains where a tenant stands", async () => {
    const { ask } = await runSidecar(await testFeed());
    const answer = await ask("/v1/tenants/unpaid");
    expect([answer.status, answer.headers["cache-control"], answer.headers.vary]).toEqual([
      200,
      "no-store",
      "accept-language",
    ]);
    expect(answer.json()).toMatchObject({
      tenant: "unpaid",
      plan: "pro",
      mode: "limited",
      causes: [{ cause: "nonpayment", case: "case_1", since: "2026-12-09T09:00:00+09:00" }],
      next: { at: "2026-12-16T09:00:00+09:00", mode: "read_only" },
      features: { seats: 25 },
      version: "1.1",
    });
  });

  it("speaks the language asked for", async () => {
    const { ask } = await runSidecar(await testFeed());
    const of = async (language: string): Promise<[string | undefined, string]> => {
      const { headers, json } = await ask("/v1/tenants/unpaid", { headers: { "accept-language": language } });
      return [headers["content-language"], (json() as { banner: { text: string } }).banner.text];
    };
    const [english, japanese] = [await of("en-GB"), await of("fr;q=0.9, ja;q=0.8, en;q=0.1")];
    expect([english[0], japanese[0]]).toEqual(["en", "ja"]);
    expect(japanese[1]).toMatch(/\p{Script=Hiragana}/u);
    expect(english[1]).not.toMatch(/\p{Script=Hiragana}/u);
  });

  it("explains locks, and tenants that nothing is known about", async () => {
    const { ask } = await runSidecar(await testFeed());
    expect((await ask("/v1/tenants/locked")).json()).toMatchObject({ mode: "locked", lock: { case: "INC-1" } });
    expect((await ask("/v1/tenants/nobody")).json()).toMatchObject({ reason: "unknown_tenant", freshness: "fallback" });
    for (const tenant of ["acme", "unpaid", "reading", "locked", "nobody", "eu%3Aacme.example-1_b"]) {
      const explanation = (await ask(`/v1/tenants/${tenant}`)).json();
      expect(explanationSchema.safeParse(explanation).error, tenant).toBeUndefined();
    }
  });

  it.each([".hidden", "a%2Fb", "%2e%2e%2fstatus", "a".repeat(129), "%FF", "a%00b", "%E6%94%AF"])(
    "refuses the tenant %s and names the field",
    async (tenant) => {
      const { ask } = await runSidecar(await testFeed());
      const answer = await ask(`/v1/tenants/${tenant}`);
      expect([answer.status, answer.json()]).toEqual([400, expect.objectContaining({ status: 400, field: "tenant" })]);
    },
  );
});
