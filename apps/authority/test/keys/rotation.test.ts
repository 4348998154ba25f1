import { rmSync } from "node:fs";
import { join } from "node:path";
import { keysetKeyOf, signNextKeyset } from "@dimmer/feed/build";
import { followFeed, type Replica } from "@dimmer/feed/follow";
import { diskStore, httpSource, systemClock } from "@dimmer/feed/node";
import {
  compareVersions,
  formatVersion,
  inspectStatement,
  parseVersion,
  signStatement,
  type Version,
  verifyKeysetChain,
} from "@dimmer/statement";
import { generateSigner } from "@dimmer/statement/keys";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { storeSource } from "../../src/feed/store-source.ts";
import { type RunningAuthority, runAuthority } from "../support/running-authority.ts";
import { openWatch } from "../support/watch-stream.ts";
import { Ceremony } from "./ceremony.ts";

let authority: RunningAuthority;
let ceremony: Ceremony;
let fleet: string;
const replicas: Replica[] = [];
beforeAll(async () => {
  authority = await runAuthority({ listEveryMs: 0, headEveryMs: 100, config: { keyOverlapMs: 300 } });
  ceremony = await Ceremony.of(authority);
  fleet = await authority.fleetSecret();
});
afterAll(async () => {
  for (const replica of replicas) await replica.close();
  await authority.stop();
});

function follow(trust = authority.trust, data?: string): Replica {
  const replica = followFeed({
    sources: [httpSource(authority.url, { token: fleet })],
    trust: [trust],
    clock: systemClock(),
    pollMs: 50,
    ...(data === undefined ? {} : { store: diskStore(data) }),
  });
  replicas.push(replica);
  return replica;
}

async function write(tenant: string): Promise<Version> {
  const made = await authority.ask("PUT", `/v1/tenants/${tenant}`, { body: { name: tenant, plan: "pro" } });
  return parseVersion(made.json()["version"] as string) as Version;
}

async function reaches(replica: Replica, version: Version): Promise<void> {
  await vi.waitUntil(() => replica.version !== undefined && compareVersions(replica.version, version) >= 0, {
    timeout: 10_000,
  });
  expect(replica.status().refusals.count).toBe(0);
}

/** Who signed what is in force. */
async function signersInForce(): Promise<Record<string, string>> {
  const source = storeSource(authority.store);
  const answer = await source.head();
  const head = inspectStatement(answer === "unchanged" ? "" : answer.token);
  if (head.typ !== "dimmer-head+jwt") throw new Error(head.typ);
  const { policy, index, locks } = head.payload;
  const kidOf = async (kind: "policy" | "index" | "locks", digest: string): Promise<string> =>
    inspectStatement(Buffer.from(await source.part(kind, digest)).toString("latin1")).kid;
  return {
    head: head.kid,
    policy: await kidOf("policy", policy),
    index: await kidOf("index", index),
    locks: await kidOf("locks", locks.digest),
  };
}

async function signed(role: string, kid: string): Promise<void> {
  await vi.waitUntil(async () => (await ceremony.kidOf(role, "signing")) === kid, { timeout: 10_000 });
}

describe("rotation", () => {
  it.each(["feed", "policy", "locks"] as const)(
    "of the %s key is announced, signs after the overlap, and nobody who follows refuses anything",
    async (role) => {
      const replica = follow();
      await replica.ready();
      const old = (await ceremony.kidOf(role, "signing")) as string;
      const { kid, answer } = await ceremony.announce(role);
      expect([answer.status, answer.json()["version"]]).toEqual([200, expect.stringMatching(/^1\./)]);
      expect(await ceremony.kidOf(role, "announced")).toBe(kid);
      expect(Object.values(await signersInForce())).not.toContain(kid);
      await signed(role, kid);
      const inForce = await signersInForce();
      const by = role === "feed" ? [inForce["head"], inForce["index"]] : [inForce[role]];
      expect(new Set(by)).toEqual(new Set([kid]));
      await reaches(replica, await write(`after-${role}`));
      const retiring = (await ceremony.keys()).find((key) => key.kid === old);
      expect(retiring?.state).toBe("retiring");
      const retired = await ceremony.revoke(old, parseVersion(retiring?.lastSigned ?? "") as Version);
      expect(retired.status).toBe(200);
      expect(await ceremony.kidOf(role, "retired")).toBe(old);
      await reaches(replica, await write(`retired-${role}`));
      // Somebody new finds nothing that he refuses either.
      const late = follow();
      await late.ready();
      await reaches(late, replica.version as Version);
    },
    30_000,
  );

  it("of the root takes along who pins the old one; who is new pins the new one", async () => {
    const replica = follow();
    await replica.ready();
    expect((await ceremony.changeRoot()).status).toBe(200);
    const { trust } = (await authority.ask("GET", "/v1/keys")).json() as { trust: string };
    expect(trust).not.toBe(authority.trust);
    const { kid } = await ceremony.announce("feed");
    await signed("feed", kid);
    const version = await write("after-root");
    await reaches(replica, version);
    await reaches(follow(trust), version);
  }, 30_000);
});

