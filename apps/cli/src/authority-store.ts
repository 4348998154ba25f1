import type { BegunEpoch, IssuingSigners } from "@dimmer/authority";
import type { FeedSource } from "@dimmer/feed/follow";
import type { WireLock } from "@dimmer/statement";
import { type Command, InvalidArgumentError } from "commander";
import { note } from "./answer.ts";
import { collect } from "./command.ts";
import { usageFailure } from "./failure.ts";
import { feedSource, requireTrust } from "./feed-choice.ts";
import { readTextFile } from "./input-file.ts";
import { addPassphraseOption, type PassphraseOption, passphraseOf } from "./keys.ts";

/** Options of the commands that begin a new epoch on a store. */
export interface EpochOptions extends PassphraseOption {
  readonly store?: string;
  readonly keys?: string;
  readonly locksFrom?: readonly string[];
  readonly locksTokenFile?: string;
  readonly trust?: string;
  readonly acceptLostLocks?: boolean;
  readonly epoch?: number;
  readonly reason?: string;
  readonly dryRun?: boolean;
}

/** Adds the options of `EpochOptions`. */
export function addEpochOptions(command: Command): Command {
  return addPassphraseOption(
    command
      .option("--store <url>", "sqlite:PATH or postgres://… (or DIMMER_STORE)")
      .option("--keys <dir>", "key directory with policy.jwk, locks.jwk and feed.jwk (or DIMMER_KEYS)")
      .option(
        "--locks-from <feed>",
        "where the last published lock list is: DIR, http(s)://… or unix:/…; again for more",
        collect,
      )
      .option(
        "--locks-token-file <file>",
        "file with the bearer token of those feeds, as an authority asks for (a fleet credential)",
      )
      .option("--trust <root>", "root key of those feeds, SHA256:…; that of the store unless given")
      .option("--accept-lost-locks", "start from the locks of the store alone; prints what that lifts")
      .option("--epoch <n>", "the new epoch, where it must be above one that nobody here knows of", epochOf)
      .option("--reason <text>", "why, for the ledger")
      .option("--dry-run", "do everything, print it, and take it back"),
  );
}

function epochOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("must be a whole number from 1");
  return Number(text);
}

/** What both commands hand to the authority. */
export interface EpochMeans {
  readonly store: string;
  readonly signers: IssuingSigners;
  readonly locksFrom: readonly FeedSource[];
  readonly trust: string | undefined;
  readonly isAcceptingLostLocks: boolean;
  readonly isDryRun: boolean;
  readonly epoch: number | undefined;
  readonly reason: string | undefined;
  readonly nowMs: number;
}

/** Opens what the options name, does the work, and lets go. @throws {CommandFailure} {DimmerError} */
export async function withEpochMeans<T>(options: EpochOptions, work: (means: EpochMeans) => Promise<T>): Promise<T> {
  const store = storeOf(options.store);
  const directory = options.keys ?? process.env["DIMMER_KEYS"];
  if (directory === undefined) throw usageFailure("--keys: is missing; name the key directory of the authority");
  if (options.trust !== undefined) requireTrust([options.trust]);
  const { openIssuingKeys } = await import("@dimmer/feed/node");
  const passphrase = passphraseOf(options);
  const { SigningRing } = await import("@dimmer/authority");
  const keyOptions = passphrase === undefined ? {} : { passphrase };
  const keys = await openIssuingKeys(directory, keyOptions);
  for (const warning of keys.warnings) note(`dimmer: warning: ${warning}`);
  const token = options.locksTokenFile === undefined ? undefined : tokenOf(options.locksTokenFile);
  const locksFrom: FeedSource[] = [];
  try {
    for (const feed of options.locksFrom ?? []) locksFrom.push(await sourceOf(feed, token));
    return await work({
      store,
      signers: new SigningRing(keys, directory, keyOptions),
      locksFrom,
      trust: options.trust,
      isAcceptingLostLocks: options.acceptLostLocks === true,
      isDryRun: options.dryRun === true,
      epoch: options.epoch,
      reason: options.reason,
      nowMs: Date.now(),
    });
  } finally {
    for (const source of locksFrom) await source.close?.();
  }
}

/** The store that is named by `--store` or the environment. @throws {CommandFailure} */
export function storeOf(given: string | undefined): string {
  const store = given ?? process.env["DIMMER_STORE"];
  if (store === undefined || store === "") throw usageFailure("--store: is missing; write sqlite:PATH or postgres://…");
  return store;
}

/** Reads a file that holds one secret. @throws {CommandFailure} */
export function tokenOf(file: string, option = "--locks-token-file"): string {
  const token = readTextFile(file, option).trim();
  if (!/^[\x21-\x7e]{1,1024}$/.test(token))
    throw usageFailure(`${option} ${file}: must hold one token and nothing else`);
  return token;
}

async function sourceOf(feed: string, token: string | undefined): Promise<FeedSource> {
  if (token === undefined || !/^https?:/.test(feed)) return await feedSource(feed);
  const { httpSource } = await import("@dimmer/feed/node");
  return httpSource(feed, { token });
}

/** What a new epoch began with, as JSON. Never throws. */
export function epochJson(begun: BegunEpoch, isDryRun: boolean): Record<string, unknown> {
  const { from, to, published, lost, back, isLifting } = begun;
  return {
    isDryRun,
    from: `${from.epoch}.${from.seq}`,
    to: `${to.epoch}.${to.seq}`,
    published: published === undefined ? null : `${published.epoch}.${published.seq}`,
    locks: { takenOver: isLifting ? [] : lost, lifted: isLifting ? lost : [], lockedAgain: back },
  };
}

/** What a new epoch began with, for people. Never throws. */
export function epochLines(begun: BegunEpoch, isDryRun: boolean): readonly string[] {
  const { from, to, published, lost, back, isLifting } = begun;
  const raised = isDryRun ? "would be raised" : "is raised";
  const taken = isDryRun ? "would be taken over" : "are taken over";
  const lifted = isDryRun ? "would be LIFTED" : "are LIFTED";
  return [
    ...(published === undefined ? ["published last: not looked at; locks put since cannot be listed"] : []),
    ...list(
      lost,
      isLifting ? `published locks that the store lacks, which ${lifted}` : `published locks that ${taken}`,
    ),
    ...list(back, "locks that were lifted since, and lock again"),
    `the epoch ${raised}: from ${from.epoch}.${from.seq} to ${to.epoch}.${to.seq}`,
  ];
}

function list(locks: readonly WireLock[], what: string): readonly string[] {
  if (locks.length === 0) return [];
  return [
    `${locks.length} ${what}:`,
    ...locks.map(({ tenant, cause, case: name }) => `  ${tenant}  ${cause}  ${name}`),
  ];
}
