import fc from "fast-check";

/** Tenants and endpoints of a history, by number. */
export const TENANTS = ["acme", "hinata"] as const;
export const ENDPOINTS = ["a", "b"] as const;

/** What a receiver does with what it is sent. */
export type Receiving = "take" | "fail" | "take-then-fail" | "hang" | "slow" | "refuse-mark";

/** One step within a tick of the event loop. */
export type Step =
  | { readonly do: "deliver"; readonly endpoint: number; readonly tenant: number; readonly durable: boolean }
  | { readonly do: "deny" | "allow"; readonly tenant: number; readonly told: boolean };

/** What may happen next. */
export type Happening =
  | { readonly what: "tick"; readonly steps: readonly Step[] }
  | { readonly what: "again"; readonly endpoint: number; readonly tenant: number; readonly durable: boolean }
  | { readonly what: "advance"; readonly ms: number }
  | { readonly what: "receiver"; readonly endpoint: number; readonly does: Receiving }
  | { readonly what: "stall"; readonly gate: number; readonly ms: number }
  | { readonly what: "crash"; readonly after: number; readonly commits: boolean }
  | { readonly what: "jump"; readonly ms: number };

const DAY_MS = 86_400_000;

const deliver = fc.record({
  do: fc.constant("deliver" as const),
  endpoint: fc.nat(1),
  tenant: fc.nat(1),
  durable: fc.boolean(),
});
const flip = fc.record({
  do: fc.constantFrom("deny" as const, "allow" as const),
  tenant: fc.nat(1),
  told: fc.boolean(),
});
const again = fc.record({
  what: fc.constant("again" as const),
  endpoint: fc.nat(1),
  tenant: fc.nat(1),
  durable: fc.boolean(),
});
const tick = (maxLength: number): fc.Arbitrary<Happening> =>
  fc.record({
    what: fc.constant("tick" as const),
    steps: fc.array(fc.oneof({ weight: 4, arbitrary: deliver }, { weight: 1, arbitrary: flip }), {
      minLength: 1,
      maxLength,
    }),
  });
const advance = fc.record({
  what: fc.constant("advance" as const),
  ms: fc.constantFrom(0, 1, 300, 1_000, 7_000, 400_000),
});
const receiver = (does: readonly Receiving[]): fc.Arbitrary<Happening> =>
  fc.record({ what: fc.constant("receiver" as const), endpoint: fc.nat(1), does: fc.constantFrom(...does) });
const jump = fc.record({
  what: fc.constant("jump" as const),
  ms: fc.constantFrom(-104 * DAY_MS, -5_000, 3_600_000, 40 * DAY_MS),
});
const shortJump = fc.record({ what: fc.constant("jump" as const), ms: fc.constantFrom(-104 * DAY_MS, 3_600_000) });
const stall = fc.record({
  what: fc.constant("stall" as const),
  gate: fc.nat(1),
  ms: fc.constantFrom(700, 3_000, 20_000),
});
const crash = fc.record({ what: fc.constant("crash" as const), after: fc.nat(6), commits: fc.boolean() });

/** Histories of two processes on one store that die at any commit and lose touch with it. */
export const crashing: fc.Arbitrary<Happening[]> = fc.array(
  fc.oneof(
    { weight: 10, arbitrary: tick(2) },
    { weight: 3, arbitrary: tick(6) },
    { weight: 2, arbitrary: again },
    { weight: 4, arbitrary: advance },
    { weight: 3, arbitrary: receiver(["take", "fail", "take-then-fail", "hang", "slow", "refuse-mark"]) },
    { weight: 2, arbitrary: stall },
    { weight: 2, arbitrary: crash },
    { weight: 1, arbitrary: shortJump },
  ),
  { minLength: 1, maxLength: 40 },
);

/** Histories of one process that alone has the store, in which what was dropped is known for sure. */
export const lasting: fc.Arbitrary<Happening[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: tick(2) },
    { weight: 10, arbitrary: tick(12) },
    { weight: 4, arbitrary: advance },
    { weight: 4, arbitrary: receiver(["take", "fail", "hang", "slow", "refuse-mark", "refuse-mark"]) },
    { weight: 1, arbitrary: jump },
  ),
  { minLength: 1, maxLength: 40 },
);
