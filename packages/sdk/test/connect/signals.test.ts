import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Decision } from "@dimmer/core";
import { describe, expect, it, vi } from "vitest";
import { Signals } from "../../src/connect/signals.ts";

const granted: Decision = { allowed: true, capability: "job", mode: "full", reason: "granted", freshness: "fresh" };
const restricted: Decision = {
  allowed: false,
  capability: "job",
  mode: "read_only",
  reason: "restricted",
  cause: "nonpayment",
  freshness: "fresh",
};

/** A replica as far as signals go: tenants that are denied, by id. */
function world(): { denied: Set<string>; signals: Signals } {
  const denied = new Set<string>();
  const signals = new Signals((tenant) => (denied.has(tenant) ? restricted : granted));
  return { denied, signals };
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

/** Collects until a condition holds; finalizers run in tasks of their own. */
async function collectUntil(holds: () => boolean): Promise<void> {
  await vi.waitFor(() => {
    collectGarbage();
    expect(holds()).toBe(true);
  }, 20_000);
}

describe("Signals", () => {
  it("shares one signal per tenant, capability and principal", () => {
    const { signals } = world();
    const signal = signals.of("acme", { capability: "job" });
    expect(signals.of("acme", { capability: "job" })).toBe(signal);
    expect(signals.of("acme", { capability: "job", principal: "service" })).not.toBe(signal);
    expect(signals.of("acme", { capability: "view" })).not.toBe(signal);
    expect(signals.of("other", { capability: "job" })).not.toBe(signal);
  });

  it("aborts when the answer becomes no, and says why", () => {
    const { denied, signals } = world();
    const signal = signals.of("acme", { capability: "job" });
    const other = signals.of("other", { capability: "job" });
    signals.recheck("acme");
    expect(signal.aborted).toBe(false);
    denied.add("acme");
    signals.recheck("acme");
    expect(signal.aborted).toBe(true);
    expect(signal.reason).toBeInstanceOf(DOMException);
    expect(signal.reason).toMatchObject({ name: "AbortError", cause: restricted });
    expect(String(signal.reason)).toContain("Tenant acme may not job: restricted by nonpayment, mode read_only");
    expect(other.aborted).toBe(false);
  });

  it("is already aborted where the answer is no now, and gives a new one when it is yes again", () => {
    const { denied, signals } = world();
    const before = signals.of("acme", { capability: "job" });
    denied.add("acme");
    const during = signals.of("acme", { capability: "job" });
    expect(during.aborted).toBe(true);
    expect(before.aborted, "a signal that was missed is caught up with").toBe(true);
    denied.delete("acme");
    expect(signals.of("acme", { capability: "job" }).aborted).toBe(false);
    expect(before.aborted).toBe(true);
  });

  it("aborts a signal that nobody holds but somebody listens to", async () => {
    const { denied, signals } = world();
    const heard = vi.fn();
    signals.of("acme", { capability: "job" }).addEventListener("abort", heard);
    for (let i = 0; i < 12_000; i++) signals.of(`t${i}`, { capability: "job" });
    await collectUntil(() => signals.size < 10_000);
    denied.add("acme");
    signals.recheckAll();
    expect(heard).toHaveBeenCalledOnce();
  }, 30_000);

  it("F7 · keeps no more than some thousands alive, and one beyond that for as long as it is held", async () => {
    const { denied, signals } = world();
    const held = signals.of("acme", { capability: "job" });
    for (let i = 0; i < 12_000; i++) signals.of(`t${i}`, { capability: "job" });
    await collectUntil(() => signals.size <= 4_096 + 1_024 + 1);
    expect(signals.of("acme", { capability: "job" })).toBe(held);
    denied.add("acme");
    signals.recheckAll();
    expect(held.aborted).toBe(true);
  }, 30_000);

  it("survives a listener that throws", () => {
    const { denied, signals } = world();
    const thrown: unknown[] = [];
    const listen = (error: unknown) => void thrown.push(error);
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", listen);
    signals.of("acme", { capability: "job" }).addEventListener("abort", () => {
      throw new Error("listener");
    });
    const other = signals.of("beta", { capability: "job" });
    denied.add("acme").add("beta");
    expect(() => signals.recheckAll()).not.toThrow();
    expect(other.aborted).toBe(true);
    return vi.waitFor(() => {
      expect(thrown).toHaveLength(1);
      for (const other of others) process.on("uncaughtException", other);
    });
  });
});
