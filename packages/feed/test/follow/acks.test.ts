import type { ReplicaAck } from "@dimmer/feed/follow";
import { expect, it } from "vitest";
import { MemorySource } from "./memory-source.ts";
import { follow } from "./replica-fixture.ts";
import { limited, plan, stream } from "./stream-fixture.ts";

const follower = (seq: number, change: Partial<ReplicaAck> = {}): ReplicaAck => ({
  replica: "service-1",
  epoch: 1,
  seq,
  followers: 0,
  quarantine: 0,
  refusals: 0,
  ...change,
});

it("acknowledges a version soon after it is in force, and now and then without news", async () => {
  const { source, clock, change } = await stream();
  clock.pass(1_020);
  await expect.poll(() => source.acks.map(({ seq }) => seq)).toEqual([1]);
  await change({ set: [limited("a")] });
  clock.pass(1_020);
  await expect.poll(() => source.acks.map(({ seq }) => seq)).toEqual([1, 2]);
  clock.pass(10_000);
  expect(source.acks).toHaveLength(2);
  clock.pass(20_000);
  await expect.poll(() => source.acks.length).toBe(3);
});

it("acknowledges once a second at most, however fast versions follow each other", async () => {
  const { source, clock, change } = await stream();
  clock.pass(1_020);
  await expect.poll(() => source.acks.length).toBe(1);
  for (let i = 0; i < 5; i += 1) await change({ set: [plan(`t${i}`, "pro")] });
  clock.pass(20);
  const told = source.acks.length;
  expect(told).toBeLessThanOrEqual(2);
  clock.pass(1_000);
  await expect.poll(() => source.acks.at(-1)?.seq).toBe(6);
});

it("acknowledges the least version of itself and its followers, and counts them all", async () => {
  const { source, clock, change, replica } = await stream();
  await change({ set: [limited("a")] });
  replica.noteFollower(follower(1, { followers: 2, quarantine: 3, refusals: 4 }));
  replica.noteFollower(follower(2, { replica: "service-2" }));
  clock.pass(1_020);
  await expect.poll(() => source.acks.at(-1)).toMatchObject({ seq: 1, followers: 4, quarantine: 3, refusals: 4 });
  replica.noteFollower(follower(2));
  clock.pass(30_000);
  await expect.poll(() => source.acks.at(-1)).toMatchObject({ seq: 2, followers: 2 });
});

it("tells soon when the last of its followers has caught up, and not for each that says the same again", async () => {
  const { source, clock, change, replica } = await stream();
  replica.noteFollower(follower(1));
  await change({ set: [limited("a")] });
  clock.pass(1_020);
  await expect.poll(() => source.acks.at(-1)?.seq).toBe(1);
  replica.noteFollower(follower(2));
  clock.pass(1_020);
  await expect.poll(() => source.acks.at(-1)?.seq).toBe(2);
  const told = source.acks.length;
  replica.noteFollower(follower(2));
  clock.pass(2_000);
  await replica.refresh();
  expect(source.acks).toHaveLength(told);
});

it("does not wait for a follower that has been silent for a minute", async () => {
  const { source, clock, change, replica } = await stream();
  replica.noteFollower(follower(1));
  await change({ set: [limited("a")] });
  clock.pass(59_000);
  await expect.poll(() => source.acks.at(-1)?.seq).toBe(1);
  clock.pass(30_000);
  await expect.poll(() => source.acks.at(-1)).toMatchObject({ seq: 2, followers: 0 });
});

it("tells again what was lost, and takes no harm", async () => {
  const { source, clock, replica } = await stream();
  source.ackFault = new Error("503");
  clock.pass(1_020);
  await expect.poll(() => replica.status().sources[0]?.state).toBe("ok");
  source.ackFault = undefined;
  for (let i = 0; i < 16 && source.acks.length === 0; i += 1) {
    clock.pass(1_000);
    await replica.refresh();
  }
  expect(source.acks.length).toBeGreaterThan(0);
  expect(replica.status().refusals.count).toBe(0);
});

it("acknowledges nothing before anything is in force", async () => {
  const acks: ReplicaAck[] = [];
  const source = Object.assign(new MemorySource(undefined), {
    ack: async (ack: ReplicaAck) => {
      acks.push(ack);
    },
  });
  const { clock } = await follow(source);
  for (let i = 0; i < 10; i += 1) clock.pass(10_000);
  expect(acks).toEqual([]);
});
