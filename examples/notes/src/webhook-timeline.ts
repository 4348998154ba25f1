import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createKeyDirectory, publishFeed } from "@dimmer/feed/node";
import { connect } from "@dimmer/sdk";
import { createNotesApp } from "./app.ts";
import { createNotesStore } from "./notes-store.ts";
import { createPayments } from "./payments.ts";
import { createSessions } from "./sessions.ts";
import { openWebhooks } from "./webhooks.ts";

/**
 * The story of a customer's webhooks, in the terminal: a customer works, does not pay, is stepped down to reading and
 * exporting, pays, and is caught up. A real feed, a real product, a real receiver; it ends by itself.
 */
const startMs = performance.now();
const say = (who: "feed" | "product" | "receiver", text: string): void => {
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(2).padStart(6);
  console.log(`${seconds} s  ${who.padEnd(8)}  ${text}`);
};

const folder = await mkdtemp(join(tmpdir(), "dimmer-timeline-"));
let received = 0;
const receiver = createServer((req, res) => {
  let body = "";
  req.on("data", (part) => {
    body += String(part);
  });
  req.on("end", () => {
    received++;
    const mark = req.headers["dimmer-resync"];
    const { type, timestamp } = JSON.parse(body) as { readonly type: string; readonly timestamp: string };
    say(
      "receiver",
      `◀ ${type} of ${timestamp.slice(11, 23)}${mark === undefined ? "" : `   Dimmer-Resync: ${String(mark)}`}`,
    );
    res.writeHead(204).end();
  });
});
receiver.listen(0, "127.0.0.1");
await once(receiver, "listening");

const keys = await createKeyDirectory(join(folder, "keys"));
const feed = join(folder, "feed");
const sign = async (isPaid: boolean): Promise<void> => {
  const unpaid = { cause: "nonpayment", case: "case_1", steps: [{ at: 1_767_600_000, mode: "read_only" }] } as const;
  const acme = { tenant: "acme", plan: "pro", ...(isPaid ? {} : { restrictions: [unpaid] }) };
  await publishFeed({
    outDir: feed,
    audience: "development",
    nowMs: Date.now(),
    keys,
    entitlements: [acme],
    locks: [],
  });
};
await sign(true);
const dimmer = await connect({ feed, trust: keys.trust, pollMs: 100 });
const webhooks = openWebhooks(dimmer, {
  url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
  secret: "whsec_YSBzZWNyZXQgb2YgdGhlIHRpbWVsaW5l",
  data: folder,
  audience: "development",
});
const nowMs = (): number => Date.now();
const { app } = createNotesApp({
  dimmer,
  sessions: createSessions({ acceptsDevelopmentBearer: true }),
  notes: createNotesStore(nowMs),
  payments: createPayments({ nowMs }),
  webhooks,
});

const ask = async (method: string, path: string, body?: string): Promise<void> => {
  const headers = { authorization: "Bearer acme:admin" };
  const { status } = await app.request(path, { method, headers, ...(body === undefined ? {} : { body }) });
  say("product", `${method} ${path} → ${status}`);
};
/** Waits for what the others must do; ten seconds are a fault. */
const until = async (isDone: () => boolean): Promise<void> => {
  for (const endMs = performance.now() + 10_000; !isDone(); ) {
    if (performance.now() > endMs) throw new Error("it did not happen within ten seconds");
    await new Promise((done) => setTimeout(done, 20));
  }
};

await ask("POST", "/notes", '{"text":"first"}');
await until(() => received === 1);
await sign(false);
await until(() => !dimmer.check("acme", "webhook").allowed);
say("feed", "■ acme has not paid: read_only, no webhooks");
await ask("POST", "/notes", '{"text":"second"}');
await ask("GET", "/export.json");
await ask("PUT", "/contact", '{"email":"billing@example.com"}');
await new Promise((done) => setTimeout(done, 1_000));
say("receiver", `nothing came: ${received} in all`);
await sign(true);
await until(() => dimmer.check("acme", "webhook").allowed);
say("feed", "▶ acme has paid: full");
await until(() => received === 3);
await ask("POST", "/notes", '{"text":"third"}');
await until(() => received === 4);
await webhooks.close();
await dimmer.close();
receiver.close();
receiver.closeAllConnections();
await rm(folder, { recursive: true });
