import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";

/** The sidecar on a Unix socket and a free port, as the command starts it. `node dimmer-server.ts SOCKET FEED TRUST` */
const [socket = "", feed = "", trust = ""] = process.argv.slice(2);
const config = readSidecarConfig({ flags: { socket, feed: [feed], trust: [trust], port: 0 }, env: {} });
const sidecar = await startSidecar(config);
await sidecar.replica.ready();
process.stdout.write(`${JSON.stringify({ port: sidecar.tcp?.port })}\n`);
process.on("SIGTERM", () => void sidecar.close());
