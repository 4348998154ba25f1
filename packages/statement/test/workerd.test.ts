import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { signStatement, verifyKeysetChain } from "@dimmer/statement";
import { Miniflare } from "miniflare";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AUD, createIssuer, forge, generateSigners, IAT, type Issuer, keysetOf, sampleTokens } from "./issuer.ts";
import type { WorkerInput } from "./workerd/worker.ts";

const TIMEOUT_MS = 60_000;
let issuer: Issuer;
let input: WorkerInput;
let worker: Miniflare;

/** What is used of the bundler, which comes with vitest and is no dependency of its own. */
interface Bundler {
  build(options: {
    input: string;
    write: false;
    platform: "neutral";
    resolve: { conditionNames: string[]; mainFields: string[] };
  }): Promise<{ output: readonly { readonly code?: string; readonly imports?: readonly string[] }[] }>;
}

async function bundle(path: string): Promise<string> {
  const fromVitest = createRequire(import.meta.resolve("vitest/package.json"));
  const fromVite = createRequire(fromVitest.resolve("vite"));
  const rolldown = (await import(fromVite.resolve("rolldown"))) as Bundler;
  const { output } = await rolldown.build({
    input: path,
    write: false,
    platform: "neutral",
    resolve: { conditionNames: ["@dimmer/source", "workerd", "import", "default"], mainFields: ["module", "main"] },
  });
  const [chunk] = output;
  // Anything left to import would be something that only Node has.
  expect(output).toHaveLength(1);
  expect(chunk?.imports).toEqual([]);
  return chunk?.code ?? "";
}

beforeAll(async () => {
  issuer = await createIssuer();
  const { signers, keyset, trust } = issuer;
  const next = await signStatement("dimmer-keyset+jwt", keysetOf(signers, 2), signers.root);
  const tokens = await sampleTokens(signers);
  input = {
    keysets: [keyset, next],
    head: tokens["dimmer-head+jwt"],
    token: tokens["dimmer-entitlement+jwt"],
    trust,
    audience: AUD,
    nowMs: IAT * 1000,
  };
  worker = new Miniflare({
    compatibilityDate: "2026-07-01",
    modules: [
      {
        type: "ESModule",
        path: "main.mjs",
        contents: 'import { answer } from "./worker.mjs"; export default { fetch: answer };',
      },
      {
        type: "ESModule",
        path: "worker.mjs",
        contents: await bundle(fileURLToPath(new URL("./workerd/worker.ts", import.meta.url))),
      },
    ],
  });
  await worker.ready;
}, TIMEOUT_MS);

afterAll(async () => {
  await worker?.dispose();
});

async function ask(changes: Partial<WorkerInput> = {}): Promise<unknown> {
  const body = JSON.stringify({ ...input, ...changes });
  return await (await worker.dispatchFetch("http://worker.test/", { method: "POST", body })).json();
}

describe("in workerd", () => {
  it("a keyset chain, a head and a presented token are verified", async () => {
    expect(await ask()).toEqual({
      keyset: 2,
      seq: 1042,
      tenant: "acme",
      create: expect.objectContaining({ allowed: false, reason: "restricted", cause: "nonpayment" }),
      mixedHalves: "keys_unreadable",
      isNode: false,
    });
  });

  it("F3 · what breaks a rule is refused with the same code as in Node", async () => {
    const other = await generateSigners();
    const forged = await forge(
      other.feed,
      JSON.parse(Buffer.from(input.head.split(".")[0] ?? "", "base64url").toString()),
      {},
    );
    const refusals: readonly (readonly [Partial<WorkerInput>, string])[] = [
      [{ audience: "production" }, "statement_untrusted"],
      [{ keysets: [...input.keysets].reverse() }, "statement_malformed"],
      [{ head: forged }, "statement_untrusted"],
      [{ head: input.token }, "statement_malformed"],
      [{ head: [...input.head.split(".").slice(0, 2), input.token.split(".")[2]].join(".") }, "statement_untrusted"],
      [{ token: `${input.token}=` }, "statement_malformed"],
      [{ nowMs: (IAT + 360) * 1000 }, "statement_expired"],
    ];
    for (const [changes, code] of refusals) expect(await ask(changes)).toEqual({ code });
    const { keysets, trust } = input;
    expect((await verifyKeysetChain(keysets, { trust: [trust], audience: AUD })).version).toBe(2);
  });
});
