import { DimmerError } from "@dimmer/core";
import { faultsOfAudience } from "./audience.ts";
import {
  DEFAULTS,
  environmentName,
  type OptionName,
  SETTING_CHECKS,
  type Settings,
  SIDECAR_OPTIONS,
} from "./options.ts";
import { readYamlFile } from "./yaml-file.ts";

/** The configuration of a sidecar: checked settings, and where each was set. */
export interface SidecarConfig extends Settings {
  /** By option: `--flag`, the environment variable, the file, or `default`. */
  readonly origins: ReadonlyMap<OptionName, string>;
  /** `DIMMER_…` variables that name no option; a log line tells of them. */
  readonly ignoredVariables: readonly string[];
}

/** Where settings come from: flags outrank the environment, which outranks the file. */
export interface ConfigSources {
  /** By option name (`tokenFile`), as strings, lists of strings or values; `undefined` counts as not given. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Path of a YAML file; `DIMMER_CONFIG` where it is left out. */
  readonly file?: string | undefined;
}

interface Given {
  readonly value: unknown;
  readonly origin: string;
}

const NAMES = Object.keys(SIDECAR_OPTIONS) as OptionName[];

/**
 * Reads the configuration of a sidecar from flags, environment and file, in this precedence, option by option. Reads
 * the YAML file and nothing else: the files that options name are opened by `startSidecar`.
 *
 * @throws {DimmerError} `options_invalid` with one line for every option at fault: its name, value, origin and fix
 */
export function readSidecarConfig(sources: ConfigSources): SidecarConfig {
  const env = sources.env ?? {};
  const file = sources.file ?? env["DIMMER_CONFIG"];
  const faults: string[] = faultsOfOldNames(env);
  const given = new Map<OptionName, Given>([
    ...Object.entries(DEFAULTS).map(([name, value]): [OptionName, Given] => [
      name as OptionName,
      { value, origin: "default" },
    ]),
    ...(file === undefined ? [] : fromFile(file, faults)),
    ...fromEnvironment(env),
    ...fromFlags(sources.flags ?? {}, faults),
  ]);
  const settings: Partial<Record<OptionName, unknown>> = {};
  for (const name of NAMES) {
    const { value, origin } = given.get(name) ?? { value: undefined, origin: "nothing" };
    const checked = SETTING_CHECKS[name](value);
    if ("value" in checked) {
      if (checked.value !== undefined) settings[name] = checked.value;
      continue;
    }
    for (const { at, message } of checked.faults) {
      const item = at === undefined ? value : (value as readonly unknown[])[at];
      faults.push(faultLine(name, item, origin, message));
    }
  }
  if (faults.length === 0) faults.push(...faultsBetween(settings as unknown as Settings, given));
  if (faults.length > 0) throw new DimmerError("options_invalid", faults.join("\n"));
  const known = new Set(["DIMMER_CONFIG", ...NAMES.map(environmentName)]);
  return Object.freeze({
    ...(settings as unknown as Settings),
    origins: new Map([...given].map(([name, { origin }]) => [name, origin])),
    ignoredVariables: Object.keys(env).filter((name) => name.startsWith("DIMMER_") && !known.has(name)),
  });
}

/** A passphrase that nobody reads would look like a wrong one. */
function faultsOfOldNames(env: Readonly<Record<string, string | undefined>>): string[] {
  if ((env["DIMMER_KEYS_PASSPHRASE"] ?? "") === "") return [];
  return ["DIMMER_KEYS_PASSPHRASE: is called DIMMER_PASSPHRASE now. Set that, and unset the old one."];
}

function fromFile(path: string, faults: string[]): [OptionName, Given][] {
  const content = readYamlFile(path, "--config").value;
  if (content === null) return [];
  if (typeof content !== "object" || Array.isArray(content)) {
    throw new DimmerError("options_invalid", `--config ${path}: must hold a map of options, such as "port: 7301".`);
  }
  return Object.entries(content).flatMap(([name, value]): [OptionName, Given][] => {
    if (isOptionName(name)) {
      return [
        [name, { value: SIDECAR_OPTIONS[name].isList && typeof value === "string" ? [value] : value, origin: path }],
      ];
    }
    faults.push(`${name} (from ${path}): is not an option. Known: ${NAMES.join(", ")}.`);
    return [];
  });
}

function fromEnvironment(env: Readonly<Record<string, string | undefined>>): [OptionName, Given][] {
  return NAMES.flatMap((name): [OptionName, Given][] => {
    const variable = environmentName(name);
    const value = env[variable];
    if (value === undefined || value === "") return [];
    return [
      [name, { value: SIDECAR_OPTIONS[name].isList ? value.split(",").map((v) => v.trim()) : value, origin: variable }],
    ];
  });
}

function fromFlags(flags: Readonly<Record<string, unknown>>, faults: string[]): [OptionName, Given][] {
  return Object.entries(flags).flatMap(([name, value]): [OptionName, Given][] => {
    if (value === undefined) return [];
    if (!isOptionName(name)) {
      faults.push(`${name} (from a flag): is not an option. Known: ${NAMES.join(", ")}.`);
      return [];
    }
    const { flag, isList, isSecret, fix } = SIDECAR_OPTIONS[name];
    if (isSecret) {
      faults.push(`${flag}: a secret is not taken from a flag, which others on the machine may read. ${fix}.`);
      return [];
    }
    return [[name, { value: isList && !Array.isArray(value) ? [value] : value, origin: flag }]];
  });
}

function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(SIDECAR_OPTIONS, name);
}

function faultLine(name: OptionName, value: unknown, origin: string, message: string): string {
  const { flag, isSecret, fix } = SIDECAR_OPTIONS[name];
  const shown = value === undefined || isSecret ? "" : ` ${JSON.stringify(value)}`;
  const from = value === undefined || origin === flag ? "" : ` (from ${origin})`;
  return `${flag}${shown}${from}: ${message}. ${fix}.`;
}

/** What no option is wrong about alone. */
function faultsBetween(settings: Settings, given: ReadonlyMap<OptionName, Given>): string[] {
  const faults: string[] = [];
  const fault = (name: OptionName, message: string): void => {
    faults.push(faultLine(name, settings[name], given.get(name)?.origin ?? "default", message));
  };
  for (const message of faultsOfAudience(settings.audience, settings.feed)) fault("audience", message);
  if (settings.tcp !== "off" && !isLoopbackAddress(settings.host) && settings.tokenFile === undefined) {
    fault("host", "is not loopback and needs --token-file, since everyone who reaches it could ask");
  }
  if (settings.tcp === "off" && settings.socket === undefined) {
    fault("tcp", "without --socket leaves no way to ask");
  }
  if (settings.webhooks !== undefined && settings.data === undefined) {
    fault("webhooks", "needs --data, since events wait there while a tenant may not receive them");
  }
  if (settings.keys !== undefined && settings.audience !== "development") {
    fault("keys", `signs for development only, and the audience is ${JSON.stringify(settings.audience)}`);
  }
  return faults;
}

/** Whether an IP address can be reached from its own machine only. Never throws. */
export function isLoopbackAddress(address: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(address) || address === "::1";
}
