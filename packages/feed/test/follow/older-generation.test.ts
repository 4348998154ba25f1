import { expect, it } from "vitest";
import { MemorySource } from "./memory-source.ts";
import { MemoryStore } from "./memory-store.ts";
import { follow } from "./replica-fixture.ts";
import { limited, lockOf, plan, reasonOf, type Streamed, stream } from "./stream-fixture.ts";

const nowhere = (): MemorySource => new MemorySource(undefined);

/** Two generations on the disk: the first with frames up to version 3, the second, of version 3, with those up to 5. */
async function twoGenerations(store: MemoryStore): Promise<Streamed> {
  const world = await stream(undefined, store);
  await world.change({ set: [limited("a")] });
  await world.change({ set: [plan("c", "pro")] });
  await world.live.list();
  await world.replica.refresh();
  await expect.poll(() => store.generations.length).toBe(2);
  await world.change({ set: [limited("b")], locks: [lockOf("c")] });
  await world.change({ set: [plan("d", "starter")] });
  return world;
}

function indexOf({ generations }: MemoryStore): string | undefined {
  return generations[0]?.parts.find(({ kind }) => kind === "index")?.digest;
}

function damageNewest(store: MemoryStore): void {
  const [newest, older] = store.generations;
  const chunk = newest?.parts.find((part) => part.kind === "chunks" && !isNamed(older, part.digest));
  store.parts.set(`chunks/${chunk?.digest}`, new TextEncoder().encode("damaged"));
}

function isNamed(generation: MemoryStore["generations"][number] | undefined, digest: string): boolean {
  return generation?.parts.some((part) => part.digest === digest) === true;
}

it("F1 · D3 · a replica that goes on from the generation before keeps what came after the damaged one with its next write", async () => {
  const store = new MemoryStore();
  const { live } = await twoGenerations(store);
  const left = store.copy();
  damageNewest(left);
  // It lists what is damaged here, and has no stream.
  const healed = await follow(new MemorySource(live), { store: left });
  await expect.poll(() => indexOf(left)).toBe(indexOf(store));
  expect(healed.replica.version).toEqual(live.version);
  const again = await follow(nowhere(), { store: left.copy() });
  expect(again.replica.version).toEqual(live.version);
  expect([reasonOf(again, "b"), reasonOf(again, "c")]).toEqual(["restricted", "locked"]);
});
