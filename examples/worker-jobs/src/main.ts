import { connect } from "@dimmer/sdk";
import { Worker } from "./worker.ts";

const {
  DIMMER_FEED = "unix:/run/dimmer/sidecar.sock",
  DIMMER_TRUST = "",
  CRM_URL = "http://127.0.0.1:9/",
} = process.env;
const ROUND_MS = 1_000;

const dimmer = await connect({ feed: DIMMER_FEED, trust: DIMMER_TRUST });
const worker = new Worker({
  dimmer,
  crmUrl: CRM_URL,
  makePage: async (tenant, page) => console.log(`page ${page} of a report for ${tenant}`),
});
for (const tenant of ["acme", "northwind"]) worker.queue.push({ id: `report-${tenant}`, tenant, kind: "report" });
const timer = setInterval(() => {
  void worker.round().then((finished) => finished.map(({ id, became }) => console.log(`${id}: ${became}`)));
}, ROUND_MS);
process.once("SIGTERM", () => {
  clearInterval(timer);
  void dimmer.close();
});
