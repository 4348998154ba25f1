import { createInterface } from "node:readline";
import { createGate, httpSender, sqliteStore } from "../../src/index.ts";
import { seededRandom } from "./seeded-random.ts";

/**
 * A product that is killed again and again: `node killed-process.ts STORE URL FIRST COUNT SEED DENIED`. It delivers
 * events `FIRST` onwards for two tenants to three endpoints each, some durably and some not, several in one tick; prints
 * each that was promised; and hears on its standard input whether acme may receive ("deny", "allow"), which it confirms.
 */
const [path = "", url = "", first = "0", count = "0", seed = "0", denied = ""] = process.argv.slice(2);
const random = seededRandom(Number(seed));
let isDenied = denied === "denied";
createInterface({ input: process.stdin }).on("line", (line) => {
  isDenied = line === "deny";
  process.stdout.write(`${line} heard\n`);
});
const gate = createGate({
  dimmer: { isReady: true, check: (tenant) => ({ allowed: !(isDenied && tenant === "acme") }) },
  store: sqliteStore(path),
  send: httpSender({
    signing: { secrets: "c2VjcmV0" },
    allowLoopback: true,
    urlOf: ({ tenant, endpoint }) => `${url}/${tenant}/${endpoint}`,
  }),
  lookEveryMs: 20,
  replayPerSecond: 2_000,
  retryScheduleMs: Array.from({ length: 1_000 }, () => 20),
});

async function deliver(n: number): Promise<void> {
  const tenant = n % 2 === 0 ? "acme" : "hinata";
  const endpoint = `e${Math.floor(n / 2) % 3}`;
  await gate.deliver({ tenant, endpoint, id: `n${n}`, type: "t", body: { n } }, { durable: random() < 0.5 });
  process.stdout.write(`promised ${tenant} ${endpoint} ${n}\n`);
}

for (let n = Number(first); n < Number(first) + Number(count); ) {
  const together = Math.min(1 + Math.floor(random() * 8), Number(first) + Number(count) - n);
  await Promise.all(Array.from({ length: together }, (_, at) => deliver(n + at)));
  n += together;
}
setInterval(() => undefined, 60_000);
