import { isIP } from "node:net";
import { isAudience } from "@dimmer/statement";

/** How one option of the sidecar is named, read and shown. */
export interface OptionDefinition {
  /** As in `--token-file FILE`; the argument is shown in help. */
  readonly flag: string;
  readonly argument: string;
  readonly describe: string;
  /** What to write instead of a value that does not hold. */
  readonly fix: string;
  /** Several values: a flag given again, a comma in the environment, a list in the file. */
  readonly isList?: boolean;
  /** Never printed; never taken from a flag, which every user of the machine may read. */
  readonly isSecret?: boolean;
  /** A flag that takes no argument; `true` or `false` elsewhere. */
  readonly isSwitch?: boolean;
}

/** What checking a value came to: the value to use, or each fault with its place in a list. */
export type Checked =
  | { readonly value: unknown }
  | { readonly faults: readonly { readonly at?: number; readonly message: string }[] };
type Check = (value: unknown) => Checked;

/** Sources and roots that may be given: each source is polled, and is a line in the status. */
const MAX_SEVERAL = 8;
const TRUST = /^SHA256:[A-Za-z0-9_-]{43}$/;

const fault = (message: string): Checked => ({ faults: [{ message }] });

function wholeNumber(least: number, most: number): Check {
  return (given) => {
    const value = typeof given === "string" && /^\d{1,9}$/.test(given) ? Number(given) : given;
    const isIt = Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
    return isIt ? { value } : fault(`must be a whole number from ${least} to ${most}`);
  };
}

function text(message: string, isIt: (value: string) => boolean = (value) => value !== ""): Check {
  return (value) => (typeof value === "string" && isIt(value) ? { value } : fault(message));
}

