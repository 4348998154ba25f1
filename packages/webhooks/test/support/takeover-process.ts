import pg from "pg";
import { createGate, httpSender, postgresStore } from "../../src/index.ts";

/**
 * One of several processes on one PostgreSQL store: `node takeover-process.ts DATABASE URL NAME FIRST COUNT`. It holds
 * events `FIRST` onwards for two tenants with two endpoints each, prints each id that was promised, and lets both receive
 * once a line "allow" comes in. Its name stands in the URL that it sends to.
 */
const [database = "", url = "", name = "", first = "0", count = "0"] = process.argv.slice(2);
let isDenied = true;
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text: string) => {
  if (text.includes("allow")) isDenied = false;
});
const pool = new pg.Pool({ connectionString: database, max: 4 });
const gate = createGate({
  dimmer: { isReady: true, check: () => ({ allowed: !isDenied }) },
  store: postgresStore(pool),
  send: httpSender({
    signing: { secrets: "c2VjcmV0LXNlY3JldA==" },
    allowLoopback: true,
    urlOf: ({ tenant, endpoint }) => `${url}${name}/${tenant}/${endpoint}`,
  }),
  lookEveryMs: 50,
  leaseMs: 1_500,
  replayPerSecond: 100,
});
for (let n = Number(first); n < Number(first) + Number(count); n++) {
  for (const tenant of ["acme", "hinata"]) {
    for (const endpoint of ["a", "b"]) {
      const answer = await gate.deliver({ tenant, endpoint, id: `e${n}`, type: "t", body: { n } });
      process.stdout.write(`${tenant}/${endpoint} e${n} ${answer}\n`);
    }
  }
}
process.stdout.write("done\n");
