import { readAuthorityConfig } from "./config/read.ts";
import { startAuthority } from "./start-authority.ts";

/** Runs an authority by the environment alone, as in a container: options are `DIMMER_…` variables. */
const authority = await startAuthority(readAuthorityConfig({ env: process.env }));
process.stdout.write(`authority listens on ${authority.url}\ntrust ${authority.trust}\n`);
if (authority.firstSecret !== undefined) process.stdout.write(`first API key, shown once: ${authority.firstSecret}\n`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void authority.close());
