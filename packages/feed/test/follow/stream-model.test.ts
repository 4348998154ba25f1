import type { WatchEvent } from "@dimmer/feed/follow";
import type { WireEntitlement, WireTombstone } from "@dimmer/statement";
import fc from "fast-check";
import { it } from "vitest";
import { changedPolicy } from "../build/fixture.ts";
import { countCrypto } from "./pending-crypto.ts";
import { StreamWorld, TENANTS } from "./stream-world.ts";

countCrypto();

/** Courses tried; a long search sets more. */
const RUNS = Number(process.env["DIMMER_MODEL_RUNS"] ?? 60);
const TEN_YEARS_MS = 3_652 * 86_400_000;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

type Command = fc.AsyncCommand<object, StreamWorld>;

/** A command is its name, what it was given, and what it does. */
class Act implements Command {
  readonly #name: string;
  readonly #act: (world: StreamWorld) => Promise<void>;

  constructor(name: string, act: (world: StreamWorld) => Promise<void>) {
    this.#name = name;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  async run(_model: object, world: StreamWorld): Promise<void> {
    await this.#act(world);
    await world.quiet();
    world.check();
  }

  toString(): string {
    return this.#name;
  }
}

const act = <T>(
  name: string,
  given: fc.Arbitrary<T>,
  run: (world: StreamWorld, value: T) => Promise<void>,
): fc.Arbitrary<Act> => given.map((value) => new Act(`${name} ${JSON.stringify(value)}`, (world) => run(world, value)));

const change = fc.record({
  tenant: fc.constantFrom(...TENANTS),
  to: fc.oneof(
    fc.constant("gone" as const),
    fc.constantFrom("starter", "pro").map((plan) => ({ plan })),
    fc
      .record({
        mode: fc.constantFrom("grace", "limited", "read_only"),
        inMinutes: fc.integer({ min: -60, max: 2_400 }),
      })
      .map((step) => ({ step })),
  ),
});
type TenantChange = typeof change extends fc.Arbitrary<infer T> ? T : never;

function lineOf({ tenant, to }: TenantChange, nowMs: number): WireEntitlement | WireTombstone {
  const nowSeconds = Math.floor(nowMs / 1_000);
  if (to === "gone") return { tenant, gone: nowSeconds };
  if ("plan" in to) return { tenant, plan: to.plan };
  const steps = [{ at: nowSeconds + to.step.inMinutes * 60, mode: to.step.mode }];
  return { tenant, plan: "pro", restrictions: [{ cause: "nonpayment", case: "c", steps }] };
}

const locks = fc.option(fc.subarray([...TENANTS]), { nil: undefined });
const way = fc.oneof(
  { weight: 6, arbitrary: fc.constant("whole" as const) },
  { weight: 4, arbitrary: fc.constantFrom("lost", "twice", "backwards", "flipped", "cut", "half", "closed") },
);
type Way = typeof way extends fc.Arbitrary<infer T> ? T : never;

/** What the network makes of frames. */
function onTheWay(frames: readonly WatchEvent[], how: Way, at: number): readonly WatchEvent[] {
  const damaged = (damage: (data: string, i: number) => string): readonly WatchEvent[] => {
    const place = at % frames.length;
    return frames.map((frame, i) =>
      i === place && "data" in frame ? { ...frame, data: damage(frame.data, at % frame.data.length) } : frame,
    );
  };
  switch (how) {
    case "whole":
      return frames;
    case "lost":
      return [];
    case "twice":
      return [...frames, ...frames];
    case "backwards":
      return frames.toReversed();
    case "flipped":
      return damaged((data, i) => `${data.slice(0, i)}${data[i] === "A" ? "B" : "A"}${data.slice(i + 1)}`);
    case "cut":
      return damaged((data, i) => data.slice(0, i));
    default:
      return frames.slice(0, at % (frames.length + 1));
  }
}

async function send(world: StreamWorld, frames: readonly WatchEvent[], how: Way, at: number): Promise<void> {
  world.life.origin.send(onTheWay(frames, how, at));
  if (how === "closed") for (const line of world.life.origin.lines) line.close();
}

