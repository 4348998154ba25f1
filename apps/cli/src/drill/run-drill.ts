import { randomUUID } from "node:crypto";
import { askSidecar } from "../ask-sidecar.ts";
import type { AuthorityClient } from "../authority/authority-client.ts";
import { authorityNowMs } from "../authority/authority-now.ts";
import { toFailure } from "../failure.ts";
import { createTenant, pathOf } from "../tenants/tenant-writes.ts";

/** What a drill is given. */
export interface DrillOptions {
  readonly client: AuthorityClient;
  /** Every one of them has to see each phase. */
  readonly sidecars: readonly string[];
  /** The id of a tenant that is not there. */
  readonly tenant: string;
  /** How long each phase may take. */
  readonly withinMs: number;
  readonly reason: string;
  readonly onSeen?: (line: string) => void;
}

/** What one door answered. */
export interface DoorSeen {
  readonly sidecar: string;
  /** From the request to the authority until the door answered so; `null`: it did not, in time. */
  readonly tookMs: number | null;
  /** What it answered last. */
  readonly saw: string;
}

/** One change, and when it was seen. */
export interface DrillPhase {
  readonly name: string;
  /** The mode that each door has to answer, or `locked`. */
  readonly expects: string;
  readonly doors: readonly DoorSeen[];
}

/** A drill, as it is kept. */
export interface DrillReport {
  readonly tenant: string;
  /** ISO 8601, by the clock of this machine. */
  readonly at: string;
  readonly authority: string;
  readonly phases: readonly DrillPhase[];
  readonly isPassed: boolean;
}

const MODES = ["grace", "limited", "read_only"] as const;
const POLL_MS = 5;
/** Steps of the past: each is in force as soon as it is there. */
const BEGAN_MS = 60_000;

/**
 * Steps a tenant down and back, by way of the authority, and looks at each door until it answers so. Whatever was not
 * seen, the way back is gone to its end, and the tenant is removed.
 *
 * @throws {CommandFailure} where the authority refuses, or the tenant is there already
 */
export async function runDrill(options: DrillOptions): Promise<DrillReport> {
  const { client, tenant, reason } = options;
  const at = new Date().toISOString();
  const phases: DrillPhase[] = [];
  const phase = async (name: string, expects: string, change: () => Promise<unknown>): Promise<void> => {
    const startedMs = performance.now();
    await change();
    const doors = await Promise.all(
      options.sidecars.map((sidecar) => seen(sidecar, { ...options, expects, startedMs })),
    );
    phases.push({ name, expects, doors });
    options.onSeen?.(lineOf({ name, expects, doors }));
  };
  await phase("made", "full", async () =>
    createTenant(client, { id: tenant, name: "Drill", plan: await planOf(client), reason }),
  );
  // A case that was closed is never opened again: each drill has its own.
  const id = `drill_${randomUUID()}`;
  const path = pathOf(tenant, "restrictions", id);
  const lock = pathOf(tenant, "locks", `${id}_lock`);
  try {
    const nowMs = await authorityNowMs(client);
    for (const [index, mode] of MODES.entries()) {
      const steps = MODES.slice(0, index + 1).map((step, i) => ({
        at: instant(nowMs - BEGAN_MS + i * 1_000),
        mode: step,
      }));
      const body = { cause: "manual", steps };
      await phase(`step ${mode}`, mode, () => client.write("PUT", path, { reason, body }));
    }
    await phase("lock", "locked", () => client.write("PUT", lock, { reason, body: { cause: "security", allow: [] } }));
    await phase("unlock", "read_only", () => client.write("DELETE", lock, { reason }));
    await phase("restore", "full", () => client.write("DELETE", path, { reason }));
  } finally {
    // Also where something went wrong in between: nobody of this name stays, restricted or locked.
    const told = phases.map(({ name, doors }) => `${name} ${slowestOf(doors) ?? "not seen"}`).join(", ");
    await removeAll(client, { tenant, path, lock, reason: `${reason}: ${told}`.slice(0, 500) });
  }
  const isPassed = phases.every(({ doors }) => doors.every(({ tookMs }) => tookMs !== null));
  return { tenant, at, authority: client.url, phases, isPassed };
}

async function planOf(client: AuthorityClient): Promise<string> {
  const { activePolicy } = await import("../authority/facts.ts");
  const { plans } = (await activePolicy(client)).document as { plans: Readonly<Record<string, unknown>> };
  return Object.keys(plans)[0] ?? "";
}

async function removeAll(
  client: AuthorityClient,
  { tenant, path, lock, reason }: { tenant: string; path: string; lock: string; reason: string },
): Promise<void> {
  for (const own of [lock, path]) {
    // Where it was lifted already there is nothing of it left.
    await client.write("DELETE", own, { reason }).catch((cause: unknown) => {
      if (toFailure(cause).exitCode === 3) throw cause;
    });
  }
  await client.write("DELETE", pathOf(tenant), { reason });
}

async function seen(
  sidecar: string,
  { tenant, expects, startedMs, withinMs }: DrillOptions & { readonly expects: string; readonly startedMs: number },
): Promise<DoorSeen> {
  for (;;) {
    const saw = await modeAt(sidecar, tenant);
    const tookMs = Math.round(performance.now() - startedMs);
    if (saw === expects) return { sidecar, tookMs, saw };
    if (tookMs > withinMs) return { sidecar, tookMs: null, saw };
    await new Promise((done) => setTimeout(done, POLL_MS));
  }
}

/** What a door says of the tenant: its mode, `locked`, or why nothing is to be learned from it. */
async function modeAt(sidecar: string, tenant: string): Promise<string> {
  try {
    const { status, body } = await askSidecar(sidecar, "/v1/check", { tenant, capability: "view", principal: "admin" });
    if (status !== 200) return `status ${status}`;
    if (body["reason"] === "locked") return "locked";
    return body["reason"] === "unknown_tenant" || body["reason"] === "no_data"
      ? String(body["reason"])
      : String(body["mode"]);
  } catch (cause) {
    return toFailure(cause).message;
  }
}

function lineOf({ name, doors }: DrillPhase): string {
  const slowest = slowestOf(doors);
  return `${name}: ${slowest === undefined ? "not seen" : `seen by ${doors.length} after ${slowest}`}`;
}

function slowestOf(doors: readonly DoorSeen[]): string | undefined {
  const took = doors.map(({ tookMs }) => tookMs);
  return took.includes(null) ? undefined : `${Math.max(...(took as number[]))} ms`;
}

function instant(ms: number): string {
  return new Date(Math.floor(ms / 1_000) * 1_000).toISOString();
}
