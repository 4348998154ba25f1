import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Stage } from "../scenario.ts";
import { pass, until } from "../waiting.ts";
import type { SoakSidecar } from "./soak-world.ts";
import { SENDERS } from "./soak-writers.ts";

/** Webhooks through a sidecar, and a receiver that keeps what came. */
export interface SoakWebhooks {
  /** The file of endpoints for `--webhooks`. */
  readonly file: string;
  readonly counts: { accepted: number; arrived: number; again: number; replayed: number };
  /** Notes what the sidecar says of a tenant's webhooks, by which version, with the instant before it was asked. */
  answered(tenant: string, allowed: boolean, version: string, askedMs: number): void;
  /** Notes that the sidecar hung until now: what it had under way then arrives late. */
  hung(nowMs: number): void;
  /** Begins to send through a sidecar. */
  start(sidecar: SoakSidecar): void;
  /** Sends no more, and waits until everything that was accepted has arrived. */
  stop(): Promise<void>;
}

/** A delivery under way is cut a second after its tenant may no longer receive; the rest is for a busy machine. */
const LEAK_MS = 4_000;

/** A delivery that came long after its tenant was denied, and may yet be right: the denial may just have ended. */
export interface LateDelivery {
  readonly tenant: string;
  /** The versions of the last answer before it and of the first after it. */
  readonly least: string;
  readonly most: string;
}

interface WebhookOptions {
  /** Milliseconds that they have, at the end, until the last has arrived. */
  readonly arriveMs: number;
  /** Whether what just arrived is lost on purpose. */
  readonly isLosing?: () => boolean;
  /** Milliseconds after a denial that a delivery may still come. Default 4,000. */
  readonly leakMs?: number;
  /** Told of each that came later, to be judged by what was signed. */
  readonly onLate: (late: LateDelivery) => void;
}

interface Denied {
  readonly sinceMs: number;
  version: string;
  /** Instants at which deliveries came that are not judged yet. */
  readonly lateMs: number[];
}

/** Where a receiver listens, and the file that names it; nothing is sent yet. */
export async function startSoakWebhooks(
  stage: Stage,
  { isLosing = () => false, arriveMs, leakMs = LEAK_MS, onLate }: WebhookOptions,
): Promise<SoakWebhooks> {
  const counts = { accepted: 0, arrived: 0, again: 0, replayed: 0 };
  /** By tenant: what was accepted and has not arrived, and how far it has come. */
  const awaited = new Map(SENDERS.map((tenant) => [tenant, new Set<number>()]));
  const reached = new Map<string, number>();
  const denials = new Map<string, Denied>();
  let hungUntilMs = 0;
  let isStopped = false;
  const receive = (tenant: string, id: string, isReplay: boolean): void => {
    const place = Number(id.split("-").at(-1));
    const nowMs = performance.now();
    const denied = denials.get(tenant);
    if (denied !== undefined && nowMs - Math.max(denied.sinceMs, hungUntilMs) > leakMs) denied.lateMs.push(nowMs);
    const before = reached.get(tenant) ?? -1;
    if (place <= before) {
      counts.again += 1;
      return;
    }
    if (place > before + 1) stage.violate("webhooks", `${tenant}: after event ${before} came ${place}`);
    reached.set(tenant, place);
    awaited.get(tenant)?.delete(place);
    counts.arrived += 1;
    if (isReplay) counts.replayed += 1;
  };
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      const id = String(request.headers["webhook-id"]);
      if (!isLosing()) receive((request.url ?? "").slice(1), id, request.headers["dimmer-resync"] === "replay");
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  stage.atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const file = join(stage.folder, "webhooks.yaml");
  const endpoints = SENDERS.map(
    (tenant) =>
      `  hook-${tenant}: { url: "http://127.0.0.1:${port}/${tenant}", secret: whsec_c2VjcmV0LXNlY3JldA==, tenant: ${tenant} }`,
  );
  writeFileSync(file, `endpoints:\n${endpoints.join("\n")}\n`, { mode: 0o600 });

  const send = async (sidecar: SoakSidecar, tenant: string): Promise<void> => {
    for (let place = 0; !isStopped; ) {
      const body = { endpoint: `hook-${tenant}`, id: `evt-${tenant}-${place}`, type: "note.created", body: { place } };
      // Noted first: an event may arrive before its own answer does, and one without an answer is sent again.
      awaited.get(tenant)?.add(place);
      const answer = await sidecar.process?.ask(`/v1/webhooks/${tenant}`, { body }).catch(() => undefined);
      if (answer?.status === 202) {
        counts.accepted += 1;
        place += 1;
      } else if (answer !== undefined && answer.status < 500) {
        stage.violate("webhooks", `${body.id} was refused: ${answer.status} ${answer.text.slice(0, 200)}`);
      } else awaited.get(tenant)?.delete(place);
      await pass(stage.random.int(20, 120));
    }
  };
  let sending: Promise<void>[] = [];
  let through: SoakSidecar | undefined;
  const end = async (): Promise<void> => {
    isStopped = true;
    await Promise.all(sending);
  };
  stage.atEnd(end);
  return {
    file,
    counts,
    answered: (tenant, allowed, version, askedMs) => {
      const denied = denials.get(tenant);
      if (denied?.lateMs.every((ms) => ms < askedMs) === true) {
        for (const _ of denied.lateMs.splice(0)) onLate({ tenant, least: denied.version, most: version });
      }
      if (allowed) denials.delete(tenant);
      else if (denied === undefined) denials.set(tenant, { sinceMs: askedMs, version, lateMs: [] });
      else if (denied.lateMs.length === 0) denied.version = version;
    },
    hung: (nowMs) => {
      hungUntilMs = nowMs;
    },
    start: (sidecar) => {
      through = sidecar;
      sending = SENDERS.map((tenant) => send(sidecar, tenant));
    },
    stop: async () => {
      await end();
      const by = through?.process;
      const missing = (): number => [...awaited.values()].reduce((sum, { size }) => sum + size, 0);
      await until("every webhook to arrive", () => missing() === 0, { timeoutMs: arriveMs }).catch(async () => {
        const fares = await Promise.all(SENDERS.map(async (tenant) => (await by?.ask(`/v1/webhooks/${tenant}`))?.text));
        const what = `${missing()} of ${counts.accepted} webhooks that were accepted never arrived`;
        stage.violate("webhooks", `${what}: ${fares.join(" ")}`);
      });
    },
  };
}
