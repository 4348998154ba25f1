import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { DimmerError, type PolicyDocument } from "@dimmer/core";
import { openIssuingKeys, WatchHub } from "@dimmer/feed/node";
import type { Logger } from "pino";
import { createCounters } from "./api/counters.ts";
import { PolicyCache, type Service } from "./api/service.ts";
import { bootstrap } from "./bootstrap.ts";
import { PinnedPolicies } from "./cases/pinned-policies.ts";
import { CaseRunner } from "./cases/runner.ts";
import type { AuthorityConfig } from "./config/read.ts";
import { DevClock } from "./dev-clock/dev-clock.ts";
import { StripeDesk } from "./facts-in/stripe/stripe-desk.ts";
import { DirectoryPublisher } from "./feed/directory-publisher.ts";
import { FeedView } from "./feed/feed-view.ts";
import { FleetGate } from "./feed/fleet-gate.ts";
import { storeSource } from "./feed/store-source.ts";
import { AckBook } from "./fleet/ack-book.ts";
import { createAuthorityServer, drain, listen } from "./http-server.ts";
import { failAbandoned } from "./imports/import-tenants.ts";
import { bringKeysets } from "./keys/bring-keysets.ts";
import { SigningRing } from "./keys/signing-ring.ts";
import { ensureKeyset } from "./keyset.ts";
import { createLog } from "./log.ts";
import type { Courier } from "./notices/courier.ts";
import { courierOf, startSenders } from "./notices/start-senders.ts";
import { startRetention } from "./retention/start-retention.ts";
import { type BreakerLimits, STANDARD_LIMITS } from "./sequencer/breaker.ts";
import { Sequencer, type SequencerEvents } from "./sequencer/sequencer.ts";
import { openStore, type Store } from "./store/open-store.ts";

/** What a test, or a process that embeds the authority, may put in the place of the machine's own. */
export interface AuthorityPorts {
  /** Unix milliseconds. Default: the machine's clock. */
  readonly now?: () => number;
  /** Default: pino to standard error, at the configured level. */
  readonly log?: Logger;
  readonly limits?: BreakerLimits;
  /** The policy of a first start. Default: the standard one. */
  readonly policy?: PolicyDocument;
  readonly headEveryMs?: number;
  readonly listEveryMs?: number;
  /**
   * Keeps the secret of the first API key before the key exists: whoever is ended before it was shown, or whose store
   * does not take it, has lost nothing. What it throws ends the start, without a key.
   */
  readonly keepFirstSecret?: (secret: string) => void;
  /** `false`: this process announces and signs nothing that follows from facts; others on the store may. */
  readonly runsCases?: boolean;
}

/** An authority that runs. */
export interface Authority {
  readonly url: string;
  readonly store: Store;
  /** What time it is for it, in Unix milliseconds. */
  readonly now: () => number;
  /** What replicas pin: `SHA256:` + thumbprint of the first root key. */
  readonly trust: string;
  /** The secret of the first API key, where this start made it. Show it once. */
  readonly firstSecret?: string;
  /** Sends watchers elsewhere, finishes requests under way within `drainMs`, gives the lease back. Never rejects. */
  readonly close: () => Promise<void>;
}

const HEARTBEAT_MS = 5_000;
const LOOK_EVERY_MS = 250;
const SWEEP_MS = 10_000;
const GOAWAY_SPREAD_MS = 10_000;
const FRESH_FOR_MS = 60_000;

/**
 * Starts an authority: opens and migrates the store, makes of an empty one what can be used, signs as soon as nobody
 * else does, and listens.
 *
 * @throws {DimmerError} `disk_failed`, `keys_unreadable`, `input_invalid` or `listen_failed`, saying what to change
 */
