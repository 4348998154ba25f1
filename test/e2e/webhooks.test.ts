import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type Dimmer } from "@dimmer/sdk";
import { inFull, inMode, TestWorld } from "@dimmer/testkit";
import { createGate, type Gate, httpSender, sqliteStore } from "@dimmer/webhooks";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { World } from "./world.ts";

// Real processes and doors on a machine that may be busy: what hangs is still found.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const PATIENCE = { timeout: 20_000, interval: 20 };
const DAY_MS = 86_400_000;

/** The customers' own systems: by tenant, ids and marks of what came. */
interface Receiver {
  readonly url: string;
  readonly came: Map<string, string[]>;
}

async function startReceiver(): Promise<Receiver> {
  const came = new Map<string, string[]>();
  const server = createServer((req, res) => {
    req.resume().on("end", () => {
      const tenant = (req.url ?? "").slice(1);
      const mark = req.headers["dimmer-resync"] ?? "as it happened";
      came.set(tenant, [...(came.get(tenant) ?? []), `${String(req.headers["webhook-id"])} ${String(mark)}`]);
      res.writeHead(204).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, came };
}

/** A product's process: its gate on its own file. */
interface Product {
  readonly gate: Gate;
  deliver(tenant: string, id: string): Promise<string>;
  stop(): Promise<void>;
}

function startProduct(dimmer: Dimmer, { url }: Receiver, file: string): Product {
  const store = sqliteStore(file);
  const send = httpSender({
    signing: { secrets: "c2VjcmV0LXNlY3JldA==" },
    allowLoopback: true,
    urlOf: ({ tenant }) => `${url}/${tenant}`,
  });
  const gate = createGate({ dimmer, store, send });
  let isRunning = true;
  const stop = async (): Promise<void> => {
    if (!isRunning) return;
    isRunning = false;
    await gate.close();
    await send.close();
    await store.close();
  };
  onTestFinished(stop);
  return {
    gate,
    deliver: (tenant, id) => gate.deliver({ tenant, endpoint: "default", id, type: "note.created", body: { id } }),
    stop,
  };
}

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-e2e-webhooks-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "webhooks.db");
}

describe("webhooks of a product that follows a real authority", () => {
  it("are held at read_only, and resync by themselves on a payment, also one while it was down", async () => {
    const world = await World.start(Date.parse("2026-12-24T12:00:00+09:00"));
    onTestFinished(() => world.close());
    const tenants = ["payer", "meanwhile", "never"];
    for (const id of tenants) {
      const contacts = [{ name: "Books", email: `books@${id}.example`, roles: ["billing", "admin"] }];
      const tenant = { name: id, plan: "pro", locale: "ja", zone: "Asia/Tokyo", contacts };
      await world.ask("admin", "PUT", `/v1/tenants/${id}`, tenant);
      const due = { date: "2026-12-25", zone: "Asia/Tokyo" };
      const invoice = { amount: 55_000, currency: "JPY", due, issuedAt: "2026-11-25T00:00:00Z" };
      await world.ask("finance", "PUT", `/v1/tenants/${id}/invoices/INV-${id}`, invoice);
    }
    // On a busy machine a notice may go out late, and its step then is later: days pass until all are there.
    let nowMs = Date.parse("2027-01-19T10:00:00+09:00");
    await world.moveTo(new Date(nowMs).toISOString());
    for (const id of tenants) {
      while ((await world.stepOf(id, "read_only")).state !== "effective") {
        nowMs += DAY_MS;
        if (nowMs > Date.parse("2027-02-28")) throw new Error(`${id} is not read_only`);
        await world.moveTo(new Date(nowMs).toISOString());
      }
    }
    const file = scratch();
    const receiver = await startReceiver();
    const dimmer = await connect({ feed: world.feed, trust: world.trust });
    onTestFinished(() => dimmer.close());
    const first = startProduct(dimmer, receiver, file);
    await expect.poll(() => tenants.some((tenant) => first.gate.allows(tenant)), PATIENCE).toBe(false);
    for (const tenant of tenants) {
      for (const id of ["1", "2"]) expect(await first.deliver(tenant, id)).toBe("held");
    }
    await world.pay("payer", "pay_payer", 55_000);
    await expect.poll(() => receiver.came.get("payer"), PATIENCE).toEqual(["1 replay", "2 replay"]);
    await expect.poll(() => first.deliver("payer", "3"), PATIENCE).toBe("sent");
    expect(receiver.came.get("payer")?.at(-1)).toBe("3 as it happened");

    await first.stop();
    await world.pay("meanwhile", "pay_meanwhile", 55_000);
    await expect.poll(() => world.modeAtSidecar("meanwhile"), PATIENCE).toBe("full");
    startProduct(dimmer, receiver, file);
    await expect.poll(() => receiver.came.get("meanwhile"), PATIENCE).toEqual(["1 replay", "2 replay"]);
    expect(receiver.came.get("never")).toBeUndefined();
  });
});

describe("webhooks of a product that follows a signed feed", () => {
  it("resync by themselves when a signed step widens, with the authority away", async () => {
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
    const steps = [
      { at: nowMs / 1_000 - 60, mode: "read_only" },
      { at: nowMs / 1_000 + DAY_MS / 2_000, mode: "limited" },
    ];
    const restrictions = [{ cause: "manual" as const, case: "case_1", steps }];
    await using world = await TestWorld.create({ nowMs, tenants: [{ tenant: "acme", plan: "pro", restrictions }] });
    const receiver = await startReceiver();
    const product = startProduct(world.dimmer, receiver, scratch());
    for (const id of ["1", "2"]) expect(await product.deliver("acme", id)).toBe("held");
    await world.chaos.authorityDown();
    await world.advance(DAY_MS / 2 - 1_000);
    expect(product.gate.allows("acme")).toBe(false);
    await world.advance(2_000);
    await expect.poll(() => receiver.came.get("acme"), PATIENCE).toEqual(["1 replay", "2 replay"]);
    await product.stop();
  });

  it("resync by themselves on a signed exception whose floor lets them through, and are held again at its end", async () => {
    const nowMs = Math.floor(Date.now() / 1_000) * 1_000;
    await using world = await TestWorld.create({ nowMs, tenants: [inMode("acme", "read_only")] });
    const receiver = await startReceiver();
    const product = startProduct(world.dimmer, receiver, scratch());
    for (const id of ["1", "2"]) expect(await product.deliver("acme", id)).toBe("held");
    const { restrictions = [] } = inMode("acme", "read_only");
    const exception = { floor: "limited", from: nowMs / 1_000, until: (nowMs + DAY_MS) / 1_000 };
    await world.set({ tenant: "acme", plan: "pro", restrictions: restrictions.map((one) => ({ ...one, exception })) });
    await expect.poll(() => receiver.came.get("acme"), PATIENCE).toEqual(["1 replay", "2 replay"]);
    await world.advance(DAY_MS + 1_000);
    expect(await product.deliver("acme", "3")).toBe("held");
    await product.stop();
    expect(receiver.came.get("acme")).toHaveLength(2);
  });

  it("stay held through a restart until verified data says otherwise, also what came before that", async () => {
    await using world = await TestWorld.create({ tenants: [inMode("acme", "read_only"), inFull("other")] });
    const receiver = await startReceiver();
    const file = scratch();
    const first = startProduct(world.dimmer, receiver, file);
    expect(await first.deliver("acme", "1")).toBe("held");
    await first.stop();
    await world.set(inFull("acme"));
    // A product that starts where the feed does not answer, and nothing is on its disk: everybody is allowed by fallback.
    const dimmer = await connect({
      feed: "http://127.0.0.1:9",
      trust: world.trust,
      waitMs: 0,
      log: { info() {}, warn() {}, error() {} },
    });
    onTestFinished(() => dimmer.close());
    const second = startProduct(dimmer, receiver, file);
    expect(second.gate.allows("acme")).toBe(true);
    expect(await second.deliver("acme", "2")).toBe("held");
    expect(await second.deliver("other", "1")).toBe("sent");
    await second.stop();
    expect(receiver.came.get("acme")).toBeUndefined();
    startProduct(world.dimmer, receiver, file);
    await expect.poll(() => receiver.came.get("acme"), PATIENCE).toEqual(["1 replay", "2 replay"]);
  });
});
