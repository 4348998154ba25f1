import { join } from "node:path";
import { standardPolicy } from "@dimmer/core/standard-policy";
import { followFeed, type Replica } from "@dimmer/feed/follow";
import { diskStore, httpSource, systemClock } from "@dimmer/feed/node";
import {
  compareVersions,
  parseVersion,
  signStatement,
  type Version,
  verifyKeysetChain,
  verifyStatement,
} from "@dimmer/statement";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import { Ceremony } from "./ceremony.ts";

const role = fc.constantFrom("feed" as const, "locks" as const, "policy" as const);
const step = fc.oneof(
  fc.record({ do: fc.constant("rotate" as const), role }),
  fc.record({ do: fc.constant("retire" as const) }),
  fc.record({ do: fc.constant("revoke" as const), role, back: fc.nat(3) }),
  fc.record({ do: fc.constant("root" as const) }),
  fc.record({ do: fc.constant("write" as const) }),
  fc.record({ do: fc.constant("cut off" as const) }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** One life of an authority with those who follow it. */
class History {
  readonly authority: RunningAuthority;
  readonly ceremony: Ceremony;
  readonly #fleet: string;
  readonly #open: Replica[] = [];
  #written = 0;
  newest: Version = { epoch: 1, seq: 1 };
  always: Replica;
  cutOff: Replica | undefined;

  constructor(authority: RunningAuthority, ceremony: Ceremony, fleet: string) {
    this.authority = authority;
    this.ceremony = ceremony;
    this.#fleet = fleet;
    this.always = this.follow();
    this.cutOff = this.follow(true);
  }

  follow(onDisk = false): Replica {
    const data = join(this.authority.folder, "replica");
    const replica = followFeed({
      sources: [httpSource(this.authority.url, { token: this.#fleet })],
      trust: [this.authority.trust],
      clock: systemClock(),
      pollMs: 50,
      ...(onDisk ? { store: diskStore(data) } : {}),
    });
    this.#open.push(replica);
    return replica;
  }

  async write(): Promise<void> {
    const body = { name: "t", plan: "pro" };
    const answer = await this.authority.ask("PUT", `/v1/tenants/t${++this.#written}`, { body });
    this.newest = parseVersion(answer.json()["version"] as string) as Version;
  }

  async take(one: Step): Promise<void> {
    const { ceremony } = this;
    if (one.do === "write") await this.write();
    if (one.do === "root") expect((await ceremony.changeRoot()).status).toBe(200);
    if (one.do === "cut off") {
      await this.cutOff?.close();
      this.cutOff = undefined;
    }
    if (one.do === "rotate") {
      const { kid, answer } = await ceremony.announce(one.role);
      expect(answer.status, answer.text).toBe(200);
      await vi.waitUntil(async () => (await ceremony.kidOf(one.role, "signing")) === kid, { timeout: 10_000 });
    }
    if (one.do === "retire") {
      const retiring = (await ceremony.keys()).find(({ state }) => state === "retiring");
      if (retiring === undefined) return;
      const answer = await ceremony.revoke(retiring.kid, parseVersion(retiring.lastSigned ?? "") as Version);
      expect(answer.status, answer.text).toBe(200);
    }
    if (one.do === "revoke") {
      const kid = (await ceremony.kidOf(one.role, "signing")) as string;
      const lastGood = { epoch: 1, seq: Math.max(1, this.newest.seq - one.back) };
      const answer = await ceremony.revoke(kid, lastGood, one.role);
      expect(answer.status, answer.text).toBe(200);
    }
  }

  async reaches(replica: Replica): Promise<void> {
    const isThere = (): boolean => replica.version !== undefined && compareVersions(replica.version, this.newest) >= 0;
    await vi.waitUntil(isThere, { timeout: 15_000 });
    // What lies on a replica's own disk is not the live feed.
    const { last } = replica.status().refusals;
    expect(last?.source.startsWith("http") === true ? last : undefined).toBeUndefined();
    expect(replica.check(`t${this.#written}`, "view").reason).toBe("granted");
  }

  /** What a key that ended signs past its last good version is refused, by whoever has read the newest keyset. */
  async checkEnded(): Promise<number> {
    const keysets = await this.ceremony.keysets();
    const keys = await verifyKeysetChain(keysets, { trust: [this.authority.trust], audience: "development" });
    let ended = 0;
    for (const { kid, role: of, lastGood } of await this.ceremony.keys()) {
      if (of === "root" || lastGood === null) continue;
      ended++;
      const signer = await this.ceremony.stolen(kid);
      const { epoch, seq } = parseVersion(lastGood) as Version;
      const locks = { iss: keys.iss, aud: keys.aud, epoch, iat: 1_796_000_000, locks: [] };
      const digest = "A".repeat(43);
      const delta = { iss: keys.iss, aud: keys.aud, epoch, base: seq, policy: digest, entitlements: [] };
      const sign = async (at: number): Promise<void> => {
        if (of === "locks") {
          const token = await signStatement("dimmer-locks+jwt", { ...locks, seq: at }, signer);
          await verifyStatement("dimmer-locks+jwt", token, keys);
        } else if (of === "feed") {
          const token = await signStatement("dimmer-delta+jwt", { ...delta, base: at - 1, seq: at }, signer);
          await verifyStatement("dimmer-delta+jwt", token, keys);
        } else {
          const policy = standardPolicy;
          const token = await signStatement("dimmer-policy+jwt", { iss: keys.iss, aud: keys.aud, policy }, signer);
          await verifyStatement("dimmer-policy+jwt", token, keys, { namedAt: { epoch, seq: at } });
        }
      };
      await sign(seq);
      await expect(sign(seq + 1), `${of} ${kid}`).rejects.toMatchObject({ code: "statement_outdated" });
    }
    return ended;
  }

  async end(): Promise<void> {
    for (const replica of this.#open) await replica.close();
    await this.authority.stop();
  }
}

describe("over any history of keys", () => {
  it("F1 · who follows refuses nothing and ends at the newest state, also after missing keysets; ended keys are refused", async () => {
    let ended = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 9 }), async (steps) => {
        const authority = await runAuthority({ listEveryMs: 0, headEveryMs: 100, config: { keyOverlapMs: 0 } });
        const history = new History(authority, await Ceremony.of(authority), await authority.fleetSecret());
        try {
          await history.write();
          await history.reaches(history.always);
          for (const one of steps) {
            await history.take(one);
            await history.write();
            await history.reaches(history.always);
          }
          await history.cutOff?.close();
          await history.reaches(history.follow(true));
          await history.reaches(history.follow());
          ended += await history.checkEnded();
        } finally {
          await history.end();
        }
      }),
      { numRuns: 8, endOnFailure: true },
    );
    // Else no history had anything in it.
    expect(ended).toBeGreaterThan(0);
  }, 120_000);
});