export async function startAuthority(config: AuthorityConfig, ports: AuthorityPorts = {}): Promise<Authority> {
  const log = ports.log ?? createLog(config);
  const devClock = devClockOf(config, ports);
  const courier = courierOf(config);
  const now = devClock?.now ?? ports.now ?? Date.now;
  const passphrase = config.passphrase === undefined ? {} : { passphrase: config.passphrase };
  const keys = await openIssuingKeys(config.keys, passphrase);
  for (const warning of keys.warnings) log.warn({}, warning);
  const store = await openStore(config.store);
  try {
    const { issuer: iss, audience: aud } = config;
    const trust = await ensureKeyset(store, keys, { iss, aud, nowMs: now() });
    await failAbandoned(store, now());
    const ring = new SigningRing(keys, config.keys, passphrase);
    const brought = await bringKeysets(store, { keysets: keys.keysets, ring, nowMs: now() });
    if (brought.length > 0)
      log.warn({ keysets: brought }, "the key directory holds newer keysets: they come into force");
    await ring.take(store.db);
    const issuing = {
      signers: ring,
      iss,
      aud,
      freshForMs: FRESH_FOR_MS,
      keys: { ring, overlapMs: config.keyOverlapMs },
    };
    const running = await run({ config, ports, store, issuing, log, now, devClock, courier });
    log.info({ url: running.url, store: store.engine, issuer: iss, audience: aud, trust }, "listening");
    return { ...running, store, now, trust };
  } catch (error) {
    await store.close();
    throw error;
  }
}

interface Parts extends Pick<Service, "store" | "issuing" | "log" | "now"> {
  readonly config: AuthorityConfig;
  readonly ports: AuthorityPorts;
  readonly devClock: DevClock | undefined;
  readonly courier: Courier | undefined;
}

async function run({
  config,
  ports,
  store,
  issuing,
  log,
  now,
  devClock,
  courier,
}: Parts): Promise<Pick<Authority, "url" | "close" | "firstSecret">> {
  const hub = new WatchHub({ maxStreams: config.maxStreams });
  const view = new FeedView(store, hub);
  const publisher =
    config.publishDir === undefined
      ? undefined
      : new DirectoryPublisher({ source: storeSource(store), directory: config.publishDir, log });
  view.onChanged = () => publisher?.publish();
  const counters = createCounters();
  const gate = new FleetGate(store);
  const role: { role: string; why?: string } = { role: "follower" };
  const holder = `${hostname()}:${process.pid}:${randomUUID().slice(0, 8)}`;
  const events: SequencerEvents = {
    onPublication: (publication) => {
      counters.published++;
      view.onPublication(publication);
      store.signals.send("published");
    },
    onHead: (head, version) => {
      counters.heads++;
      view.onHead(head, version);
      store.signals.send("published");
    },
    onSettled: () => {
      view.onSettled();
      store.signals.send("published");
    },
    onRole: (is, why) => {
      role.role = is;
      if (why === undefined) delete role.why;
      else role.why = why;
      log[is === "refusing" ? "error" : "info"]({ why }, `sequencer: ${is}`);
    },
    onUnsignable: (tenants) => {
      counters.unsignable = tenants.size;
      for (const [tenant, why] of tenants) {
        log.error({ tenant, err: why }, "a tenant's rows make no entitlement: it stays as it was published");
      }
    },
    onError: (error) => {
      counters.signingErrors++;
      log.error({ err: error }, "a turn of the sequencer failed; it is taken again");
    },
  };
  const { limits = STANDARD_LIMITS, headEveryMs, listEveryMs } = ports;
  const sequencer = new Sequencer({
    store,
    issuing,
    holder,
    events,
    now,
    limits,
    ...(headEveryMs === undefined ? {} : { headEveryMs }),
    ...(listEveryMs === undefined ? {} : { listEveryMs }),
  });
  const wake = (): void => {
    sequencer.wake();
    store.signals.send("pending");
  };
  const casePolicies = new PinnedPolicies();
  const runner = new CaseRunner({
    store,
    policies: casePolicies,
    holder,
    now,
    newLocks: limits.newLocks,
    onPending: wake,
    onError: (error, caseId) => {
      counters.caseErrors++;
      log.error({ err: error, case: caseId }, "a case could not be run; it is tried again");
    },
    onOverdue: (task) => log.warn({ task }, "a task is overdue"),
  });
  let isStopping = false;
  const service: Service = {
    store,
    view,
    hub,
    acks: new AckBook(store, now),
    issuing,
    limits,
    counters,
    policies: new PolicyCache(),
    casePolicies,
    stripe: stripeDeskOf(config),
    ...(publisher === undefined ? {} : { publisher }),
    log,
    now,
    ...(devClock === undefined ? {} : { devClock }),
    isMailboxShown: config.devMailbox === true,
    allowsLoopback: config.devHooks === true,
    holder,
    wake,
    wakeCases: () => runner.wake(),
    role: () => role,
    isStopping: () => isStopping,
    isLocal: isLoopback(config.host),
  };
  const server = createAuthorityServer(service, gate, config);
  const url = await listen(server, config);
  const { policy, keepFirstSecret: keepSecret } = ports;
  // Only now: an address that cannot be had would leave a key that nobody was shown. Until then nobody is let in.
  const made = await bootstrap(store, { policy, keepSecret, nowMs: now() }).catch((error: unknown) => {
    server.close();
    throw error;
  });
  await view.look();
  // Whoever signs knows its keys; the others follow what it has written down.
  const takeKeys = (): void => {
    if (role.role !== "leader") void issuing.keys?.ring.take(store.db).catch(() => undefined);
  };
  store.signals.listen((signal) => {
    if (signal === "published") takeKeys();
    if (signal === "pending") sequencer.wake();
    else void view.look().then(() => view.onSettled());
  });
  sequencer.start();
  await untilPublished(service);
  if (ports.runsCases !== false) runner.start();
  const onFact = (): void => runner.wake();
  const { allowsLoopback } = service;
  const senders = startSenders({ store, now, log, holder, courier, allowsLoopback, onFact });
  const retention = startRetention({ store, now, days: config.retainDays, log });
  const timers = [
    setInterval(() => hub.beat(), HEARTBEAT_MS),
    setInterval(() => void gate.endRevoked().catch(() => undefined), SWEEP_MS),
    setInterval(takeKeys, SWEEP_MS),
    // One process asks for all: the others would hear the same.
    setInterval(() => {
      if (role.role === "leader" && service.stripe.canReconcile) service.stripe.reconcileSoon(service);
    }, config.stripeReconcileMs),
    // In the process that signs the view is told; in the others this is what is left when a signal is lost.
    ...(store.engine === "postgres" ? [setInterval(() => void view.look(), LOOK_EVERY_MS)] : []),
  ];
  const close = async (): Promise<void> => {
    isStopping = true;
    for (const timer of timers) clearInterval(timer);
    hub.sendAway(GOAWAY_SPREAD_MS);
    await drain(server, config.drainMs);
    await Promise.all([runner.stop(), senders.stop(), retention.stop()]);
    await service.stripe.close();
    await sequencer.stop();
    await publisher?.close();
    await service.acks.flush().catch(() => undefined);
    await store.close();
    log.info({}, "stopped");
  };
  let closing: Promise<void> | undefined;
  return { url, close: () => (closing ??= close()), ...made };
}

