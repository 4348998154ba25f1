import { connect } from "@dimmer/sdk";
import { createApp } from "./app.ts";

const { DIMMER_FEED = "unix:/run/dimmer/sidecar.sock", DIMMER_TRUST = "", PORT = "3000" } = process.env;
const dimmer = await connect({ feed: DIMMER_FEED, trust: DIMMER_TRUST });
const app = await createApp(dimmer);
console.log(`ready on ${await app.listen({ port: Number(PORT), host: "127.0.0.1" })}`);
process.once("SIGTERM", () => {
  void app.close();
  void dimmer.close();
});
