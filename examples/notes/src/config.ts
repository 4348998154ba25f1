import { parseArgs } from "node:util";

/** How the product runs. */
export interface NotesConfig {
  readonly host: string;
  readonly port: number;
  /** Addresses of the feed, the first that answers being used. */
  readonly feed: readonly string[];
  readonly trust: string;
  readonly audience: string;
  readonly data: string | undefined;
  readonly pollMs: number;
  readonly payUrl: string | undefined;
  /** Where the webhooks of every tenant go, and the secret that signs them; without them none are sent. */
  readonly webhooks: { readonly url: string; readonly secret: string } | undefined;
  readonly stopsWithStdin: boolean;
}

/** What `--help` prints. */
export const USAGE = `notes: a notes product that dims

  --feed ADDRESS      where the feed is: unix:/path.sock, http://host:port or a directory; may be repeated (DIMMER_FEED)
  --trust SHA256:…    the root key to trust (DIMMER_TRUST)
  --audience NAME     the audience of the feed, "development" unless said (DIMMER_AUDIENCE)
  --data DIR          keeps verified generations across restarts (DIMMER_DATA)
  --poll-ms N         milliseconds between polls of the feed, 500 unless said (DIMMER_POLL_MS)
  --host HOST         127.0.0.1 unless said (HOST)
  --port N            7302 unless said, 0 for any (PORT)
  --stop-with-stdin   ends when its standard input does, for whoever starts it as a child
  --pay-url URL       development: where POST /pay confirms a payment (DIMMER_DEV_PAY_URL)
  --webhook-url URL   where webhooks go: held while a tenant may not receive them, resynced after
  --webhook-secret S  what signs them, whsec_… (NOTES_WEBHOOK_SECRET); kept in memory unless --data is given

With the audience "development", "Authorization: Bearer acme:member" counts as signed in.
`;

/**
 * Reads flags, then the environment, then defaults.
 *
 * @returns what was read, or `"help"`
 * @throws {TypeError} naming the flag, its value and the fix
 */
export function readConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): NotesConfig | "help" {
  const { values } = parseArgs({
    args: [...args],
    options: {
      feed: { type: "string", multiple: true },
      trust: { type: "string" },
      audience: { type: "string" },
      data: { type: "string" },
      "poll-ms": { type: "string" },
      host: { type: "string" },
      port: { type: "string" },
      "pay-url": { type: "string" },
      "webhook-url": { type: "string" },
      "webhook-secret": { type: "string" },
      "stop-with-stdin": { type: "boolean" },
      help: { type: "boolean", short: "h" },
    },
  });
  if (values.help === true) return "help";
  const feed = values.feed ?? (env["DIMMER_FEED"] === undefined ? [] : [env["DIMMER_FEED"]]);
  if (feed.length === 0)
    throw new TypeError("--feed is missing: where the feed is, as in unix:/run/dimmer/sidecar.sock");
  const trust = values.trust ?? env["DIMMER_TRUST"];
  if (trust === undefined) throw new TypeError("--trust is missing: the root key, as dimmer keys init prints it");
  return {
    feed,
    trust,
    audience: values.audience ?? env["DIMMER_AUDIENCE"] ?? "development",
    data: values.data ?? env["DIMMER_DATA"],
    pollMs: wholeNumber("--poll-ms", values["poll-ms"] ?? env["DIMMER_POLL_MS"] ?? "500", 50, 3_600_000),
    host: values.host ?? env["HOST"] ?? "127.0.0.1",
    port: wholeNumber("--port", values.port ?? env["PORT"] ?? "7302", 0, 65_535),
    payUrl: values["pay-url"] ?? env["DIMMER_DEV_PAY_URL"],
    webhooks: webhooksOf(values["webhook-url"], values["webhook-secret"] ?? env["NOTES_WEBHOOK_SECRET"]),
    stopsWithStdin: values["stop-with-stdin"] === true,
  };
}

function webhooksOf(url: string | undefined, secret: string | undefined): NotesConfig["webhooks"] {
  if (url === undefined) return undefined;
  if (secret === undefined) throw new TypeError("--webhook-secret is missing: webhooks to --webhook-url are signed");
  return { url, secret };
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) {
    throw new TypeError(`${flag} is ${JSON.stringify(text)}: give a whole number from ${least} to ${most}`);
  }
  return value;
}
