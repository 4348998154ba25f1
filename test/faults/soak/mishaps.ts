import { CLEAR, delaying, dropping, flipping, GONE, truncating, type Weather } from "../proxy/weather.ts";
import type { Random } from "../random.ts";
import type { Stage } from "../scenario.ts";
import { pass } from "../waiting.ts";
import type { SoakSidecar, SoakWorld } from "./soak-world.ts";

/** Faults that are made one after the other. */
export interface Mishaps {
  /** How often each was made. */
  readonly counts: Readonly<Record<string, number>>;
  /** Kinds that this machine cannot make, with the reason. */
  readonly notRun: Readonly<Record<string, string>>;
  /** Makes no more, and leaves everything whole. */
  stop(): Promise<void>;
}

interface MishapOptions {
  readonly world: SoakWorld;
  /** Whether the run is long enough for faults that take half a minute to get over. */
  readonly isLong: boolean;
  /** Told when a sidecar hung until now. */
  readonly onHung: (nowMs: number) => void;
  /** Looks at the store of an authority that was just killed. */
  readonly whileDown: () => void;
}

/** One fault: made, and over when it resolves. */
type Mishap = (world: SoakWorld, random: Random, options: MishapOptions) => Promise<void>;

const DAYS = [1, -1, 40, -40];
const MOST_PAUSE_MS = 2_500;

const anySidecar = (world: SoakWorld, random: Random): SoakSidecar => random.pick(world.sidecars);

const SHORT: Readonly<Record<string, Mishap>> = {
  "sidecar killed": async (world, random) => {
    await random.pick(world.sidecars.slice(1)).restart();
  },
  "authority killed": async (world, _, { whileDown }) => {
    await world.restartAuthority(whileDown);
  },
  "stream cut": (world, random) => {
    anySidecar(world, random).proxy.resetAll();
    return Promise.resolve();
  },
  "sidecar frozen": async (world, random, { onHung }) => {
    const { process } = anySidecar(world, random);
    process?.signal("SIGSTOP");
    await pass(random.int(200, MOST_PAUSE_MS));
    process?.signal("SIGCONT");
    onHung(performance.now());
  },
  "authority frozen": async (world, random) => {
    const { process } = world.authority;
    process.signal("SIGSTOP");
    await pass(random.int(200, MOST_PAUSE_MS));
    process.signal("SIGCONT");
  },
  "authority unreachable": (world, random) => bad(anySidecar(world, random), GONE, random),
  "bad line": (world, random) => {
    const weather = random.pick([
      delaying(random, 200),
      dropping(random, 0.1),
      flipping(random, 0.1),
      truncating(random, 0.1),
    ]);
    return bad(anySidecar(world, random), weather, random);
  },
};

const CLOCK: Mishap = async (world, random) => {
  const moved = world.sidecars.find(({ setClock }) => setClock !== undefined);
  moved?.setClock?.(random.pick(DAYS));
  await pass(random.int(500, 2_000));
  moved?.setClock?.(0);
};

const HALF_OPEN: Mishap = (world, random) => {
  anySidecar(world, random).proxy.halfOpen();
  return Promise.resolve();
};

/** Makes one fault after the other, in an order and at a pace that follow from the seed. */
export function startMishaps(stage: Stage, options: MishapOptions): Mishaps {
  const { world, isLong } = options;
  const { random } = stage;
  const hasClock = world.sidecars.some(({ setClock }) => setClock !== undefined);
  const kinds: Record<string, Mishap> = {
    ...SHORT,
    ...(hasClock ? { "clock moved": CLOCK } : {}),
    ...(isLong ? { "half-open": HALF_OPEN } : {}),
  };
  const counts: Record<string, number> = {};
  let isStopped = false;
  const run = (async () => {
    // Each kind once in an order of its own, then again: a short run makes as many kinds as it can.
    for (let left: string[] = []; !isStopped; ) {
      if (left.length === 0) left = Object.keys(kinds);
      const [name = ""] = left.splice(random.int(0, left.length - 1), 1);
      await kinds[name]?.(world, random, options);
      counts[name] = (counts[name] ?? 0) + 1;
      const pauseMs = random.int(200, isLong ? 3_000 : 800);
      for (let ms = 0; ms < pauseMs && !isStopped; ms += 100) await pass(100);
    }
  })();
  const stop = async (): Promise<void> => {
    isStopped = true;
    await run;
  };
  stage.atEnd(() => stop().catch(() => undefined));
  return { counts, notRun: hasClock ? {} : { "clock moved": "libfaketime is not installed (Debian: faketime)" }, stop };
}

async function bad({ proxy }: SoakSidecar, weather: Weather, random: Random): Promise<void> {
  proxy.set(weather);
  await pass(random.int(500, 3_000));
  proxy.set(CLEAR);
}
