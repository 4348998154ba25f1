import { describe, expect, it } from "vitest";
import type { Service } from "../../src/api/service.ts";
import { TokenDesk } from "../../src/entitlement-tokens/token-desk.ts";

/** A service whose store answers when it is let, that nothing is published. */
function slowService(role: string): { service: Service; answer: () => void } {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const query: Record<string, unknown> = { executeTakeFirst: () => promise };
  for (const step of ["selectFrom", "leftJoin", "select", "where"]) query[step] = () => query;
  const service = { store: { db: query }, role: () => ({ role }), now: () => 0 } as unknown as Service;
  return { service, answer: () => resolve(undefined) };
}

describe("a desk of tokens", () => {
  it("F7 · sheds what is more than it signs at once, and none when that is done", async () => {
    const { service, answer } = slowService("leader");
    const desk = new TokenDesk(service);
    const asked = Array.from({ length: 200 }, (_, i) => desk.issue(`t${i}`));
    expect(await asked[150]).toEqual({ missing: "busy" });
    answer();
    const answers = await Promise.all(asked);
    expect(answers.filter((given) => "missing" in given && given.missing === "busy")).toHaveLength(200 - 128);
    expect(await desk.issue("t")).toEqual({ missing: "unpublished" });
  });

  it("signs nothing where the process refuses to sign", async () => {
    const { service, answer } = slowService("refusing");
    expect(await new TokenDesk(service).issue("acme")).toEqual({ missing: "unpublished" });
    answer();
  });
});
