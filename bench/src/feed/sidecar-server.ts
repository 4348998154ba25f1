import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";

/** A sidecar that follows an authority, as the command starts it. `node sidecar-server.ts URL TRUST TOKEN_FILE SOCKET` */
const [feed = "", trust = "", feedTokenFile = "", socket = ""] = process.argv.slice(2);
const flags = { feed: [feed], trust: [trust], feedTokenFile, socket, tcp: "off" };
const sidecar = await startSidecar(readSidecarConfig({ flags, env: {} }));
await sidecar.replica.ready();
process.stdout.write('{"ready":true}\n');
process.on("SIGTERM", () => void sidecar.close());
