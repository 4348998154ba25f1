import { connect } from "@dimmer/sdk";
import { createApp } from "./app.ts";

const { DIMMER_FEED = "unix:/run/dimmer/sidecar.sock", DIMMER_TRUST = "", PORT = "3000" } = process.env;
const dimmer = await connect({ feed: DIMMER_FEED, trust: DIMMER_TRUST });
const server = createApp(dimmer).listen(Number(PORT), "127.0.0.1", () => {
  console.log(`ready on ${JSON.stringify(server.address())}`);
});
process.once("SIGTERM", () => {
  server.close();
  void dimmer.close();
});
