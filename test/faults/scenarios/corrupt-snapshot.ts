import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeFeed } from "../feed-maker.ts";
import { type HeldGenerations, keepGenerations, keepStreamed, loadKept } from "../kept-generations.ts";
import type { Random } from "../random.ts";
import type { Scenario, Stage } from "../scenario.ts";
import { startSidecar, versionNumber } from "../sidecar-process.ts";
import { until } from "../waiting.ts";
import { watch } from "../watcher.ts";

/** What happens to a file: one bit, a run of zeroes, the end of it missing, or rubbish in its middle. */
type Damage = (bytes: Buffer, at: number, random: Random) => Buffer;

const DAMAGES: Readonly<Record<string, Damage>> = {
  "bit flip": (bytes, at, random) => {
    const made = Buffer.from(bytes);
    made[at] = (made[at] ?? 0) ^ (1 << random.int(0, 7));
    return made;
  },
  zeroes: (bytes, at) => Buffer.from(bytes).fill(0, at, Math.min(bytes.length, at + 512)),
  truncation: (bytes, at) => bytes.subarray(0, at),
  rubbish: (bytes, at, random) => {
    const made = Buffer.from(bytes);
    for (let i = at; i < Math.min(bytes.length, at + 32); i++) made[i] = random.int(0, 255);
    return made;
  },
};

/** A snapshot damaged at one place: what verifies is used, what does not is set aside, and nothing falls over. */
export const corruptSnapshot: Scenario = {
  name: "corrupt-snapshot",
  summary: "the snapshot on disk is damaged at random offsets: bit flips, zeroes, truncation, rubbish",
  holds: ["D2", "D3", "F1", "F5"],
  run: async (stage) => {
    const feed = await makeFeed(stage);
    const listed = join(stage.folder, "listed");
    const streamed = join(stage.folder, "streamed");
    const kept: readonly Kept[] = [
      { pristine: listed, feed: feed.directory, trust: feed.trust, held: await keepGenerations(feed, listed) },
      { pristine: streamed, ...(await heldOf(keepStreamed(stage, streamed))) },
    ];
    const offsets = stage.isLong ? 4_000 : 150;
    const processes = stage.isLong ? 20 : 3;
    const outcomes = { newest: 0, before: 0, none: 0 };
    for (let n = 0; n < offsets + processes; n++) {
      // Sidecars of their own then follow a feed again, which the authority of the streamed one no longer gives.
      const from = kept[n < offsets ? n % 2 : 0] as Kept;
      const place = damageOne(stage, from.pristine);
      const outcome = n < offsets ? await loadDamaged(stage, place, from) : await startDamaged(stage, place, from);
      outcomes[outcome] += 1;
      rmSync(place.directory, { recursive: true, force: true });
      if (n % 500 === 499) stage.progress(`${n + 1} of ${offsets}: ${JSON.stringify(outcomes)}`);
    }
    const { newest, before, none } = outcomes;
    return {
      runs: offsets + processes,
      figure: ((newest + before) / (offsets + processes)) * 100,
      unit: "% ready from what was left",
      detail: `Half of them two generations, half one with frames of a stream. Loaded the newest version ${newest} times, an older one that was kept ${before}, nothing and not ready (the only copy of a part) ${none}; ${processes} times in a sidecar of its own, which followed on.`,
    };
  },
};

/** A snapshot as it was kept. */
interface Kept {
  readonly pristine: string;
  readonly feed?: string;
  readonly trust: string;
  readonly held: HeldGenerations;
}

async function heldOf(keeping: ReturnType<typeof keepStreamed>): Promise<Pick<Kept, "trust" | "held">> {
  const held = await keeping;
  return { trust: held.trust, held };
}

interface Place {
  readonly directory: string;
  readonly file: string;
  readonly what: string;
}

let made = 0;

function damageOne(stage: Stage, pristine: string): Place {
  const { random } = stage;
  const files = readdirSync(pristine, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(pristine.length + 1))
    .sort();
  const directory = join(stage.folder, `d${++made}`);
  cpSync(pristine, directory, { recursive: true });
  // Frames are one file among many, and the one that grows.
  const frames = files.filter((name) => name.startsWith("streams"));
  const file = frames.length > 0 && random.next() < 0.4 ? random.pick(frames) : random.pick(files);
  const bytes = readFileSync(join(directory, file));
  const kind = random.pick(Object.keys(DAMAGES));
  const at = random.int(0, Math.max(0, bytes.length - 1));
  writeFileSync(join(directory, file), (DAMAGES[kind] as Damage)(bytes, at, random));
  return { directory, file, what: `${kind} at ${at} of ${file}` };
}

async function loadDamaged(stage: Stage, place: Place, { trust, held }: Kept): Promise<Outcome> {
  return judge(stage, { ...(await loadKept(place.directory, trust)), place, held });
}

/** A real sidecar on the damaged snapshot, which then follows the feed again. */
async function startDamaged(stage: Stage, place: Place, { feed, trust, held }: Kept): Promise<Outcome> {
  const options = { trust, data: place.directory };
  const alone = await startSidecar(stage, { ...options, feed: [join(stage.folder, "nowhere")] });
  // It asks its feed once the disk has been read.
  await until("what is left on the disk", async () => (await alone.status()).sources[0]?.state !== "waiting");
  const { version, ready } = await alone.status();
  const answer = await alone.checks([{ tenant: "locked", capability: "view", principal: "admin" }]);
  const isLocked = answer[0]?.reason === "locked";
  const outcome = judge(stage, { version: ready ? version : undefined, isLocked, place, held });
  await alone.end();
  const again = await startSidecar(stage, { ...options, feed: [feed ?? "nowhere"] });
  const watcher = watch(stage, () => again);
  await until(`the newest version after ${place.what}`, () => watcher.seen.version === held.newest);
  await watcher.stop();
  await again.end();
  return outcome;
}

type Outcome = "newest" | "before" | "none";

function judge(
  stage: Stage,
  seen: { version: string | undefined; isLocked: boolean; place: Place; held: HeldGenerations },
): Outcome {
  const { version, isLocked, place, held } = seen;
  const { what } = place;
  if (version === undefined) {
    if (!held.isVital(place.file))
      stage.violate("F5", `${what}: nothing was left, though that file was not the only one`);
    return "none";
  }
  if (!isLocked) stage.violate("D2", `${what}: ready at ${version} with the lock open`);
  if (version === held.newest) return "newest";
  const isKept =
    versionNumber(version) >= versionNumber(held.before) && versionNumber(version) < versionNumber(held.newest);
  if (!isKept) stage.violate("F1", `${what}: version ${version} was never kept`);
  return "before";
}
