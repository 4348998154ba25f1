import { readSidecarConfig, startSidecar } from "@dimmer/sidecar";

/** The sidecar on one Unix socket, as the command starts it. `node dimmer-server.ts SOCKET FEED TRUST` */
const [socket = "", feed = "", trust = ""] = process.argv.slice(2);
const config = readSidecarConfig({ flags: { socket, feed: [feed], trust: [trust], tcp: "off" }, env: {} });
const sidecar = await startSidecar(config);
await sidecar.replica.ready();
process.stdout.write('{"ready":true}\n');
process.on("SIGTERM", () => void sidecar.close());