describe("revocation", () => {
  it.each(["feed", "policy", "locks"] as const)(
    "of the %s key has everything in force signed anew in the version that carries it",
    async (role) => {
      const replica = follow();
      const cutOff = join(authority.folder, `cut-off-${role}`);
      const before = follow(authority.trust, cutOff);
      const lastGood = await write(`good-${role}`);
      await reaches(before, lastGood);
      await before.close();
      const stolen = (await ceremony.kidOf(role, "signing")) as string;
      await write(`by-the-stolen-${role}-key`);
      const answer = await ceremony.revoke(stolen, lastGood, role);
      expect(answer.status).toBe(200);
      expect(Object.values(await signersInForce())).not.toContain(stolen);
      expect((await ceremony.keys()).find((key) => key.kid === stolen)).toMatchObject({
        state: "revoked",
        lastGood: formatVersion(lastGood),
      });
      const version = await write(`after-${role}-revoked`);
      await reaches(replica, version);
      await reaches(follow(), version);
      // Who was cut off meanwhile, and has what he held on his disk, follows when he is back.
      const back = follow(authority.trust, cutOff);
      await reaches(back, version);
      expect(back.check(`good-${role}`, "view").allowed).toBe(true);
    },
    30_000,
  );

  it("has watchers who hold less than it list again: a revoked key signed what they missed", async () => {
    const { seq } = await write("cut");
    const stolen = (await ceremony.kidOf("feed", "signing")) as string;
    await write("missed");
    const answer = await ceremony.revoke(stolen, { epoch: 1, seq }, "feed");
    const stream = await openWatch(authority.url, fleet, `epoch=1&seq=${seq}`);
    expect(stream.status).toBe(410);
    const now = parseVersion(answer.json()["version"] as string) as Version;
    const later = await openWatch(authority.url, fleet, `epoch=1&seq=${now.seq}`);
    expect(later.status).toBe(200);
    later.close();
  });
});