const publish = act(
  "publish",
  fc.record({ changes: fc.array(change, { maxLength: 3 }), locks, how: way, at: fc.nat(5_000) }),
  async (world, { changes, locks: tenants, how, at }) => {
    const { live } = world;
    const since = Math.floor(live.nowMs / 1_000);
    const list = tenants?.map((tenant) => ({ tenant, cause: "security" as const, case: "I", since, allow: ["pay"] }));
    const set = [...new Map(changes.map((each) => [each.tenant, lineOf(each, live.nowMs)])).values()];
    const frames = await live.publish({ set, ...(list === undefined ? {} : { locks: list }) });
    await send(world, frames, how, at);
  },
);
const policy = act("policy", fc.record({ how: way, at: fc.nat(5_000) }), async (world, { how, at }) => {
  const { live } = world;
  const next = changedPolicy((document) => {
    document.version = `${live.seq}`;
    if (live.seq % 2 === 0) document.fallback.unknown_tenant = { ...document.fallback.unknown_tenant, "*": "deny" };
  });
  await send(world, await live.publish({ policy: next }), how, at);
});
const bulk = act("bulk", fc.integer({ min: 2, max: 12 }), async (world, count) => {
  const frames: WatchEvent[] = [];
  for (let i = 0; i < count; i += 1) {
    const set = Array.from({ length: 40 }, (_, n) => ({
      tenant: `bulk-${i}-${n}`,
      plan: i % 2 === 0 ? "pro" : "starter",
    }));
    frames.push(...(await world.live.publish({ set })));
  }
  world.life.origin.send(frames);
});
const list = act("list", fc.boolean(), async (world, isTold) => {
  const data = await world.live.list();
  if (isTold) world.life.origin.send([{ event: "head", data }]);
});
const renew = act("renew", fc.constant(0), async (world) => {
  world.life.origin.send([{ event: "head", data: await world.live.renew() }]);
});
const replay = act(
  "replay",
  fc.record({ from: fc.nat(), count: fc.integer({ min: 1, max: 6 }) }),
  async (world, { from, count }) => {
    const all = world.live.everSent;
    const start = from % Math.max(1, all.length);
    world.life.origin.send(all.slice(start, start + count));
  },
);
const poll = act("poll", fc.constant(0), (world) => world.poll());
const pass = act(
  "pass",
  fc.oneof(fc.integer({ min: 20, max: 20_000 }), fc.integer({ min: MINUTE_MS, max: 30 * HOUR_MS })),
  (world, ms) => world.pass(ms),
);
const jump = act("jump", fc.integer({ min: -TEN_YEARS_MS, max: TEN_YEARS_MS }), async (world, ms) => {
  world.life.clock.wall = Math.max(0, world.life.clock.wall + ms);
  world.life.clock.pass(20);
});
const cut = act("cut off", fc.constantFrom("both", "stream", "none"), async (world, what) => {
  const { origin } = world.life;
  origin.feed = what === "both" ? undefined : world.live;
  origin.watchFault = what === "none" ? undefined : new Error("cut off");
  if (what !== "none") for (const line of origin.lines) line.close();
});
const mirror = act("mirror", fc.constantFrom("fresh" as const, "frozen" as const, "off" as const), async (world, how) =>
  world.mirror(how),
);
const rotate = act("rotate", fc.constant(0), (world) => world.live.rotate());
const restore = act("restore", fc.integer({ min: 0, max: 3 }), async (world, lost) => {
  await world.live.restore(lost);
  for (const line of [...world.life.origin.lines, ...world.life.mirror.lines]) line.close();
});
const restart = act("restart", fc.constantFrom("closed", "crashed", "torn", "without its disk"), async (world, how) => {
  if (how === "closed") await world.closeAndStart();
  else if (how === "without its disk") await world.loseDisk();
  else await world.crash(how === "crashed" ? "none" : "all");
});
const crashInWrite = act(
  "crash inside a write",
  fc.record({
    steps: fc.integer({ min: 1, max: 30 }),
    survival: fc.constantFrom("none" as const, "all" as const),
    change,
  }),
  async (world, { steps, survival, change: each }) => {
    const { disk, origin } = world.life;
    disk.fault = { step: disk.steps + steps, isCrash: true };
    origin.send(await world.live.publish({ set: [lineOf(each, world.live.nowMs)], locks: world.live.locks }));
    await world.quiet();
    world.check();
    await world.crash(survival);
  },
);
const full = act("disk full", fc.boolean(), async (world, isFull) => {
  const { disk } = world.life;
  disk.isFull = isFull;
});

const commands = fc.commands(
  [
    publish,
    publish,
    publish,
    policy,
    bulk,
    list,
    renew,
    replay,
    poll,
    pass,
    jump,
    cut,
    mirror,
    rotate,
    restore,
    restart,
    crashInWrite,
    full,
  ],
  { maxCommands: 25, size: "max" },
);

it(
  "D2 · D3 · F1 · F2 · F3 · F7 hold of a stream over any course of faults, and it converges when they stop",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), commands, async (scheduler, course) => {
        const world = await StreamWorld.begin(scheduler);
        world.check();
        await fc.asyncModelRun(() => ({ model: {}, real: world }), course);
        await world.converge();
      }),
      { numRuns: RUNS },
    );
  },
  180_000 + RUNS * 1_000,
);
