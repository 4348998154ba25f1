import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type MadeFeed, makeFeed } from "../feed-maker.ts";
import { type HeldGenerations, keepGenerations, loadKept } from "../kept-generations.ts";
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
    const pristine = join(stage.folder, "pristine");
    const held = await keepGenerations(feed, pristine);
    const files = readdirSync(pristine, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(pristine.length + 1))
      .sort();
    const offsets = stage.isLong ? 4_000 : 150;
    const processes = stage.isLong ? 20 : 3;
    const outcomes = { newest: 0, before: 0, none: 0 };
    for (let n = 0; n < offsets + processes; n++) {
      const place = damageOne(stage, { pristine, files });
      const outcome =
        n < offsets
          ? await loadDamaged(stage, place, { feed, held })
          : await startDamaged(stage, place, { feed, held });
      outcomes[outcome] += 1;
      rmSync(place.directory, { recursive: true, force: true });
      if (n % 500 === 499) stage.progress(`${n + 1} of ${offsets}: ${JSON.stringify(outcomes)}`);
    }
    const { newest, before, none } = outcomes;
    return {
      runs: offsets + processes,
      figure: ((newest + before) / (offsets + processes)) * 100,
      unit: "% ready from what was left",
      detail: `Loaded the newest generation ${newest} times, the one before ${before}, and nothing (a part that both share) ${none}; ${processes} times in a sidecar of its own.`,
    };
  },
};

interface Place {
  readonly directory: string;
  readonly file: string;
  readonly what: string;
}

let made = 0;

function damageOne(stage: Stage, { pristine, files }: { pristine: string; files: readonly string[] }): Place {
  const { random } = stage;
  const directory = join(stage.folder, `d${++made}`);
  cpSync(pristine, directory, { recursive: true });
  const file = random.pick(files);
  const bytes = readFileSync(join(directory, file));
  const kind = random.pick(Object.keys(DAMAGES));
  const at = random.int(0, Math.max(0, bytes.length - 1));
  writeFileSync(join(directory, file), (DAMAGES[kind] as Damage)(bytes, at, random));
  return { directory, file, what: `${kind} at ${at} of ${file}` };
}

async function loadDamaged(
  stage: Stage,
  { directory, file, what }: Place,
  { feed, held }: { feed: MadeFeed; held: HeldGenerations },
): Promise<"newest" | "before" | "none"> {
  const loaded = await loadKept(directory, feed.trust);
  return judge(stage, { version: loaded.version, isLocked: loaded.isLocked, file, what, held });
}

/** A real sidecar on the damaged snapshot, which then follows the feed again. */
async function startDamaged(
  stage: Stage,
  { directory, file, what }: Place,
  { feed, held }: { feed: MadeFeed; held: HeldGenerations },
): Promise<"newest" | "before" | "none"> {
  const options = { trust: feed.trust, data: directory };
  const alone = await startSidecar(stage, { ...options, feed: [join(stage.folder, "nowhere")] });
  await until("what is left on the disk", async () => (await alone.status()).disk.state !== "waiting");
  const { version, ready } = await alone.status();
  const answer = await alone.checks([{ tenant: "locked", capability: "view", principal: "admin" }]);
  const outcome = judge(stage, {
    version: ready ? version : undefined,
    isLocked: answer[0]?.reason === "locked",
    file,
    what,
    held,
  });
  await alone.end();
  const again = await startSidecar(stage, { ...options, feed: [feed.directory] });
  const watcher = watch(stage, () => again);
  await until(`the newest version after ${what}`, () => watcher.seen.version === held.newest);
  await watcher.stop();
  await again.end();
  return outcome;
}

function judge(
  stage: Stage,
  seen: { version: string | undefined; isLocked: boolean; file: string; what: string; held: HeldGenerations },
): "newest" | "before" | "none" {
  const { version, isLocked, file, what, held } = seen;
  const isShared = held.shared.includes(file);
  if (version === undefined) {
    if (!isShared) stage.violate("F5", `${what}: nothing was left, though only one generation had that file`);
    return "none";
  }
  if (!isLocked) stage.violate("D2", `${what}: ready at ${version} with the lock open`);
  if (version === held.newest) return "newest";
  if (versionNumber(version) !== versionNumber(held.before))
    stage.violate("F1", `${what}: version ${version} was never kept`);
  return "before";
}
