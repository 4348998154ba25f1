import { compileStandardPolicy, DimmerError } from "@dimmer/core";
import { createTokenVerifier, type StatementType, verifyKeysetChain, verifyStatement } from "@dimmer/statement";
import { beforeAll, describe, expect, it } from "vitest";
import { readPayload } from "../src/read-payload.ts";
import { AUD, createIssuer, IAT, type Issuer, STATEMENT_TYPES, samplePayloads, sampleTokens } from "./issuer.ts";
import { Chance, MUTATION_NAMES, mutate, mutatePayload } from "./mutation.ts";

const STATEMENTS = 100_000;
const PAYLOADS = 100_000;
const BATCH = 250;
const TIMEOUT_MS = 240_000;

let issuer: Issuer;
let tokens: Record<StatementType, string>;

beforeAll(async () => {
  issuer = await createIssuer();
  tokens = await sampleTokens(issuer.signers);
});

/** A seed of the day, or the one to be had again: `DIMMER_FUZZ_SEED=123 npx vitest run --project statement`. */
function seed(): number {
  return Number(process.env["DIMMER_FUZZ_SEED"] ?? crypto.getRandomValues(new Uint32Array(1))[0]);
}

describe("mutated statements", () => {
  it(`F3 · are refused, ${STATEMENTS} of all kinds, and none crashes`, { timeout: TIMEOUT_MS }, async () => {
    const start = seed();
    const chance = new Chance(start);
    const good = Object.values(tokens);
    const genuine = new Set(good);
    const counts = { reached: 0, malformed: 0, untrusted: 0, unchanged: 0 };
    const byKind = new Map<string, number>();
    const tokenVerifier = createTokenVerifier({
      keys: () => issuer.keys,
      policy: compileStandardPolicy,
      nowMs: () => IAT * 1000,
    });

    const judge = async (typ: StatementType, name: string, token: string): Promise<void> => {
      const onSignature = (): void => {
        counts.reached += 1;
      };
      const doors: Promise<unknown>[] = [verifyStatement(typ, token, issuer.keys, { onSignature })];
      // Two more doors that a stranger's bytes go through.
      if (typ === "dimmer-keyset+jwt") {
        doors.push(verifyKeysetChain([token], { trust: [issuer.trust], audience: AUD }));
      }
      if (typ === "dimmer-entitlement+jwt") doors.push(tokenVerifier.verify(token));
      for (const result of await Promise.allSettled(doors)) {
        if (result.status === "fulfilled") throw new Error(`seed ${start}: ${name} was accepted as ${typ}: ${token}`);
        const { reason } = result as { reason: unknown };
        if (!(reason instanceof DimmerError)) {
          throw new Error(`seed ${start}: ${name} of ${typ} crashed on ${token}`, { cause: reason });
        }
        if (reason.code === "statement_malformed") counts.malformed += 1;
        else if (reason.code === "statement_untrusted") counts.untrusted += 1;
        else throw new Error(`seed ${start}: ${name} of ${typ} got to ${reason.code} with ${token}`, { cause: reason });
      }
    };

    for (let done = 0; done < STATEMENTS; ) {
      const batch: Promise<void>[] = [];
      while (batch.length < BATCH && done + batch.length < STATEMENTS) {
        const typ = chance.pick(STATEMENT_TYPES);
        const name = chance.pick(MUTATION_NAMES);
        let token = mutate(name, tokens[typ], { chance, others: good });
        for (; chance.below(12) === 0 && token.split(".").length === 3 && name !== "invents"; ) {
          token = mutate("spellsDifferently", token, { chance, others: good });
        }
        if (genuine.has(token)) {
          counts.unchanged += 1;
          continue;
        }
        // Mostly as what it was, sometimes as what it might be taken for.
        const expected = chance.below(5) === 0 ? chance.pick(STATEMENT_TYPES) : typ;
        byKind.set(typ, (byKind.get(typ) ?? 0) + 1);
        batch.push(judge(expected, name, token));
      }
      await Promise.all(batch);
      done += batch.length;
    }

    process.stdout.write(
      `mutated statements: seed ${start}, ${STATEMENTS} judged, ${counts.reached} got as far as the signature check, ` +
        `0 accepted, refusals ${counts.malformed} malformed and ${counts.untrusted} untrusted ` +
        `(${counts.unchanged} mutations that changed nothing were drawn again)\n`,
    );
    expect([...byKind.keys()].sort()).toEqual([...STATEMENT_TYPES].sort());
    // A fuzz that never gets past the first rule shows nothing.
    expect(counts.reached).toBeGreaterThan(STATEMENTS / 10);
  });

  it(`F3 · are refused or read, ${PAYLOADS} payloads behind a good signature, and none crashes`, {
    timeout: TIMEOUT_MS,
  }, () => {
    const start = seed();
    const chance = new Chance(start);
    const payloads = samplePayloads(issuer.signers);
    const texts = Object.fromEntries(STATEMENT_TYPES.map((typ) => [typ, JSON.stringify(payloads[typ])]));
    let read = 0;
    for (let i = 0; i < PAYLOADS; i++) {
      const typ = chance.pick(STATEMENT_TYPES);
      const bytes = mutatePayload(texts[typ] ?? "", chance);
      try {
        readPayload(chance.below(5) === 0 ? chance.pick(STATEMENT_TYPES) : typ, bytes);
        read += 1;
        // What is read has one spelling.
        const text = bytes.toString();
        if (JSON.stringify(JSON.parse(text)) !== text) throw new Error("is not canonical");
      } catch (cause) {
        const isRefused = cause instanceof DimmerError && cause.code === "statement_malformed";
        if (!isRefused) throw new Error(`seed ${start}: payload of ${typ} crashed: ${bytes.toString()}`, { cause });
      }
    }
    process.stdout.write(`mutated payloads: seed ${start}, ${PAYLOADS} judged, ${read} read, the rest refused\n`);
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(PAYLOADS / 2);
  });
});
