import { createGate, httpSender, sqliteStore } from "../../src/index.ts";

/**
 * A product that is killed again and again: `node killed-process.ts STORE URL FIRST COUNT`. It delivers events `FIRST`
 * onwards, durably, to three endpoints; prints each id that was promised; and says on its standard input whether its
 * tenant may receive ("deny", "allow").
 */
const [path = "", url = "", first = "0", count = "0"] = process.argv.slice(2);
let isDenied = false;
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text: string) => {
  isDenied = text.trimEnd().endsWith("deny");
});
const gate = createGate({
  dimmer: { isReady: true, check: () => ({ allowed: !isDenied }) },
  store: sqliteStore(path),
  send: httpSender({
    signing: { secrets: "c2VjcmV0" },
    allowLoopback: true,
    urlOf: ({ endpoint }) => `${url}${endpoint}`,
  }),
  lookEveryMs: 20,
  replayPerSecond: 2_000,
  retryScheduleMs: Array.from({ length: 1_000 }, () => 20),
});
for (let n = Number(first); n < Number(first) + Number(count); n++) {
  const endpoint = `e${n % 3}`;
  await gate.deliver({ tenant: "acme", endpoint, id: `n${n}`, type: "t", body: { n } }, { durable: true });
  process.stdout.write(`${endpoint} n${n}\n`);
}
setInterval(() => undefined, 60_000);
