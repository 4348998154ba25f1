import { isIP } from "node:net";
import { isAudience, isIssuer } from "@dimmer/statement";
import { z } from "zod";

/** How one option of the authority is named, read and shown. */
export interface OptionDefinition {
  /** As in `--store URL`; the argument is shown in help. */
  readonly flag: string;
  /** Empty for one that is simply set. */
  readonly argument: string;
  readonly describe: string;
  /** What to write instead of a value that does not hold. */
  readonly fix: string;
  /** Never printed; never taken from a flag, which every user of the machine may read. */
  readonly isSecret?: boolean;
}

/** The values of the options, checked. */
export interface Settings {
  readonly store: string;
  readonly keys: string;
  readonly passphrase?: string;
  readonly issuer: string;
  readonly audience: string;
  readonly host: string;
  readonly port: number;
  readonly ratePerSecond: number;
  readonly maxStreams: number;
  readonly drainMs: number;
  readonly publishDir?: string;
  readonly keyOverlapMs: number;
  /** Days that settled messages and told events are kept; 0 keeps them for ever. */
  readonly retainDays: number;
  /** Signing secrets of Stripe's webhook endpoint, separated by commas. */
  readonly stripeWebhookSecrets?: string;
  readonly stripeApiKey?: string;
  readonly stripeApiUrl?: string;
  readonly stripeReconcileMs: number;
  readonly stripeRefunds: "settled" | "owed";
  readonly smtpUrl?: string;
  readonly smtpPassword?: string;
  readonly mailFrom?: string;
  readonly mailReplyTo?: string;
  readonly devMailbox?: boolean;
  readonly devHooks?: boolean;
  readonly devClock?: string;
  readonly logLevel: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
}
/** The name of an option; `passphrase` is `DIMMER_PASSPHRASE`. */
export type OptionName = keyof Settings;

const wholeNumber = (least: number, most: number): z.ZodType<number> => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.preprocess(
    (value) => (typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value),
    z.number({ error }).int({ error }).min(least, { error }).max(most, { error }),
  );
};

const text = (error: string): z.ZodType<string> => z.string({ error }).min(1, { error });

const toggle: z.ZodType<boolean> = z.preprocess(
  (value) => (value === "true" || value === "1" ? true : value === "false" || value === "0" ? false : value),
  z.boolean({ error: "must be true or false" }),
);

const mailbox: z.ZodType<string> = z
  .string({ error: "must be a mail address" })
  .regex(/^[^\p{Cc}]{0,200}[^\s<>]@[A-Za-z0-9.-]+>?$/u, { error: "must be a mail address, its name before it" });

/** What each option's value must be. */
export const SETTING_SCHEMAS: { readonly [Name in OptionName]: z.ZodType<Settings[Name] | undefined> } = {
  store: z
    .string({ error: "is missing" })
    .regex(/^(?:sqlite:.|postgres(?:ql)?:\/\/.)/, { error: "must be sqlite:PATH or postgres://…" }),
  keys: text("is missing"),
  passphrase: text("must not be empty").optional(),
  issuer: z
    .string({ error: "must be a name" })
    .refine(isIssuer, { error: "must be 1 to 256 visible ASCII characters" }),
  audience: z
    .string({ error: "must be a name" })
    .refine(isAudience, { error: "must be a name that statements can bear" }),
  host: z
    .string({ error: "must be an IP address" })
    .refine((host) => isIP(host) !== 0, { error: "must be an IP address" }),
  port: wholeNumber(0, 65_535),
  ratePerSecond: wholeNumber(1, 1_000_000),
  maxStreams: wholeNumber(1, 1_000_000),
  drainMs: wholeNumber(0, 600_000),
  publishDir: text("must not be empty").optional(),
  keyOverlapMs: wholeNumber(0, 999_999_999),
  retainDays: wholeNumber(0, 36_500),
  smtpUrl: text("must not be empty").optional(),
  smtpPassword: text("must not be empty").optional(),
  mailFrom: mailbox.optional(),
  mailReplyTo: mailbox.optional(),
  devMailbox: toggle.optional(),
  devHooks: toggle.optional(),
  devClock: text("must not be empty").optional(),
  stripeWebhookSecrets: z
    .string({ error: "must be signing secrets" })
    .regex(/^whsec_[^\s,]+(?:,whsec_[^\s,]+)*$/, { error: "must be signing secrets, whsec_…, separated by commas" })
    .optional(),
  stripeApiKey: z
    .string({ error: "must be a key" })
    .regex(/^[a-zA-Z0-9_]{8,256}$/, { error: "must be a key of Stripe, rk_… or sk_…" })
    .optional(),
  stripeApiUrl: z.url({ protocol: /^https?$/, error: "must be an address, http:// or https://" }).optional(),
  stripeReconcileMs: wholeNumber(1_000, 999_999_999),
  stripeRefunds: z.enum(["settled", "owed"], { error: "must be settled or owed" }),
  logLevel: z.enum(["fatal", "error", "warn", "info", "debug", "trace", "silent"], {
    error: "must be fatal, error, warn, info, debug, trace or silent",
  }),
};

/** What holds for an option that nobody sets; `store` and `keys` must be set. */
export const DEFAULTS: Partial<Settings> = {
  issuer: "dimmer",
  audience: "development",
  host: "127.0.0.1",
  port: 7300,
  ratePerSecond: 100,
  maxStreams: 20_000,
  drainMs: 5_000,
  keyOverlapMs: 600_000,
  retainDays: 400,
  stripeReconcileMs: 900_000,
  stripeRefunds: "settled",
  logLevel: "info",
};

