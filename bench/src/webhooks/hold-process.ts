import { createGate, sqliteStore } from "@dimmer/webhooks";

/**
 * Holds events for tenants that may not receive, in batches, and prints how long it took:
 * `node hold-process.ts STORE EVENTS BATCH`. The store stays for the replay.
 */
export interface HeldRun {
  readonly events: number;
  readonly seconds: number;
  readonly rssMb: number;
}

const TENANTS = 10;
const ENDPOINTS_EACH = 10;
const BODY = JSON.stringify({ text: "x".repeat(180) });

const [path = "", events = "0", batch = "1000"] = process.argv.slice(2);
const store = sqliteStore(path);
const gate = createGate({
  dimmer: { isReady: true, check: () => ({ allowed: false }) },
  store,
  send: () => Promise.reject(new Error("nothing is sent")),
});
const startMs = performance.now();
for (let at = 0; at < Number(events); at += Number(batch)) {
  const size = Math.min(Number(batch), Number(events) - at);
  await Promise.all(
    Array.from({ length: size }, (_, n) => {
      const place = at + n;
      const tenant = `tenant-${place % TENANTS}`;
      const endpoint = `endpoint-${Math.floor(place / TENANTS) % ENDPOINTS_EACH}`;
      return gate.deliver({ tenant, endpoint, id: `event-${place}`, type: "note.created", body: BODY });
    }),
  );
}
const seconds = (performance.now() - startMs) / 1_000;
const held: HeldRun = { events: Number(events), seconds, rssMb: process.memoryUsage.rss() / 1_048_576 };
await gate.close();
await store.close();
process.stdout.write(`${JSON.stringify(held)}\n`);
