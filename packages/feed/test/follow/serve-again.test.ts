import type { PartKind, Replica } from "@dimmer/feed/follow";
import { expect, it } from "vitest";
import { build, tenants } from "../build/fixture.ts";
import { MemorySource, type ServedFeed } from "./memory-source.ts";
import { MemoryStore } from "./memory-store.ts";
import { follow, signers } from "./replica-fixture.ts";

const first = await build(signers, { entitlements: tenants(30) });
const second = await build(signers, {
  entitlements: tenants(30).map((t) => ({ ...t, plan: "starter" })),
  after: first,
});
const third = await build(signers, { entitlements: tenants(31).map((t) => ({ ...t, plan: "pro" })), after: second });

/** What a replica serves, as a source of the next one. */
async function servedBy(replica: Replica, names: Iterable<string>): Promise<ServedFeed> {
  const parts = new Map<string, Uint8Array>();
  for (const name of names) {
    const [kind, digest] = name.split("/") as [PartKind, string];
    const bytes = await replica.readPart(kind, digest);
    if (bytes !== undefined) parts.set(name, bytes);
  }
  return { head: replica.readHead()?.token ?? "", keysets: replica.readKeysets(), parts };
}

it.each(["memory", "a store"])("serves again what it verified, byte for byte, from %s", async (where) => {
  const store = where === "memory" ? {} : { store: new MemoryStore() };
  const { replica } = await follow(new MemorySource(first), store);
  const served = await servedBy(replica, first.parts.keys());
  expect(served.head).toBe(first.head);
  for (const [name, bytes] of first.parts) expect(served.parts.get(name)).toEqual(new Uint8Array(bytes));
  const next = await follow(new MemorySource(served));
  expect(next.replica.version).toEqual(first.version);
  expect(replica.readHead()?.etag).toMatch(/^"[A-Za-z0-9_-]{43}"$/);
});

it("serves the generation before as well, and no older one", async () => {
  const source = new MemorySource(first);
  const { replica } = await follow(source);
  source.feed = second;
  await replica.refresh();
  expect((await servedBy(replica, first.parts.keys())).parts.size).toBe(first.parts.size);
  source.feed = third;
  await replica.refresh();
  source.feed = undefined;
  const oldest = [...first.parts.keys()].filter((name) => !second.parts.has(name) && !third.parts.has(name));
  expect(oldest.length).toBeGreaterThan(0);
  expect((await servedBy(replica, oldest)).parts.size).toBe(0);
});

it("serves nothing before it is ready, and nothing that it does not hold", async () => {
  const source = new MemorySource();
  const { replica } = await follow(source);
  expect(replica.readHead()).toBeUndefined();
  expect(replica.readKeysets()).toEqual([]);
  source.feed = first;
  await replica.refresh();
  const other = [...third.parts.keys()].find((name) => !first.parts.has(name)) as string;
  const [kind, digest] = other.split("/") as [PartKind, string];
  source.feed = third;
  expect(await replica.readPart(kind, digest)).toBeUndefined();
  expect(await replica.readPart("chunks", "../../etc/passwd")).toBeUndefined();
});

it("serves from the source what its store has lost", async () => {
  const store = new MemoryStore();
  const source = new MemorySource(first);
  const { replica } = await follow(source, { store });
  const chunk = [...first.parts.keys()].find((name) => name.startsWith("chunks/")) as string;
  store.parts.delete(chunk);
  const [kind, digest] = chunk.split("/") as [PartKind, string];
  expect(await replica.readPart(kind, digest)).toEqual(new Uint8Array(first.parts.get(chunk) as Uint8Array));
  store.parts.set(chunk, new Uint8Array(3));
  source.feed = undefined;
  expect(await replica.readPart(kind, digest)).toBeUndefined();
});
