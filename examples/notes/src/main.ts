import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { connect, type Dimmer } from "@dimmer/sdk";
import { createAdaptorServer } from "@hono/node-server";
import { createNotesApp } from "./app.ts";
import { type NotesConfig, readConfig, USAGE } from "./config.ts";
import { createNotesStore } from "./notes-store.ts";
import { createPayments } from "./payments.ts";
import { createSessions } from "./sessions.ts";
import { type NotesWebhooks, openWebhooks } from "./webhooks.ts";

const USAGE_ERROR = 2;
const ENVIRONMENT_ERROR = 3;
/** How long requests under way may take to end once the process is asked to stop. */
const GRACE_MS = 2_000;

/** Runs the product until it is asked to stop. */
async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2), process.env);
  if (config === "help") {
    process.stdout.write(USAGE);
    return;
  }
  const stopped = stopRequest(config);
  const dimmer = await connectDimmer(config);
  const webhooks = config.webhooks === undefined ? undefined : openWebhooks(dimmer, { ...config.webhooks, ...config });
  const server = productServer(config, dimmer, webhooks);
  try {
    await listen(server, config, dimmer);
    await stopped;
    server.close();
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), GRACE_MS).unref();
    await once(server, "close");
  } catch (error) {
    console.error(`notes: ${whyNotListening(error as NodeJS.ErrnoException, config)}`);
    process.exitCode = ENVIRONMENT_ERROR;
  } finally {
    await webhooks?.close();
    await dimmer.close();
  }
}

/** Resolves within two seconds whether the feed is there or not: the product starts without Dimmer too. */
function connectDimmer({ feed, trust, audience, pollMs, data }: NotesConfig): Promise<Dimmer> {
  return connect({ feed, trust, audience, pollMs, ...(data === undefined ? {} : { data }) });
}

function productServer({ audience, payUrl }: NotesConfig, dimmer: Dimmer, webhooks: NotesWebhooks | undefined): Server {
  const nowMs = (): number => Date.now();
  const { app } = createNotesApp({
    dimmer,
    sessions: createSessions({ acceptsDevelopmentBearer: audience === "development" }),
    notes: createNotesStore(nowMs),
    payments: createPayments({ nowMs, hookUrl: payUrl }),
    webhooks,
  });
  return createAdaptorServer({ fetch: app.fetch }) as Server;
}

async function listen(server: Server, { host, port }: NotesConfig, dimmer: Dimmer): Promise<void> {
  server.listen(port, host);
  await once(server, "listening");
  const { address, port: bound } = server.address() as AddressInfo;
  const state = dimmer.isReady ? "" : " (the feed is not there yet: answering from the fallback)";
  console.log(`notes: ready on http://${address.includes(":") ? `[${address}]` : address}:${bound}${state}`);
}

/** Resolves when somebody wants the process to end. */
function stopRequest({ stopsWithStdin }: NotesConfig): Promise<void> {
  return new Promise((resolve) => {
    const stop = (): void => {
      // A standard input that is still read would keep the process alive.
      if (stopsWithStdin) process.stdin.destroy();
      resolve();
    };
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
    if (stopsWithStdin) process.stdin.resume().once("end", stop).once("error", stop);
  });
}

function whyNotListening({ code, message }: NodeJS.ErrnoException, { host, port }: NotesConfig): string {
  return code === "EADDRINUSE" ? `port ${port} on ${host} is taken; choose another with --port` : message;
}

try {
  await main();
} catch (error) {
  // Flags and options that make no sense; everything else is handled where it happens.
  console.error(`notes: ${(error as Error).message}`);
  process.exitCode = USAGE_ERROR;
}
