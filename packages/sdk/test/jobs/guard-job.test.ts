import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { guardEgress } from "../../src/egress/index.ts";
import { guardJob, type JobOptions } from "../../src/jobs/index.ts";
import { LiveDimmer } from "../guard/live-dimmer.ts";
import { locked, unpaid } from "../guard/memory-dimmer.ts";

const FOREVER_MS = 2 ** 31 - 1;
const world = (): LiveDimmer => new LiveDimmer({ acme: unpaid("read_only"), paying: {} });

describe("guardJob", () => {
  it("runs a job that may run, and resolves to its value", async () => {
    expect(await guardJob(world(), "paying", async () => 7)).toEqual({ outcome: "done", value: 7 });
    expect(await guardJob(world(), "paying", () => "at once")).toEqual({ outcome: "done", value: "at once" });
  });

  it("does not begin one that may not, and says why", async () => {
    let begun = 0;
    const outcome = await guardJob(world(), "acme", () => (begun += 1));
    expect(outcome).toMatchObject({ outcome: "denied", decision: { reason: "restricted", capability: "job" } });
    expect(begun).toBe(0);
  });

  it("asks for the capability and principal that it is told", async () => {
    const dimmer = world();
    const exporting = { tenant: "acme", capability: "export", principal: "service" } as const;
    expect(await guardJob(dimmer, exporting, () => 1)).toMatchObject({ outcome: "done" });
    expect(await guardJob(dimmer, { ...exporting, principal: "member" }, () => 1)).toMatchObject({
      outcome: "denied",
      decision: { reason: "principal_not_admitted" },
    });
  });

  it("ends with the session of the member for whom it runs, and not for a service", async () => {
    for (const [principal, outcome] of [
      ["member", "stopped"],
      ["admin", "done"],
      ["service", "done"],
    ] as const) {
      const dimmer = world();
      const paying = { tenant: "paying", capability: "pay", principal };
      const ended = await guardJob(dimmer, paying, (signal) => {
        dimmer.change("paying", unpaid("read_only"));
        signal.throwIfAborted();
      });
      expect(ended, principal).toMatchObject({ outcome });
    }
  });

  it("needs the feature that it is told, before and during", async () => {
    const dimmer = world();
    const syncing = { tenant: "paying", feature: "sso" } as const;
    const outcome = await guardJob(dimmer, syncing, (signal) => {
      dimmer.change("paying", { plan: "starter" });
      signal.throwIfAborted();
    });
    expect(outcome).toMatchObject({ outcome: "stopped", decision: { reason: "feature_not_in_plan" } });
    expect(await guardJob(dimmer, syncing, () => 1)).toMatchObject({ outcome: "denied" });
    expect(await guardJob(dimmer, "paying", () => 1)).toMatchObject({ outcome: "done" });
  });

  it("stops one that listens when the tenant is locked, however it says so", async () => {
    for (const job of [
      (signal: AbortSignal) => wait(FOREVER_MS, undefined, { signal, ref: false }),
      async (signal: AbortSignal) => {
        for (;;) {
          signal.throwIfAborted();
          await wait(0);
        }
      },
    ]) {
      const dimmer = world();
      const outcome = guardJob(dimmer, "paying", job);
      await wait(0);
      dimmer.change("paying", locked());
      expect(await outcome).toMatchObject({ outcome: "stopped", decision: { reason: "locked", allowed: false } });
    }
  });

  it("is done where it ends well although it was told to stop", async () => {
    const dimmer = world();
    const outcome = await guardJob(dimmer, "paying", (signal) => {
      dimmer.change("paying", locked());
      return signal.aborted;
    });
    expect(outcome).toEqual({ outcome: "done", value: true });
  });

  it("rejects with the job's own error, told to stop or not", async () => {
    const dimmer = world();
    const broken = new Error("disk");
    const fail = (): never => {
      throw broken;
    };
    await expect(guardJob(dimmer, "paying", fail)).rejects.toBe(broken);
    const locking = (): never => {
      dimmer.change("paying", locked());
      throw broken;
    };
    await expect(guardJob(dimmer, "paying", locking)).rejects.toBe(broken);
  });

  it("stops where the job was denied something on the way", async () => {
    const dimmer = new LiveDimmer({ acme: unpaid("essential") });
    const syncing = guardJob(dimmer, "acme", () => guardEgress(dimmer, "acme")("http://127.0.0.1:9/"));
    expect(await syncing).toMatchObject({ outcome: "stopped", decision: { capability: "integration" } });
    const aborted = new DOMException("the job's own", "AbortError");
    const own = guardJob(dimmer, "acme", () => Promise.reject(aborted));
    await expect(own).rejects.toBe(aborted);
  });

  it("rejects instead of resolving to a denial where a queue wants that", async () => {
    const rejected = guardJob(world(), { tenant: "acme", throwsWhenDenied: true }, () => 1);
    await expect(rejected).rejects.toMatchObject({ name: "AbortError", cause: { reason: "restricted" } });
  });

  it("waits for a Dimmer that answers later", async () => {
    const dimmer = world();
    const later = { signal: async (...asked: Parameters<LiveDimmer["signal"]>) => dimmer.signal(...asked) };
    expect(await guardJob(later, "acme", () => 1)).toMatchObject({ outcome: "denied" });
    expect(await guardJob(later, "paying", () => 1)).toMatchObject({ outcome: "done" });
  });

  it.each([
    ["tenant", { capability: "job" }, "guardJob: tenant is missing"],
    ["options by their names", { tenant: "acme", capabillity: "job" }, 'did you mean "capability"?'],
  ])("asks for %s", async (_what, options, message) => {
    await expect(guardJob(world(), options as JobOptions, () => 1)).rejects.toThrow(message);
    await expect(guardJob(world(), "acme", undefined as never)).rejects.toThrow(TypeError);
  });
});
