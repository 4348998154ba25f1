import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runChild, startChild } from "../child.ts";
import { formatSpread, type Spread, sayTarget, spreadOf } from "../statistics.ts";
import type { SuiteOptions, SuiteResult } from "../suite.ts";
import type { GateRound } from "./contender.ts";
import type { HeldRun } from "./hold-process.ts";
import type { RecoverRun } from "./recover-process.ts";
import type { ReplayRun } from "./replay-process.ts";

const TARGETS = { gateUs: 5, holdPerSecond: 20_000, replayPerSecond: 2_000, restartMs: 2_000, stallMs: 250 };
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const command = (name: string, ...args: readonly (string | number)[]): string[] => [
  process.execPath,
  "--conditions=@dimmer/source",
  script(name),
  ...args.map(String),
];

/** What the gate adds, and how fast webhooks are held and replayed: a million on SQLite, 100 endpoints. */
export async function runWebhooksSuite(options: SuiteOptions): Promise<SuiteResult> {
  const gateUs = await measureGate(options);
  const { held, replays } = await measureStore(options);
  const recoveries = await measureRecovery(options);
  const stall = spreadOf(recoveries.map(({ worstStallMs }) => worstStallMs));
  const recovery = spreadOf(recoveries.map(({ seconds }) => seconds));
  const hold = held.events / held.seconds;
  const replay = spreadOf(replays.map(({ deliveries, seconds }) => deliveries / seconds));
  const restart = spreadOf(replays.map(({ restartMs }) => restartMs));
  const growth = spreadOf(replays.map(({ earlyMb, lateMb }) => lateMb - earlyMb));
  return {
    name: "webhooks",
    data: { targets: TARGETS, gateUs, held, replays, recoveries },
    table: [
      `| ${held.events.toLocaleString("en")} events of 200 B, 10 tenants with 10 endpoints each, SQLite | | target |`,
      "| --- | --- | --- |",
      `| added by the gate to an allowed delivery, µs (spread) | ${formatSpread(gateUs, 2)} | ${sayTarget(`≤ ${TARGETS.gateUs}`, gateUs.median <= TARGETS.gateUs)} |`,
      `| held in batches of 1,000, events/s | ${hold.toFixed(0)} | ${sayTarget(`≥ ${TARGETS.holdPerSecond.toLocaleString("en")}`, hold >= TARGETS.holdPerSecond)} |`,
      `| restart with them, ms (spread) | ${formatSpread(restart, 0)} | ${sayTarget(`≤ ${TARGETS.restartMs.toLocaleString("en")}`, restart.median <= TARGETS.restartMs)} |`,
      `| replayed to 100 local endpoints, deliveries/s (spread) | ${formatSpread(replay, 0)} | ${sayTarget(`≥ ${TARGETS.replayPerSecond.toLocaleString("en")}`, replay.median >= TARGETS.replayPerSecond)} |`,
      `| resident memory at the end over that at half of it, MB (spread) | ${formatSpread(growth, 0)} | flat |`,
      `| 3,000 tenants with one event each that may receive again at once, s (spread) | ${formatSpread(recovery, 1)} | |`,
      `| the worst stall of the process meanwhile, ms (spread) | ${formatSpread(stall, 0)} | ≤ ${TARGETS.stallMs} |`,
    ].join("\n"),
    chart: [
      { label: "held, thousand events/s", value: hold / 1_000 },
      { label: "replayed, thousand deliveries/s", value: replay.median / 1_000 },
      { label: "added by the gate, µs", value: gateUs.median },
    ],
  };
}

async function measureGate(options: SuiteOptions): Promise<Spread> {
  const added: number[] = [];
  for (let pass = 0; pass < (options.isQuick ? 3 : 5); pass++) {
    options.progress(`webhooks: the gate, pass ${pass + 1}`);
    const rounds = await runChild<GateRound[]>(command("contender.ts", 1_000, options.isQuick ? 30 : 60), { core: 1 });
    // The least disturbed round of each: noise only ever adds.
    const least = (of: keyof GateRound): number => Math.min(...rounds.map((round) => round[of]));
    added.push((least("gate") - least("bare")) / 1_000);
  }
  return spreadOf(added);
}

async function measureRecovery(options: SuiteOptions): Promise<readonly RecoverRun[]> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-webhooks-"));
  try {
    const runs: RecoverRun[] = [];
    for (let pass = 0; pass < (options.isQuick ? 1 : 3); pass++) {
      options.progress(`webhooks: 3,000 tenants receive again, pass ${pass + 1}`);
      runs.push(await runChild<RecoverRun>(command("recover-process.ts", join(folder, `${pass}.db`), 3_000)));
    }
    return runs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureStore(
  options: SuiteOptions,
): Promise<{ readonly held: HeldRun; readonly replays: readonly ReplayRun[] }> {
  const folder = mkdtempSync(join(tmpdir(), "dimmer-bench-webhooks-"));
  const receiver = await startChild(command("receiver-server.ts"));
  try {
    const store = join(folder, "webhooks.db");
    const events = options.isQuick ? 100_000 : 1_000_000;
    options.progress(`webhooks: holding ${events} events`);
    const held = await runChild<HeldRun>(command("hold-process.ts", store, events, 1_000));
    const replays: ReplayRun[] = [];
    for (let pass = 0; pass < (options.isQuick ? 1 : 3); pass++) {
      options.progress(`webhooks: a restart and a replay, pass ${pass + 1}`);
      const deliveries = options.isQuick ? 10_000 : 30_000;
      replays.push(
        await runChild<ReplayRun>(command("replay-process.ts", store, String(receiver.ready["url"]), deliveries)),
      );
    }
    return { held, replays };
  } finally {
    await receiver.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
