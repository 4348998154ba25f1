import type { KeysetPayload, Revocation } from "@dimmer/statement";
import { describe, expect, it } from "vitest";
import { beginSigning, dueKeys, followKeyset, signingKid } from "../../src/keys/follow-keyset.ts";
import type { KeyStanding } from "../../src/keys/key-states.ts";

const ROLES = ["root", "policy", "locks", "feed"] as const;
const jwk = { kty: "OKP", crv: "Ed25519", x: "" } as const;
const keyset = (kids: readonly string[], revocations: readonly Revocation[] = []): KeysetPayload => ({
  iss: "test",
  aud: "test",
  version: 1,
  keys: kids.map((kid) => ({ kid, role: kid.split("-")[0] as "feed", jwk })),
  revocations,
});
const first = ROLES.map((role) => `${role}-1`);
const moment = { nowMs: 1_000, signed: { epoch: 1, seq: 5 }, overlapMs: 600 };
const start = followKeyset([], keyset(first), moment);
const statesOf = (keys: readonly KeyStanding[]): Record<string, string> =>
  Object.fromEntries(keys.map(({ kid, state }) => [kid, state]));

describe("the keys of a store", () => {
  it("sign from the first keyset on", () => {
    expect(Object.values(statesOf(start))).toEqual(["signing", "signing", "signing", "signing"]);
  });

  it("sign one after the other: announced, due after the overlap by the clock of the store, then retiring and retired", () => {
    const announced = followKeyset(start, keyset([...first, "feed-2"]), moment);
    expect(statesOf(announced)).toMatchObject({ "feed-1": "signing", "feed-2": "announced" });
    expect(dueKeys(announced, 1_599)).toEqual([]);
    expect(dueKeys(announced, 1_600).map(({ kid }) => kid)).toEqual(["feed-2"]);
    const changed = beginSigning(announced, "feed-2", { nowMs: 1_600, signed: { epoch: 1, seq: 9 } });
    expect(changed.find(({ kid }) => kid === "feed-1")).toMatchObject({
      state: "retiring",
      lastSigned: { epoch: 1, seq: 9 },
    });
    const lastGood = { epoch: 1, seq: 9 };
    const retired = followKeyset(changed, keyset([...first, "feed-2"], [{ kid: "feed-1", lastGood }]), moment);
    expect(statesOf(retired)).toMatchObject({ "feed-1": "retired", "feed-2": "signing" });
  });

  it("are revoked, not retired, where they signed past their last good version or signed still", () => {
    const lastGood = { epoch: 1, seq: 8 };
    const both = followKeyset(start, keyset([...first, "feed-2"]), moment);
    const changed = beginSigning(both, "feed-2", { nowMs: 1_600, signed: { epoch: 1, seq: 9 } });
    const after = followKeyset(changed, keyset([...first, "feed-2"], [{ kid: "feed-1", lastGood }]), moment);
    expect(statesOf(after)["feed-1"]).toBe("revoked");
    const compromised = followKeyset(start, keyset([...first, "feed-2"], [{ kid: "feed-1", lastGood }]), moment);
    // The new one cannot wait: nothing that the old one signs is believed.
    expect(statesOf(compromised)).toMatchObject({ "feed-1": "revoked", "feed-2": "signing" });
  });

  it("name nobody who signs where the last key of a role is revoked", () => {
    const lastGood = { epoch: 1, seq: 1 };
    const after = followKeyset(start, keyset(first, [{ kid: "locks-1", lastGood }]), moment);
    expect(signingKid(after, "locks")).toBeUndefined();
    expect(signingKid(after, "feed")).toBe("feed-1");
  });

  it("keep a root that was replaced as retired", () => {
    const after = followKeyset(start, keyset(["root-2", ...first.slice(1)]), moment);
    expect(statesOf(after)).toMatchObject({ "root-1": "retired", "root-2": "signing" });
  });
});
