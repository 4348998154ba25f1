import type { AddressInfo } from "node:net";
import { connect } from "@dimmer/sdk";
import { createApp } from "./app.ts";

const { DIMMER_FEED = "unix:/run/dimmer/sidecar.sock", DIMMER_TRUST = "", PORT = "3001" } = process.env;
if (DIMMER_TRUST === "") stop(2, 'DIMMER_TRUST is missing: run "npm start" in the root first');
if (!/^\d{1,5}$/.test(PORT) || Number(PORT) > 65_535) stop(2, `PORT is ${PORT}: write a number such as 3001`);
const dimmer = await connect({ feed: DIMMER_FEED, trust: DIMMER_TRUST });
const server = createApp(dimmer).listen(Number(PORT), "127.0.0.1");
server.once("listening", () => console.log(`ready on http://127.0.0.1:${(server.address() as AddressInfo).port}`));
server.once("error", ({ code, message }: NodeJS.ErrnoException) =>
  stop(
    3,
    code === "EADDRINUSE" ? `PORT ${PORT} is taken: PORT=${Number(PORT) + 10} npm start -w examples/express` : message,
  ),
);
process.once("SIGTERM", () => {
  server.close();
  void dimmer.close();
});

function stop(exitCode: number, why: string): never {
  console.error(`express: ${why}`);
  process.exit(exitCode);
}