function oneOf(...values: readonly string[]): Check {
  const message = `must be ${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
  return text(message, (value) => values.includes(value));
}

function optional(check: Check): Check {
  return (value) => (value === undefined ? { value } : check(value));
}

function severalOf(check: Check): Check {
  return (value) => {
    if (!Array.isArray(value) || value.length === 0) return fault("is missing");
    if (value.length > MAX_SEVERAL) return fault(`may be given at most ${MAX_SEVERAL} times`);
    const faults = (value as readonly unknown[]).flatMap((item, at) => {
      const checked = check(item);
      return "faults" in checked ? checked.faults.map(({ message }) => ({ at, message })) : [];
    });
    return faults.length > 0 ? { faults } : { value };
  };
}

function trueOrFalse(given: unknown): Checked {
  const value = given === "true" || given === "false" ? given === "true" : given;
  return typeof value === "boolean" ? { value } : fault("must be true or false");
}

const path = optional(text("must be a path"));

/** The values of the options, checked. */
export interface Settings {
  readonly feed: readonly string[];
  readonly trust: readonly string[];
  readonly audience: string;
  readonly socket?: string;
  readonly tcp: "check-only" | "full" | "off";
  readonly host: string;
  readonly port: number;
  readonly tokenFile?: string;
  readonly feedTokenFile?: string;
  readonly data?: string;
  readonly routes?: string;
  readonly fallbackPolicy?: string;
  readonly keys?: string;
  readonly passphrase?: string;
  readonly hooksWithoutTenant: "refuse" | "pass";
  readonly pollMs: number;
  readonly maxStreams: number;
  readonly webhooks?: string;
  readonly webhooksAllowLoopback: boolean;
  readonly drainMs: number;
  readonly logLevel: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
}
/** The name of an option, as in a configuration file; `tokenFile` is `--token-file` and `DIMMER_TOKEN_FILE`. */
export type OptionName = keyof Settings;

/** What each option's value must be. By hand: the library of schemas would be a tenth of an idle sidecar's memory. */
export const SETTING_CHECKS: Readonly<Record<OptionName, Check>> = {
  feed: severalOf(text("must name a directory or a URL")),
  trust: severalOf(text("must be SHA256: and 43 characters of base64url", (value) => TRUST.test(value))),
  audience: text("must be a name that statements can bear", isAudience),
  socket: path,
  tcp: oneOf("check-only", "full", "off"),
  host: text("must be an IP address", (value) => isIP(value) !== 0),
  port: wholeNumber(0, 65_535),
  tokenFile: path,
  feedTokenFile: path,
  data: path,
  routes: path,
  fallbackPolicy: path,
  keys: path,
  passphrase: optional(text("must not be empty")),
  hooksWithoutTenant: oneOf("refuse", "pass"),
  pollMs: wholeNumber(50, 3_600_000),
  maxStreams: wholeNumber(0, 8_000),
  webhooks: path,
  webhooksAllowLoopback: trueOrFalse,
  drainMs: wholeNumber(0, 600_000),
  logLevel: oneOf("fatal", "error", "warn", "info", "debug", "trace", "silent"),
};

/** What holds for an option that nobody sets; those not listed are absent, `feed` and `trust` must be set. */
export const DEFAULTS: Partial<Settings> = {
  audience: "development",
  tcp: "check-only",
  host: "127.0.0.1",
  port: 7301,
  hooksWithoutTenant: "refuse",
  pollMs: 5_000,
  maxStreams: 1_000,
  webhooksAllowLoopback: false,
  drainMs: 5_000,
  logLevel: "info",
};

/** Every option of the sidecar, in the order of help and of `--print-config`. */
export const SIDECAR_OPTIONS: Readonly<Record<OptionName, OptionDefinition>> = {
  feed: {
    flag: "--feed",
    argument: "DIR|URL",
    describe: "feed to follow: a directory, http(s)://host or unix:/path.sock; again for a second source",
    fix: "Name a feed directory, an http(s):// URL or unix:/path.sock",
    isList: true,
  },
  trust: {
    flag: "--trust",
    argument: "SHA256:…",
    describe:
      "thumbprint of the root key to trust, as `dimmer keys init` and `dimmer feed build` print it; again for a second root",
    fix: "Copy the trust string that `dimmer feed build` prints",
    isList: true,
  },
  audience: {
    flag: "--audience",
    argument: "NAME",
    describe: 'audience that every statement must name; "development" is taken from a directory or loopback only',
    fix: "Give the audience that the feed was built for, such as production",
  },
  socket: {
    flag: "--socket",
    argument: "PATH",
    describe: "Unix socket (mode 0660) with every door; without it there is none",
    fix: "Give the path of a socket, such as /run/dimmer/sidecar.sock",
  },
  tcp: {
    flag: "--tcp",
    argument: "check-only|full|off",
    describe: "doors on TCP: checks, health and metrics only; all (feed and tokens with a bearer token); or none",
    fix: "Write check-only, full or off",
  },
  host: {
    flag: "--host",
    argument: "ADDRESS",
    describe: "address to listen on; any but loopback needs --token-file",
    fix: "Write 127.0.0.1, ::1 or another address of this machine",
  },
  port: {
    flag: "--port",
    argument: "N",
    describe: "TCP port; 0 takes a free one",
    fix: "Write a port such as 7301, or 0 for a free one",
  },
  tokenFile: {
    flag: "--token-file",
    argument: "FILE",
    describe: "file with the bearer token that clients on TCP must send",
    fix: "Name a file with one token of at least 16 characters",
  },
  feedTokenFile: {
    flag: "--feed-token-file",
    argument: "FILE",
    describe: "file with the bearer token to send to the feed",
    fix: "Name a file with one token",
  },
  data: {
    flag: "--data",
    argument: "DIR",
    describe: "directory that keeps two verified generations; without it a restart begins empty",
    fix: "Name a directory that this process may write",
  },
  routes: {
    flag: "--routes",
    argument: "FILE",
    describe: "YAML route table that classifies the `request` of a check",
    fix: "Name a YAML file with a list of {method?, path, capability}",
  },
  fallbackPolicy: {
    flag: "--fallback-policy",
    argument: "FILE",
    describe:
      "policy (YAML or JSON) whose fallbacks answer until one is held; without it the standard policy, which allows",
    fix: "Name a policy file that `dimmer policy lint` passes",
  },
  keys: {
    flag: "--keys",
    argument: "DIR",
    describe: "development only: key directory whose feed key signs entitlement tokens",
    fix: "Name a directory made by `dimmer keys init`",
  },
  passphrase: {
    flag: "--passphrase",
    argument: "TEXT",
    describe: "passphrase of the key directory; from the environment or the file only",
    fix: "Set DIMMER_PASSPHRASE",
    isSecret: true,
  },
  hooksWithoutTenant: {
    flag: "--hooks-without-tenant",
    argument: "refuse|pass",
    describe: "what the hooks of gateways say to a request without Dimmer-Tenant that is not of an open route",
    fix: "Write refuse (the answer is 400) or pass",
  },
  pollMs: {
    flag: "--poll-ms",
    argument: "N",
    describe:
      "milliseconds between two looks at a feed without a stream; at the default a change there takes up to 5 s",
    fix: "Write milliseconds, such as 500",
  },
  maxStreams: {
    flag: "--max-streams",
    argument: "N",
    describe: "streams of the feed that services of this host may have open; more are asked to come back later",
    fix: "Write a number such as 1000",
  },
  webhooks: {
    flag: "--webhooks",
    argument: "FILE",
    describe: "YAML file with the endpoints that webhooks go to, and their secrets; needs --data, where events wait",
    fix: "Name a YAML file such as endpoints: {orders: {url: https://…, secret: whsec_…}}",
  },
  webhooksAllowLoopback: {
    flag: "--webhooks-allow-loopback",
    argument: "",
    describe: "lets webhooks go to this machine, and over http:; for development",
    fix: "Give the flag alone, or write true or false",
    isSwitch: true,
  },
  drainMs: {
    flag: "--drain-ms",
    argument: "N",
    describe: "milliseconds that requests under way have to finish when the sidecar stops",
    fix: "Write milliseconds, such as 5000",
  },
  logLevel: {
    flag: "--log-level",
    argument: "LEVEL",
    describe: "least level that is logged",
    fix: "Write info, or debug to see more",
  },
};

/** The environment variable of an option. Never throws. */
export function environmentName(option: OptionName): string {
  return `DIMMER_${option.replaceAll(/[A-Z]/g, "_$&").toUpperCase()}`;
}
