import { DimmerError } from "@dimmer/core";
import {
  AUTHORITY_OPTIONS,
  DEFAULTS,
  environmentName,
  type OptionName,
  SETTING_SCHEMAS,
  type Settings,
} from "./options.ts";

/** The configuration of an authority: checked settings. */
export interface AuthorityConfig extends Settings {
  /** By option: `--flag`, the environment variable, or `default`. */
  readonly origins: ReadonlyMap<OptionName, string>;
}

/** Where settings come from: flags outrank the environment. */
export interface ConfigSources {
  /** By option name, as strings or values; `undefined` counts as not given. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

interface Given {
  readonly value: unknown;
  readonly origin: string;
}

const NAMES = Object.keys(AUTHORITY_OPTIONS) as OptionName[];

/**
 * Reads the configuration of an authority from flags and environment, in this precedence, option by option. Opens
 * nothing: `startAuthority` does.
 *
 * @throws {DimmerError} `options_invalid` with one line for every option at fault: its name, value, origin and fix
 */
export function readAuthorityConfig({ flags = {}, env = {} }: ConfigSources): AuthorityConfig {
  const faults: string[] = faultsOfOldNames(env);
  const settings: Partial<Record<OptionName, unknown>> = {};
  const origins = new Map<OptionName, string>();
  for (const name of Object.keys(flags)) {
    if (flags[name] === undefined || Object.hasOwn(AUTHORITY_OPTIONS, name)) continue;
    faults.push(`${name} (from a flag): is not an option. Known: ${NAMES.join(", ")}.`);
  }
  for (const name of NAMES) {
    const { flag, isSecret, fix } = AUTHORITY_OPTIONS[name];
    if (isSecret === true && flags[name] !== undefined) {
      faults.push(`${flag}: a secret is not taken from a flag, which others on the machine may read. ${fix}.`);
      continue;
    }
    const { value, origin } = givenFor(name, flags, env);
    const outcome = SETTING_SCHEMAS[name].safeParse(value);
    if (outcome.success) {
      if (outcome.data === undefined) continue;
      settings[name] = outcome.data;
      origins.set(name, origin);
    } else {
      const isHidden = value === undefined || isSecret === true || name === "store";
      const shown = isHidden ? "" : ` ${JSON.stringify(value)}`;
      const from = value === undefined || origin === flag ? "" : ` (from ${origin})`;
      faults.push(`${flag}${shown}${from}: ${outcome.error.issues[0]?.message ?? "does not hold"}. ${fix}.`);
    }
  }
  if (faults.length > 0) throw new DimmerError("options_invalid", faults.join("\n"));
  return Object.freeze({ ...(settings as unknown as Settings), origins });
}

/** A passphrase that nobody reads would look like a wrong one. */
function faultsOfOldNames(env: Readonly<Record<string, string | undefined>>): string[] {
  if ((env["DIMMER_KEYS_PASSPHRASE"] ?? "") === "") return [];
  return ["DIMMER_KEYS_PASSPHRASE: is called DIMMER_PASSPHRASE now. Set that, and unset the old one."];
}

function givenFor(
  name: OptionName,
  flags: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
): Given {
  if (flags[name] !== undefined) return { value: flags[name], origin: AUTHORITY_OPTIONS[name].flag };
  const variable = environmentName(name);
  const fromEnvironment = env[variable];
  if (fromEnvironment !== undefined && fromEnvironment !== "") return { value: fromEnvironment, origin: variable };
  return { value: DEFAULTS[name], origin: "default" };
}
