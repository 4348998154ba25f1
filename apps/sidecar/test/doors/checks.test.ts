import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryQuestion } from "../arbitrary-question.ts";
import { type RunningSidecar, runSidecar, testFeed } from "../running-sidecar.ts";

const view = { tenant: "acme", capability: "view" };

async function decisionsOf(sidecar: RunningSidecar, checks: unknown): Promise<unknown[]> {
  const answer = await sidecar.ask("/v1/checks", { body: { checks } });
  expect(answer.status).toBe(200);
  expect(answer.headers["content-length"]).toBe(String(answer.bytes.length));
  return (answer.json() as { decisions: unknown[] }).decisions;
}

describe("POST /v1/checks", () => {
  it("answers every question as POST /v1/check does, in order", async () => {
    const sidecar = await runSidecar(await testFeed());
    const questions = fc.sample(arbitraryQuestion, { numRuns: 300, seed: 20_261_210 });
    const decisions = await decisionsOf(sidecar, questions);
    expect(decisions).toHaveLength(questions.length);
    let malformed = 0;
    for (const [index, question] of questions.entries()) {
      const alone = await sidecar.ask("/v1/check", { method: "POST", body: JSON.stringify(question) });
      if (alone.status === 200) expect(decisions[index]).toEqual(alone.json());
      else {
        malformed++;
        const { title, detail, field = "" } = alone.json() as Record<string, string>;
        expect(decisions[index]).toEqual({ error: { title, detail, field } });
      }
    }
    // Both kinds are there, or this shows nothing.
    expect(malformed).toBeGreaterThan(20);
    expect(questions.length - malformed).toBeGreaterThan(20);
  });

  it("takes no question, one, and 1,000", async () => {
    const sidecar = await runSidecar(await testFeed());
    expect(await decisionsOf(sidecar, [])).toEqual([]);
    expect(await decisionsOf(sidecar, [view])).toHaveLength(1);
    expect(await decisionsOf(sidecar, Array(1_000).fill(view))).toHaveLength(1_000);
  });

  it("refuses 1,001 questions, and a body of over 1 MB, with 413", async () => {
    const { ask } = await runSidecar(await testFeed());
    const tooMany = await ask("/v1/checks", { body: { checks: Array(1_001).fill(view) } });
    expect([tooMany.status, tooMany.json()]).toEqual([
      413,
      expect.objectContaining({ field: "checks", detail: "checks has 1001 questions: send at most 1000 at once" }),
    ]);
    const spaced = await ask("/v1/checks", { body: JSON.stringify({ checks: [view] }).padEnd(1_048_577) });
    expect(spaced.status).toBe(413);
  });

  it("puts an error in the place of a malformed item and answers the others", async () => {
    const sidecar = await runSidecar(await testFeed());
    const request = { method: "GET", path: "/a%2fb" };
    expect(await decisionsOf(sidecar, [view, { tenant: "acme" }, 7, { tenant: "acme", request }, view])).toEqual([
      expect.objectContaining({ allowed: true }),
      {
        error: {
          title: "The question is malformed",
          detail: "capability is missing: ask for a capability, a feature or a request",
          field: "capability",
        },
      },
      { error: { title: "The question is malformed", detail: "a question is a JSON object", field: "" } },
      {
        error: {
          title: "The question is malformed",
          detail: "request.path is ambiguous: encoded slash",
          field: "request.path",
        },
      },
      expect.objectContaining({ allowed: true }),
    ]);
  });

  it("finds a key that stands twice in its item, also beside malformed ones", async () => {
    const { ask } = await runSidecar(await testFeed());
    const twice = '{"tenant":"acme","capability":"view","tenant":"locked"}';
    const answer = await ask("/v1/checks", { body: `{"checks":[${JSON.stringify(view)},${twice},{"a":1,"a":2}]}` });
    expect(answer.json()).toEqual({
      decisions: [
        expect.objectContaining({ allowed: true }),
        { error: { title: "The question is malformed", detail: "tenant stands twice: send it once", field: "tenant" } },
        {
          error: expect.objectContaining({ field: "a", detail: expect.stringContaining("is not a field") as unknown }),
        },
      ],
    });
  });

  it.each([
    ["[]", "a batch is a JSON object"],
    ["{}", "checks must be a list of questions"],
    ['{"checks":{}}', "checks must be a list of questions"],
    ['{"checks":[],"atLeast":"1.1"}', "atLeast is not a field of a batch"],
    ['{"checks":[],"checks":[]}', "checks stands twice"],
    ['{"checks":[{"tenant":"acme","capability":"view"}]', "the body is not JSON"],
  ])("refuses the envelope %s", async (body, detail) => {
    const { ask } = await runSidecar(await testFeed());
    const answer = await ask("/v1/checks", { body });
    expect([answer.status, answer.json()]).toEqual([
      400,
      expect.objectContaining({ detail: expect.stringContaining(detail) as unknown }),
    ]);
  });
});
