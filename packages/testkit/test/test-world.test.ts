import { DimmerError, type PolicyDocument, standardPolicy } from "@dimmer/core";
import { inFull, inMode, steppingDown, TestWorld, type TestWorldOptions } from "@dimmer/testkit";
import { describe, expect, it } from "vitest";

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 10, 22);

function world(options: TestWorldOptions = {}): Promise<TestWorld> {
  return TestWorld.create({ nowMs: NOW_MS, tenants: [inFull("paying"), inMode("acme", "limited")], ...options });
}

describe("TestWorld", () => {
  it("answers from a feed that it signed and verified", async () => {
    await using made = await world();
    expect(made.dimmer.check("paying", "create")).toMatchObject({
      allowed: true,
      reason: "granted",
      freshness: "fresh",
    });
    expect(made.dimmer.check("acme", "create")).toMatchObject({ allowed: false, cause: "nonpayment", mode: "limited" });
    expect(made.dimmer.check("nobody", "create")).toMatchObject({ reason: "unknown_tenant" });
  });

  it("has what a test changes as soon as the change resolves", async () => {
    await using made = await world();
    const job = made.dimmer.signal("paying", "job");
    await made.set(inMode("paying", "read_only"), inFull("acme"));
    expect(job.aborted).toBe(true);
    expect(made.dimmer.check("acme", "create").allowed).toBe(true);
    await made.lock("acme", ["export"]);
    expect(made.dimmer.check("acme", "view").reason).toBe("locked");
    expect(made.dimmer.check("acme", "export").allowed).toBe(true);
    await made.unlock("acme");
    expect(made.dimmer.check("acme", "view").allowed).toBe(true);
    await made.remove("acme");
    expect(made.dimmer.check("acme", "view").reason).toBe("unknown_tenant");
  });

  it("moves time: signed steps come one by one, and it stays fresh while the authority is up", async () => {
    await using made = await world({ tenants: [steppingDown("acme", NOW_MS, ["grace", "limited", "read_only"])] });
    const changes: string[] = [];
    made.dimmer.on("change", ({ to }) => changes.push(to));
    await made.advance(DAY_MS - 60_000);
    expect(made.dimmer.explain("acme").mode).toBe("full");
    await made.advance(2 * 60_000);
    expect(made.dimmer.explain("acme").mode).toBe("grace");
    await made.advance(30 * DAY_MS);
    expect(changes).toEqual(["grace", "limited", "read_only"]);
    expect(made.dimmer.check("acme", "export", "admin").freshness).toBe("fresh");
  });

  it("takes a policy of the product's own, and refuses one that does not lint", async () => {
    const { modes } = standardPolicy;
    const policy: PolicyDocument = {
      ...standardPolicy,
      name: "ours",
      capabilities: [...standardPolicy.capabilities, "brew"],
      modes: modes.map((mode, at) => (at === 0 ? { ...mode, admits: { ...mode.admits, brew: "all" } } : mode)),
    };
    await using made = await world({ policy });
    expect(made.dimmer.check("paying", "brew").allowed).toBe(true);
    expect(made.dimmer.check("acme", "brew").reason).toBe("restricted");
    const broken = { ...standardPolicy, modes: [] };
    await expect(world({ policy: broken })).rejects.toThrow(DimmerError);
  });

  it("mints tokens that the Dimmer verifies", async () => {
    await using made = await world();
    const presented = await made.dimmer.verify((await made.token("acme")) ?? "");
    expect(presented.ask({ capability: "create" })).toMatchObject({ allowed: false, reason: "restricted" });
    expect(await made.token("nobody")).toBeUndefined();
    await made.advance(400_000);
    const old = await made.token("acme", 1_000);
    await made.advance(400_000);
    await expect(made.dimmer.verify(old ?? "")).rejects.toMatchObject({ code: "statement_expired" });
  });
});

describe("chaos", () => {
  it("F6 · authority down: what was allowed stays so, what was signed narrows up to the horizon, then waits", async () => {
    await using made = await world({
      tenants: [
        inFull("paying"),
        steppingDown("acme", NOW_MS - DAY_MS / 2, ["read_only"]),
        steppingDown("later", NOW_MS + DAY_MS, ["read_only"]),
      ],
    });
    await made.chaos.authorityDown();
    await made.advance(DAY_MS - 1_000);
    expect(made.dimmer.check("paying", "create").allowed).toBe(true);
    expect(made.dimmer.check("acme", "create").allowed).toBe(false);
    await made.advance(3 * DAY_MS);
    expect(made.dimmer.check("paying", "create")).toMatchObject({ allowed: true, freshness: "stale" });
    expect(made.dimmer.check("later", "create").allowed, "past the horizon").toBe(true);
    await made.chaos.calm();
    expect(made.dimmer.check("later", "create")).toMatchObject({ allowed: false, freshness: "fresh" });
  });

  it("F1 · rollback: an older feed is refused, and a lock is not lifted by it", async () => {
    await using made = await world();
    await made.lock("paying");
    const before = made.dimmer.status().version;
    await made.chaos.rollback();
    expect(made.dimmer.status().version).toEqual(before);
    expect(made.dimmer.check("paying", "view").reason).toBe("locked");
    await made.chaos.calm();
    await made.unlock("paying");
    expect(made.dimmer.check("paying", "view").allowed).toBe(true);
  });

  it("rollback: who starts from nothing is deceived, which is what the disk is for", async () => {
    await using made = await world();
    await made.lock("paying");
    await made.chaos.rollback();
    await made.restart();
    await made.dimmer.ready();
    expect(made.dimmer.check("paying", "view").reason, "with its disk").toBe("locked");
    made.disk.wipe();
    await made.restart();
    await made.dimmer.ready();
    expect(made.dimmer.check("paying", "view").reason, "without").toBe("granted");
  });

  it("skew: a clock put forward or back neither restricts nor restores anybody by itself", async () => {
    await using made = await world({
      tenants: [steppingDown("acme", NOW_MS, ["read_only"]), inMode("old", "limited")],
    });
    for (const ms of [5 * DAY_MS, -10 * DAY_MS]) {
      await made.chaos.authorityDown();
      await made.chaos.skew(ms);
      expect(made.dimmer.check("acme", "create").allowed).toBe(true);
      expect(made.dimmer.check("old", "create").allowed).toBe(false);
    }
    expect(made.dimmer.status().counters.wallJumps).toBe(2);
  });

  it("F5 · torn disk: a restart finds nothing to believe, says so, and goes on from the feed", async () => {
    await using made = await world();
    await made.lock("paying");
    await made.chaos.authorityDown();
    await made.restart();
    await made.dimmer.ready();
    expect(made.dimmer.check("paying", "view").reason, "from the disk").toBe("locked");
    made.chaos.tearDisk();
    await made.restart();
    expect(made.dimmer.check("paying", "view").reason).toBe("no_data");
    await made.chaos.calm();
    await made.dimmer.ready();
    expect(made.dimmer.check("paying", "view").reason).toBe("locked");
  });
});