function stripeDeskOf(config: AuthorityConfig): StripeDesk {
  const { stripeWebhookSecrets, stripeApiKey, stripeApiUrl, stripeRefunds: refunds } = config;
  return new StripeDesk({
    webhookSecrets: stripeWebhookSecrets?.split(",") ?? [],
    refunds,
    ...(stripeApiKey === undefined ? {} : { apiKey: stripeApiKey }),
    ...(stripeApiUrl === undefined ? {} : { apiUrl: stripeApiUrl }),
  });
}

/** Whoever was told that it runs finds a feed. Not longer than 5 s: another process may be at it, or refuse to. */
async function untilPublished({ view, role }: Service): Promise<void> {
  const untilMs = performance.now() + FIRST_HEAD_MS;
  while (view.head === undefined && role().role !== "refusing" && performance.now() < untilMs) {
    await view.look();
    if (view.head === undefined) await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

const FIRST_HEAD_MS = 5_000;
const POLL_MS = 10;

/** A clock that anybody on the network could move, or that several processes would tell differently, is none. */
function devClockOf({ devClock, host, store }: AuthorityConfig, { now }: AuthorityPorts): DevClock | undefined {
  if (devClock === undefined) return undefined;
  if (!isLoopback(host) || !store.startsWith("sqlite:")) {
    const message = "--dev-clock: is for development, with --host 127.0.0.1 and --store sqlite:PATH; leave it out here";
    throw new DimmerError("options_invalid", message);
  }
  return new DevClock(devClock, now);
}

function isLoopback(host: string): boolean {
  return /^(?:127\.|::1$)/.test(host);
}
