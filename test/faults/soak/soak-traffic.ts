import type { Stage } from "../scenario.ts";
import { pass } from "../waiting.ts";
import { WATCHED } from "../watcher.ts";
import { CHECK, type DoorAnswer, OTHER_DOORS, type SoakDoor } from "./doors.ts";
import { SOAK_CAPABILITIES, type SoakCapability } from "./modes.ts";
import type { Oracle } from "./oracle.ts";
import type { SoakSidecar } from "./soak-world.ts";
import { LOCKABLE, MOVED } from "./soak-writers.ts";

/** What a product asks of one sidecar, at every door in turn. */
export interface SoakTraffic {
  readonly counts: { asked: number; unanswered: number; notReady: number };
  stop(): Promise<void>;
}

interface TrafficOptions {
  readonly oracle: Oracle;
  /** Told of each answer about a webhook's tenant, with the instant before the question was asked. */
  readonly onWebhookAnswer?: (tenant: string, allowed: boolean, version: string, askedMs: number) => void;
  /** Makes another answer of one: to show that wrong answers are found. */
  readonly meddle?: (door: string, answer: DoorAnswer) => DoorAnswer;
}

const NO_VERSION = "0.0";
/** Of ten questions one is about a lock. */
const ABOUT_LOCKS = 0.1;

/**
 * Asks a sidecar one question after the other for as long as it is not stopped. A door that tells no version is asked
 * between two checks that do: its answer is of a version between theirs.
 */
export function startSoakTraffic(stage: Stage, sidecar: SoakSidecar, options: TrafficOptions): SoakTraffic {
  const { oracle, onWebhookAnswer, meddle = (_, answer) => answer } = options;
  const { random } = stage;
  const counts = { asked: 0, unanswered: 0, notReady: 0 };
  let isStopped = false;

  const askAt = async (door: SoakDoor, tenant: string, capability: SoakCapability): Promise<DoorAnswer | undefined> => {
    const process = sidecar.process;
    if (process === undefined) return undefined;
    counts.asked += 1;
    const answer = await door.ask(process, { tenant, capability });
    return meddle(door.name, answer);
  };

  const check = async (tenant: string, capability: SoakCapability): Promise<string | undefined> => {
    const askedMs = performance.now();
    const answer = await askAt(CHECK, tenant, capability);
    if (answer?.version === undefined) return undefined;
    if (answer.version === NO_VERSION) {
      counts.notReady += 1;
      return undefined;
    }
    const { allowed, version } = answer;
    const judged = { sidecar: sidecar.number, door: CHECK.name, tenant, capability, allowed };
    oracle.versionOf(sidecar.number, version, performance.now());
    oracle.answered({ ...judged, least: version, most: version });
    if (capability === "webhook") onWebhookAnswer?.(tenant, allowed, version, askedMs);
    return version;
  };

  const askDoor = async (): Promise<void> => {
    const door = random.pick(OTHER_DOORS);
    const tenant = random.pick(MOVED);
    const least = await check(tenant, random.pick(SOAK_CAPABILITIES));
    if (least === undefined) return;
    const capability = random.pick(door.capabilities);
    const process = sidecar.process;
    const answer = await askAt(door, tenant, capability);
    const most = await check(tenant, random.pick(SOAK_CAPABILITIES));
    // Another process has another history of versions between the two.
    if (answer === undefined || most === undefined || process !== sidecar.process) return;
    const { allowed, version } = answer;
    const between = version === undefined ? { least, most } : { least: version, most: version };
    oracle.answered({ sidecar: sidecar.number, door: door.name, tenant, capability, allowed, ...between });
  };

  const askLock = async (): Promise<void> => {
    const process = sidecar.process;
    const tenant = random.pick([...LOCKABLE, WATCHED.locked]);
    const before = await process?.status();
    const answer = await askAt(CHECK, tenant, "view");
    const after = await process?.status();
    if (answer === undefined || before?.ready !== true || after === undefined || process !== sidecar.process) return;
    const isLocked = !answer.allowed && answer.reason === "locked";
    const versions = { least: before.locksVersion, most: after.locksVersion };
    oracle.answeredLock({ sidecar: sidecar.number, tenant, isLocked, ...versions });
  };

  const run = (async () => {
    while (!isStopped) {
      try {
        if (random.next() < ABOUT_LOCKS) await askLock();
        else await askDoor();
        if (sidecar.process === undefined) await pass(20);
      } catch {
        // Who is killed, stopped or starting gives no answer: that is no wrong one.
        counts.unanswered += 1;
        await pass(20);
      }
    }
  })();
  stage.atEnd(async () => {
    isStopped = true;
    await run;
  });
  return {
    counts,
    stop: async () => {
      isStopped = true;
      await run;
    },
  };
}
