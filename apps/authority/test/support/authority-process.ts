import { readAuthorityConfig } from "../../src/config/read.ts";
import { startAuthority } from "../../src/start-authority.ts";

/** An authority as a process of its own, for tests that kill it: flags as JSON in, `{ url, firstSecret }` out. */
const flags = JSON.parse(process.argv[2] ?? "{}") as Record<string, unknown>;
const authority = await startAuthority(readAuthorityConfig({ flags }));
process.stdout.write(
  `${JSON.stringify({ url: authority.url, firstSecret: authority.firstSecret, pid: process.pid })}\n`,
);
process.once("SIGTERM", () => void authority.close());