describe("keysets that are sent", () => {
  const refused = async (token: Promise<string>, why: RegExp, status = 409): Promise<void> => {
    const answer = await ceremony.send(await token);
    expect([answer.status, answer.json()["detail"], answer.json()["field"]]).toEqual([
      status,
      expect.stringMatching(why),
      "keysets",
    ]);
  };

  it("are refused where they do not follow, or would break what is in force", async () => {
    await ceremony.revoke((await ceremony.kidOf("feed", "signing")) as string, { epoch: 1, seq: 1 }, "feed");
    const newest = await ceremony.newest();
    const feed = (await ceremony.kidOf("feed", "signing")) as string;
    const policy = (await ceremony.kidOf("policy", "signing")) as string;
    const stateBefore = await ceremony.keys();
    const { signer: thief } = await generateSigner();
    const { root } = ceremony;
    const sign = async (change: object, by = root): Promise<string> => {
      return await signStatement("dimmer-keyset+jwt", { ...newest, version: newest.version + 1, ...change }, by);
    };
    await refused(sign({}, thief), /must be signed by the root/, 400);
    await refused(sign({ version: newest.version + 2 }), /one above the one before/, 400);
    await refused(sign({ aud: "production" }), /aud: must be "development"/, 400);
    await refused(sign({ keys: newest.keys.filter(({ kid }) => kid !== feed) }), /leaves out the feed key/);
    const lastGood = { epoch: 1, seq: 1 };
    const revoke = (kid: string, at: Version): object => ({
      revocations: [...newest.revocations, { kid, lastGood: at }],
    });
    await refused(sign(revoke(policy, lastGood)), /revokes the last policy key/);
    await refused(sign(revoke(feed, { epoch: 1, seq: 1_000_000 })), /in the future/);
    await refused(sign({ revocations: [] }), /takes back what was revoked/);
    await refused(
      sign({ keys: [keysetKeyOf("root", thief), ...newest.keys.filter(({ role }) => role !== "root")] }),
      /names a new root key/,
    );
    const unheld = signNextKeyset(
      newest,
      {
        add: [keysetKeyOf("locks", thief)],
        revocations: [{ kid: (await ceremony.kidOf("locks", "signing")) as string, lastGood }],
      },
      root,
    );
    await refused(unheld, /is not in the key directory of the authority/);
    const garbage = await ceremony.send("a.b.c");
    expect([garbage.status, garbage.json()["field"]]).toEqual([400, "keysets[0]"]);
    expect(await ceremony.keys()).toEqual(stateBefore);
    expect(await ceremony.newest()).toEqual(newest);
  });

  it("are taken from an admin alone, and once: sent again they change nothing", async () => {
    const { answer } = await ceremony.announce("policy");
    const [, version] = [answer.json()["keysets"], (await ceremony.newest()).version];
    const again = await ceremony.send(...(await ceremony.keysets()).slice(-1));
    expect([again.status, again.json()["keysets"]]).toEqual([200, []]);
    expect((await ceremony.newest()).version).toBe(version);
    const key = await authority.keyWith("security");
    const forbidden = await authority.ask("POST", "/v1/keysets", { key, body: { keysets: await ceremony.keysets() } });
    expect(forbidden.status).toBe(403);
  });

  it("announce one key of a role at a time", async () => {
    const { answer } = await ceremony.announce("locks");
    expect(answer.status).toBe(200);
    const second = await ceremony.announce("locks");
    expect([second.answer.status, second.answer.json()["detail"]]).toEqual([409, expect.stringContaining("announces")]);
  });
});

describe("what others see of the keys", () => {
  it("is a JWK set without alg, without the root and without what is revoked", async () => {
    const answer = await fetch(`${authority.url}/.well-known/jwks.json`);
    expect(answer.headers.get("content-type")).toBe("application/jwk-set+json");
    const { keys } = (await answer.json()) as { keys: Record<string, string>[] };
    const states = await ceremony.keys();
    const good = states.filter(({ role, state }) => role !== "root" && state !== "retired" && state !== "revoked");
    expect(new Set(keys.map(({ kid }) => kid))).toEqual(new Set(good.map(({ kid }) => kid)));
    for (const key of keys) expect(Object.keys(key).sort()).toEqual(["crv", "kid", "kty", "use", "x"]);
  });

  it("survives a restart: the key that signed goes on, although another lies in the place of its role", async () => {
    await vi.waitUntil(async () => (await ceremony.kidOf("locks", "announced")) === undefined, { timeout: 10_000 });
    const before = await ceremony.keys();
    await authority.close();
    rmSync(join(authority.folder, "keys", "root.jwk"));
    const again = await runAuthority({ folder: authority.folder, listEveryMs: 0, config: { keyOverlapMs: 300 } });
    const secret = authority.admin;
    const keys = (await again.ask("GET", "/v1/keys", { key: secret })).json()["items"];
    expect(keys).toEqual(before);
    const { version } = (
      await again.ask("PUT", "/v1/tenants/restarted", { key: secret, body: { name: "R", plan: "pro" } })
    ).json() as { version: string };
    const source = storeSource(again.store);
    const trusted = await verifyKeysetChain(await source.keysets(), {
      trust: [authority.trust],
      audience: "development",
    });
    const head = await source.head();
    const { kid } = inspectStatement(head === "unchanged" ? "" : head.token);
    expect([trusted.find(kid)?.lastGood, parseVersion(version)?.epoch]).toEqual([undefined, 1]);
    await again.stop();
  }, 20_000);
});
