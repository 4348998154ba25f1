import { connect } from "@dimmer/sdk";
import { PgBoss } from "pg-boss";
import { QUEUE, startPgBossWorker } from "./pg-boss-worker.ts";
import type { Job, JobParts } from "./run-job.ts";
import { Worker } from "./worker.ts";

const {
  DIMMER_FEED = "unix:/run/dimmer/sidecar.sock",
  DIMMER_TRUST = "",
  CRM_URL = "http://127.0.0.1:9/",
  DATABASE_URL,
} = process.env;
const ROUND_MS = 1_000;

if (DIMMER_TRUST === "") {
  console.error('worker-jobs: DIMMER_TRUST is missing: run "npm start" in the root first');
  process.exit(2);
}

const dimmer = await connect({ feed: DIMMER_FEED, trust: DIMMER_TRUST });
const parts: JobParts = {
  dimmer,
  crmUrl: CRM_URL,
  makePage: async (tenant, page) => console.log(`page ${page} of a report for ${tenant}`),
};
const jobs: readonly Job[] = ["acme", "blue-harbor"].map((tenant) => ({
  id: `report-${tenant}`,
  tenant,
  kind: "report",
}));
const stop = DATABASE_URL === undefined ? workInMemory() : await workOn(DATABASE_URL);
process.once("SIGTERM", () => void stop().then(() => dimmer.close()));

/** Without a database the queue is an array, and gone with the process. */
function workInMemory(): () => Promise<void> {
  const worker = new Worker(parts);
  worker.queue.push(...jobs);
  const timer = setInterval(() => {
    void worker.round().then((finished) => finished.map(({ id, became }) => console.log(`${id}: ${became}`)));
  }, ROUND_MS);
  return async () => clearInterval(timer);
}

async function workOn(connectionString: string): Promise<() => Promise<void>> {
  const boss = new PgBoss({ connectionString });
  boss.on("error", (error) => console.error(error.message));
  await boss.start();
  const onJob = ({ id }: Job, became: string): void => console.log(`${id}: ${became}`);
  const stopWorking = await startPgBossWorker({ ...parts, boss, onJob });
  for (const job of jobs) await boss.send(QUEUE, job);
  return async () => {
    await stopWorking();
    await boss.stop();
  };
}
