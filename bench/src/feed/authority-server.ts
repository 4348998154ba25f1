import { readAuthorityConfig, startAuthority } from "@dimmer/authority";

/** An authority on SQLite, as the command starts it. `node authority-server.ts STORE KEYS` */
const [store = "", keys = ""] = process.argv.slice(2);
const flags = { store: `sqlite:${store}`, keys, port: 0, ratePerSecond: 100_000, logLevel: "error" };
const authority = await startAuthority(readAuthorityConfig({ flags, env: {} }));
const { url, trust, firstSecret } = authority;
process.stdout.write(`${JSON.stringify({ url, trust, firstSecret })}\n`);
process.on("SIGTERM", () => void authority.close());
