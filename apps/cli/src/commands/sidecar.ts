import type { OptionDefinition, OptionName, SidecarConfig } from "@dimmer/sidecar";
import type { Command } from "commander";
import { addCommand, collect } from "../command.ts";
import { durationMs } from "../duration-option.ts";
import { addPassphraseOption, type PassphraseOption, passphraseOf } from "../keys.ts";
import { stopSignals } from "../stop-signals.ts";
import { trimHeap } from "../trim-heap.ts";

interface Options extends PassphraseOption {
  readonly json?: boolean;
  readonly config?: string;
  readonly printConfig?: boolean;
  readonly poll?: string;
  readonly [option: string]: unknown;
}

/**
 * `dimmer sidecar`: serves a feed to the services of its host. Its options are those that the sidecar itself defines;
 * they are loaded only where the command is named, as the whole server comes with them.
 */
export async function addSidecar(parent: Command, isNamed: boolean): Promise<void> {
  const command = addCommand(parent, {
    usage: "sidecar",
    summary: "serve a feed: checks, explanations and the feed itself, for the services of a host",
    details:
      "Every option may also stand in the environment (DIMMER_PORT) or in a YAML file (port: 7301); flags come first, " +
      "then the environment, then the file. Ends in order on SIGINT and SIGTERM, with exit code 0.",
    examples: [
      [
        "sidecar --feed feed --trust SHA256:… --socket /run/dimmer/sidecar.sock",
        "a directory, on a socket and on port 7301",
      ],
      [
        "sidecar --feed https://feed.example.com --trust SHA256:… --audience production --data /var/lib/dimmer",
        "over HTTP",
      ],
      [
        "sidecar --feed https://feed.example.com --trust SHA256:… --audience production --data /var/lib/dimmer --socket /run/dimmer/sidecar.sock --webhooks webhooks.yaml",
        "delivers webhooks, too",
      ],
      ["sidecar --config sidecar.yaml --print-config", "what is in force and where each value comes from"],
    ],
  });
  if (!isNamed) return;
  const { SIDECAR_OPTIONS } = await import("@dimmer/sidecar");
  for (const [name, definition] of Object.entries(SIDECAR_OPTIONS) as [OptionName, OptionDefinition][]) {
    const { flag, argument, describe, isList, isSecret, isSwitch } = definition;
    // A secret is no flag: other users of the machine could read it.
    if (isSecret === true) continue;
    const help = name === "feed" || name === "trust" ? `${describe} (required)` : describe;
    if (isSwitch === true) command.option(flag, help);
    else if (isList === true) command.option(`${flag} <${argument}>`, help, collect);
    else command.option(`${flag} <${argument}>`, help);
  }
  command
    .option("--poll <duration>", "the same as --poll-ms, as a duration: 500ms, 5s")
    .option("--config <file>", "YAML file with options by their names, as --print-config prints them")
    .option("--print-config", "print the configuration with secrets hidden, and end");
  addPassphraseOption(command).action(run);
}

async function run(options: Options): Promise<void> {
  const { printConfig, readSidecarConfig, startSidecar } = await import("@dimmer/sidecar");
  const { json, config: file, printConfig: isPrinted, poll, passphraseFile, ...given } = options;
  const pollMs = poll === undefined ? undefined : await durationMs("--poll", poll, { leastMs: 50, mostMs: 3_600_000 });
  const flags = pollMs === undefined ? given : { ...given, pollMs };
  const config = readSidecarConfig({ flags, env: environment(passphraseFile), file });
  if (isPrinted === true) {
    process.stdout.write(json === true ? `${JSON.stringify(shownAsJson(config))}\n` : printConfig(config));
    return;
  }
  const stop = stopSignals();
  trimHeap();
  const sidecar = await startSidecar(config);
  const { socketPath, tcp } = sidecar;
  const url =
    tcp === undefined ? undefined : `http://${tcp.host.includes(":") ? `[${tcp.host}]` : tcp.host}:${tcp.port}`;
  const socket = socketPath === undefined ? undefined : `unix:${socketPath}`;
  const where = [url, socket].filter((address) => address !== undefined);
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ url, socket, pid: process.pid })}\n`
      : `sidecar listens on ${where.join(" and ")}\n`,
  );
  await stop.stopped;
  await sidecar.close();
  stop.release();
}

/** The environment as the sidecar reads it: what is the command's own is left out or has the sidecar's name. */
function environment(passphraseFile: string | undefined): Record<string, string | undefined> {
  const { DIMMER_DEBUG: _debug, DIMMER_PASSPHRASE: _passphrase, ...more } = process.env;
  const { DIMMER_AUTHORITY: _authority, DIMMER_API_KEY: _key, ...env } = more;
  const passphrase = passphraseOf(passphraseFile === undefined ? {} : { passphraseFile });
  return { ...env, ...(passphrase === undefined ? {} : { DIMMER_PASSPHRASE: passphrase }) };
}

function shownAsJson({ origins, ignoredVariables, passphrase, ...settings }: SidecarConfig): object {
  const shown = passphrase === undefined ? settings : { ...settings, passphrase: "(hidden)" };
  return { ...shown, origins: Object.fromEntries(origins), ignoredVariables };
}
