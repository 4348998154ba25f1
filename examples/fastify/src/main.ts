import { connect } from "@dimmer/sdk";
import { createApp } from "./app.ts";

const { DIMMER_FEED = "unix:/run/dimmer/sidecar.sock", DIMMER_TRUST = "", PORT = "3002" } = process.env;
if (DIMMER_TRUST === "") stop(2, 'DIMMER_TRUST is missing: run "npm start" in the root first');
if (!/^\d{1,5}$/.test(PORT) || Number(PORT) > 65_535) stop(2, `PORT is ${PORT}: write a number such as 3002`);
const dimmer = await connect({ feed: DIMMER_FEED, trust: DIMMER_TRUST });
const app = await createApp(dimmer);
try {
  console.log(`ready on ${await app.listen({ port: Number(PORT), host: "127.0.0.1" })}`);
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException;
  stop(
    3,
    code === "EADDRINUSE" ? `PORT ${PORT} is taken: PORT=${Number(PORT) + 10} npm start -w examples/fastify` : message,
  );
}
process.once("SIGTERM", () => {
  void app.close();
  void dimmer.close();
});

function stop(exitCode: number, why: string): never {
  console.error(`fastify: ${why}`);
  process.exit(exitCode);
}
