import { resolve } from "node:path";
import type { Command } from "commander";
import { note } from "../answer.ts";
import { addCommand, answering } from "../command.ts";
import { durationMs } from "../duration-option.ts";
import { usageFailure } from "../failure.ts";
import { addPassphraseOption, DEFAULT_KEYS, openOrCreateKeys, type PassphraseOption, passphraseOf } from "../keys.ts";
import { readSoundPolicy } from "../policy-source.ts";
import { progressLine } from "../progress-line.ts";

interface Options extends PassphraseOption {
  readonly tenants: string;
  readonly out: string;
  readonly policy: string;
  readonly keys: string;
  readonly audience: string;
  readonly issuer: string;
  readonly freshFor: string;
  readonly now?: string;
  readonly raiseEpoch?: boolean;
  readonly allowInvalid?: boolean;
}

const TEN_YEARS_MS = 3_650 * 86_400_000;

/** `dimmer feed build`: signs tenants and policy into a feed directory. */
export function addFeedBuild(parent: Command): void {
  const command = addCommand(parent, {
    usage: "build",
    summary: "sign tenants and policy into a feed directory, and print the trust string",
    details:
      "The tenants file is YAML or NDJSON (one tenant a line, for many). A mistake in it refuses the whole build, naming " +
      "file, line and field, and the directory stays as it was. A build into a directory that holds a feed of the same " +
      "keys follows it: its version rises by one where anything changed. Byte for byte the same for the same input, " +
      "directory and --now.",
    examples: [
      ["feed build --tenants examples/tenants.yaml --out feed", "keys are made in .dimmer/keys where there are none"],
      [
        "feed build --tenants t.ndjson --out feed --policy policy.yaml --keys keys --audience production",
        "for production",
      ],
      ["feed build --tenants t.yaml --out feed --now 2026-12-09T09:00:00+09:00", "reproducible"],
    ],
  })
    .requiredOption("--tenants <file>", "tenants file")
    .requiredOption("--out <dir>", "feed directory to write")
    .option("--policy <file>", "policy: a file of JSON or YAML, or standard", "standard")
    .option("--keys <dir>", "key directory; keys are made where it has none", DEFAULT_KEYS)
    .option("--audience <name>", "audience that every statement names", "development")
    .option("--issuer <name>", "issuer that every statement names", "dimmer")
    .option("--fresh-for <duration>", "how long the head is fresh; replicas then call themselves stale", "30d")
    .option("--now <instant>", "instant that the feed is dated with and that `now` means in the tenants file")
    .option("--raise-epoch", "begin the next epoch: after a restore or in an emergency only")
    .option("--allow-invalid", "also sign what replicas refuse or quarantine, such as unknown modes: to try that out");
  addPassphraseOption(command).action(answering(build));
}

async function build(options: Options) {
  const freshForMs = await durationMs("--fresh-for", options.freshFor, { leastMs: 1_000, mostMs: TEN_YEARS_MS });
  const { buildFeedDirectory, parseInstantSeconds } = await import("@dimmer/feed/node");
  const { formatVersion, isAudience, isIssuer } = await import("@dimmer/statement");
  if (!isAudience(options.audience)) {
    throw usageFailure(`--audience ${JSON.stringify(options.audience)}: must be a name such as production-eu`);
  }
  if (!isIssuer(options.issuer)) {
    throw usageFailure(`--issuer ${JSON.stringify(options.issuer)}: must be a name or a URL, without spaces`);
  }
  const nowMs = options.now === undefined ? Date.now() : nowOf(options.now, parseInstantSeconds);
  // Before keys are made: what cannot be built leaves nothing behind.
  await readSoundPolicy(options.policy);
  const { keys, isNew } = await openOrCreateKeys(options.keys, options);
  if (isNew) note(`made keys in ${options.keys}`);
  const passphrase = passphraseOf(options);
  const progress = progressLine();
  const built = await buildFeedDirectory({
    tenantsFile: options.tenants,
    outDir: options.out,
    ...(options.policy === "standard" ? {} : { policyFile: options.policy }),
    keysDir: options.keys,
    ...(passphrase === undefined ? {} : { passphrase }),
    audience: options.audience,
    issuer: options.issuer,
    freshForMs,
    nowMs,
    raiseEpoch: options.raiseEpoch === true,
    allowInvalid: options.allowInvalid === true,
    onProgress: ({ phase, done, total }) =>
      progress.show(() => `${phase} ${done}${total === undefined ? "" : ` of ${total}`}`),
  }).finally(() => progress.end());
  // Those of the keys have been told when they were opened.
  for (const warning of built.warnings) if (!keys.warnings.includes(warning)) note(`dimmer: warning: ${warning}`);
  const { tenants, restricted, locked, gone } = built.counts;
  const version = formatVersion(built.version);
  const what = built.changed ? `version ${version}` : `version ${version} as before, signed anew`;
  note(
    `${options.out}: ${what}, ${tenants} tenants, ${restricted} restricted, ${locked} locked, audience ${options.audience}`,
  );
  return {
    text: keys.trust,
    json: {
      trust: keys.trust,
      version,
      isChanged: built.changed,
      tenants,
      restricted,
      locked,
      gone,
      out: resolve(options.out),
      files: built.files,
      audience: options.audience,
      freshUntil: new Date(Math.floor(nowMs / 1_000) * 1_000 + freshForMs).toISOString(),
      warnings: built.warnings,
    },
  };
}

function nowOf(text: string, parse: (value: unknown, nowMs: number) => number): number {
  try {
    return parse(/^\d+$/.test(text) ? Number(text) : text, Date.now()) * 1_000;
  } catch (cause) {
    throw usageFailure(`--now ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
