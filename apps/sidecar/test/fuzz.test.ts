import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryQuestion } from "./arbitrary-question.ts";
import { type RunningSidecar, runSidecar, testFeed } from "./running-sidecar.ts";

const RUNS = { numRuns: 1_000 };

/** Bodies of every kind: questions, JSON, texts, bytes, and questions with bytes put in, taken out or turned. */
const body: fc.Arbitrary<Buffer> = fc.oneof(
  arbitraryQuestion.map((value) => Buffer.from(JSON.stringify(value))),
  fc.array(arbitraryQuestion, { maxLength: 20 }).map((checks) => Buffer.from(JSON.stringify({ checks }))),
  fc.json().map((text) => Buffer.from(text)),
  fc.string({ unit: "binary" }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .tuple(arbitraryQuestion, fc.nat(), fc.nat(3), fc.uint8Array({ maxLength: 3 }))
    .map(([value, at, removed, inserted]) => {
      const text = Buffer.from(JSON.stringify(value));
      const place = at % (text.length + 1);
      return Buffer.concat([text.subarray(0, place), inserted, text.subarray(place + removed)]);
    }),
);

async function expectNoFault(
  { ask, replica }: RunningSidecar,
  path: string,
  bytes: Buffer,
  isChunked: boolean,
): Promise<void> {
  const { status, json, headers } = await ask(path, {
    method: "POST",
    body: bytes,
    isChunked: isChunked && bytes.length > 1,
  });
  expect([200, 400, 413, 415]).toContain(status);
  expect(headers["content-type"]).toBe(status === 200 ? "application/json" : "application/problem+json");
  expect(json()).toBeTypeOf("object");
  expect(replica.isReady).toBe(true);
}

/** A thousand round trips on a busy machine. */
const TIMEOUT_MS = 60_000;

describe("whatever the body", { timeout: TIMEOUT_MS }, () => {
  it.each(["/v1/check", "/v1/checks"])("%s answers 200 or says what is malformed, and never fails", async (path) => {
    const sidecar = await runSidecar(await testFeed());
    await fc.assert(
      fc.asyncProperty(body, fc.boolean(), async (bytes, isChunked) => {
        await expectNoFault(sidecar, path, bytes, isChunked);
      }),
      RUNS,
    );
    expect((await sidecar.ask("/metrics")).text).toContain('dimmer_requests_refused_total{status="500"} 0');
    expect(sidecar.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});

describe("whatever the path", { timeout: TIMEOUT_MS }, () => {
  it("answers below 500 but for what says that it cannot sign, and never fails", async () => {
    const sidecar = await runSidecar(await testFeed());
    const segment = fc.oneof(
      fc.constantFrom(
        "v1",
        "check",
        "feed",
        "tenants",
        "entitlements",
        "chunks",
        "..",
        ".",
        "",
        "docs",
        "acme",
        "%2e",
        "%",
      ),
      fc.webSegment(),
      fc.stringMatching(/^[!-~]{0,20}$/),
    );
    const path = fc.array(segment, { maxLength: 5 }).map((segments) => `/${segments.join("/")}`.replaceAll("#", ""));
    await fc.assert(
      fc.asyncProperty(path, fc.constantFrom("GET", "HEAD", "POST", "OPTIONS", "DELETE"), async (target, method) => {
        const { status } = await sidecar.ask(target, { method });
        expect(status === 501 || status < 500, `${method} ${target} → ${status}`).toBe(true);
      }),
      RUNS,
    );
    expect(sidecar.logged.filter((line) => line.includes('"level":50'))).toEqual([]);
  });
});