/** Every option of the authority, in the order of help. */
export const AUTHORITY_OPTIONS: Readonly<Record<OptionName, OptionDefinition>> = {
  store: {
    flag: "--store",
    argument: "URL",
    describe: "sqlite:PATH for a file of this process alone, or postgres://… to run several",
    fix: "Write sqlite:authority.db or postgres://user@host/database",
  },
  keys: {
    flag: "--keys",
    argument: "DIR",
    describe:
      "key directory with policy.jwk, locks.jwk, feed.jwk and a signed keyset (or root.jwk, for the first start only)",
    fix: "Name a directory made by `dimmer keys init`",
  },
  passphrase: {
    flag: "--passphrase",
    argument: "TEXT",
    describe: "passphrase of the key directory; from the environment only",
    fix: "Set DIMMER_PASSPHRASE",
    isSecret: true,
  },
  issuer: {
    flag: "--issuer",
    argument: "NAME",
    describe: "who issues the feed: in every statement, and never changed",
    fix: "Give a name, often a URL such as https://dimmer.example.com",
  },
  audience: {
    flag: "--audience",
    argument: "NAME",
    describe:
      'whom the feed is for: in every statement, and never changed; sidecars take "development" from loopback only',
    fix: "Give a name such as production",
  },
  host: {
    flag: "--host",
    argument: "ADDRESS",
    describe: "address to listen on; put TLS in front of any but loopback",
    fix: "Write 127.0.0.1, ::1 or another address of this machine",
  },
  port: {
    flag: "--port",
    argument: "N",
    describe: "TCP port; 0 takes a free one",
    fix: "Write a port such as 7300, or 0 for a free one",
  },
  ratePerSecond: {
    flag: "--rate-per-second",
    argument: "N",
    describe: "requests a second that one API key may make in the long run, five times as many at once",
    fix: "Write a number such as 100",
  },
  maxStreams: {
    flag: "--max-streams",
    argument: "N",
    describe: "watch streams at once; more are asked to come back later",
    fix: "Write a number such as 20000",
  },
  drainMs: {
    flag: "--drain-ms",
    argument: "N",
    describe: "milliseconds that requests under way have to finish when the authority stops",
    fix: "Write milliseconds, such as 5000",
  },
  keyOverlapMs: {
    flag: "--key-overlap-ms",
    argument: "N",
    describe: "milliseconds from the keyset that announces a key until that key signs",
    fix: "Write milliseconds, such as 600000 for ten minutes",
  },
  retainDays: {
    flag: "--retain-days",
    argument: "N",
    describe:
      "days that messages from outside and events are kept once they are settled; facts, ledger and notices always are",
    fix: "Write days, such as 400, or 0 to keep them for ever",
  },
  publishDir: {
    flag: "--publish-dir",
    argument: "DIR",
    describe: "also write what is published into this directory, byte for byte: for a private bucket, or to carry away",
    fix: "Name a directory of its own, empty or not there yet",
  },
  smtpUrl: {
    flag: "--smtp-url",
    argument: "URL",
    describe: "mail server for notices; without one they wait, and nothing that they announce happens",
    fix: "Write smtp://mail.example.com:587 or smtps://user@mail.example.com",
  },
  smtpPassword: {
    flag: "--smtp-password",
    argument: "TEXT",
    describe: "password of the user of the mail server; from the environment only",
    fix: "Set DIMMER_SMTP_PASSWORD",
    isSecret: true,
  },
  mailFrom: {
    flag: "--mail-from",
    argument: "ADDRESS",
    describe: "sender of notices, as the tenant sees it",
    fix: "Write 'ACME Cloud <billing@acme.example>'",
  },
  mailReplyTo: {
    flag: "--mail-reply-to",
    argument: "ADDRESS",
    describe: "where answers to notices go; the sender, where left out",
    fix: "Write 'ACME Cloud <help@acme.example>'",
  },
  devMailbox: {
    flag: "--dev-mailbox",
    argument: "",
    describe: "development only: send no mail, and show each at /dev/mailbox; loopback alone",
    fix: "Write true, or leave it out",
  },
  devHooks: {
    flag: "--dev-hooks",
    argument: "",
    describe: "development only: events may also go to http:// addresses of this machine",
    fix: "Write true, or leave it out",
  },
  devClock: {
    flag: "--dev-clock",
    argument: "FILE",
    describe: "development only: keep a clock in this file that can be moved ahead; loopback and SQLite alone",
    fix: "Name a file, or leave it out",
  },
  stripeWebhookSecrets: {
    flag: "--stripe-webhook-secrets",
    argument: "SECRETS",
    describe: "signing secrets of Stripe's webhook endpoint, separated by commas; from the environment only",
    fix: "Set DIMMER_STRIPE_WEBHOOK_SECRETS to whsec_…",
    isSecret: true,
  },
  stripeApiKey: {
    flag: "--stripe-api-key",
    argument: "KEY",
    describe: "restricted key that reads Stripe's invoices, customers and charges; from the environment only",
    fix: "Set DIMMER_STRIPE_API_KEY to rk_…",
    isSecret: true,
  },
  stripeApiUrl: {
    flag: "--stripe-api-url",
    argument: "URL",
    describe: "where Stripe's API is, if not at Stripe: a proxy, or a stand-in in tests",
    fix: "Write an address such as https://api.stripe.com",
  },
  stripeReconcileMs: {
    flag: "--stripe-reconcile-ms",
    argument: "N",
    describe:
      "milliseconds between two comparisons with Stripe's API; it is compared at once where an event is in doubt",
    fix: "Write milliseconds, such as 900000 for a quarter of an hour",
  },
  stripeRefunds: {
    flag: "--stripe-refunds",
    argument: "WHAT",
    describe: "what a refund says of its invoice: settled, it is not owed again; owed, it is until a credit note comes",
    fix: "Write settled, or owed where every refund that ends a debt comes with a credit note",
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
