import { type Answer, ask } from "../ask.ts";
import type { Stage } from "../scenario.ts";
import { pass } from "../waiting.ts";
import type { SoakMode } from "./modes.ts";
import type { SoakWrite } from "./oracle.ts";
import type { SoakWorld } from "./soak-world.ts";

/** Tenants that are put from mode to mode, those that are locked and let go, and those that pay. */
export const MOVED: readonly string[] = Array.from({ length: 12 }, (_, i) => `t${i}`);
export const LOCKABLE: readonly string[] = ["t100", "t101"];
const PAYERS: readonly string[] = Array.from({ length: 4 }, (_, i) => `t${200 + i}`);

/** Of moved tenants, those whose webhooks are sent. */
export const SENDERS: readonly string[] = MOVED.slice(0, 3);

/** What writers did so far. */
export interface SoakWriters {
  readonly counts: { writes: number; narrowed: number; locks: number; payments: number; retried: number };
  /** By invoice: its tenant, and what is open of it by the payments that were acknowledged. */
  readonly open: ReadonlyMap<string, { readonly tenant: string; readonly amount: number }>;
  /** Resolves when every write under way is answered, every moved tenant is full again, and no lock is left. */
  stop(): Promise<void>;
}

interface WriterOptions {
  readonly world: SoakWorld;
  /** How often a tenant may be narrowed: the breaker of the authority holds more back. */
  readonly narrowEveryMs: number;
  readonly lockEveryMs: number;
  readonly onWrite: (write: SoakWrite) => void;
  readonly onRefused: (what: string) => void;
}

/** Steps lie well in the past, so that no clock of a sidecar that was moved is before them. */
const SINCE_S = Math.floor(Date.now() / 1_000) - 100 * 86_400;
const AMOUNT = 30_000;
/** Far enough ahead that nothing follows from it. */
const DUE = { date: new Date(Date.now() + 60 * 86_400_000).toISOString().slice(0, 10), zone: "Asia/Tokyo" };

/** Puts tenants from mode to mode, locks them, and records invoices and their payments, each write until it is answered. */
export function startSoakWriters(stage: Stage, options: WriterOptions): SoakWriters {
  const { world, onWrite, onRefused } = options;
  const { random } = stage;
  const counts = { writes: 0, narrowed: 0, locks: 0, payments: 0, retried: 0 };
  const modes = new Map<string, SoakMode>(MOVED.map((tenant) => [tenant, "full"]));
  const cases = new Map<string, string>();
  const open = new Map<string, { tenant: string; amount: number }>();
  let isStopped = false;
  let isAborted = false;
  let made = 0;

  /** Sends a write under one idempotency key until somebody answers it; `undefined` where it was refused. */
  const write = async (
    send: (idempotencyKey: string) => Promise<Answer>,
    what: string,
  ): Promise<Answer | undefined> => {
    const key = `soak-${++made}`;
    for (let tries = 0; !isAborted; tries++) {
      if (tries > 0) counts.retried += 1;
      const answer = await send(key).catch(() => undefined);
      if (answer !== undefined && answer.status < 300) {
        counts.writes += 1;
        return answer;
      }
      if (answer !== undefined && answer.status < 500) {
        onRefused(`${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
        return undefined;
      }
      await pass(25);
    }
    return undefined;
  };

  const put = async (tenant: string, mode: SoakMode): Promise<void> => {
    const before = cases.get(tenant);
    const name = before ?? `case_${tenant}_${++made}`;
    const path = `/v1/tenants/${tenant}/restrictions/${name}`;
    const steps = [{ at: SINCE_S, mode }];
    const how = { as: "collections", timeoutMs: 8_000 } as const;
    const answer = await write(
      (idempotencyKey) =>
        mode === "full"
          ? world.authority.write("DELETE", path, undefined, { ...how, idempotencyKey })
          : world.authority.write("PUT", path, { cause: "manual", steps }, { ...how, idempotencyKey }),
      `${tenant} to ${mode}`,
    );
    if (answer === undefined) return;
    const { version, changeSet } = answer.json<{ version: string | null; changeSet?: string | null }>();
    if (changeSet != null) onRefused(`${tenant} to ${mode}: held back by the breaker`);
    if (mode === "full") cases.delete(tenant);
    else cases.set(tenant, name);
    modes.set(tenant, mode);
    onWrite({ tenant, mode, version: version ?? undefined });
  };

  /** Narrows at its pace; what was narrowed is widened again before long. */
  const move = async (): Promise<void> => {
    while (!isStopped) {
      const tenant = random.pick(MOVED);
      if (modes.get(tenant) === "full") {
        counts.narrowed += 1;
        await put(tenant, random.next() < 0.5 ? "limited" : "read_only");
        await pass(options.narrowEveryMs * (0.5 + random.next()));
      } else await put(tenant, "full");
      await pass(random.int(0, 100));
    }
  };

  const turn = async (tenant: string, incident: string, isLock: boolean): Promise<void> => {
    const path = `/v1/tenants/${tenant}/locks/${incident}`;
    const how = { as: "security", timeoutMs: 8_000 } as const;
    await write(
      (idempotencyKey) =>
        isLock
          ? world.authority.write("PUT", path, { cause: "security" }, { ...how, idempotencyKey })
          : world.authority.write("DELETE", path, undefined, { ...how, idempotencyKey }),
      `${isLock ? "locking" : "unlocking"} ${tenant}`,
    );
  };

  const lock = async (): Promise<void> => {
    for (let n = 0; !isStopped; n++) {
      const tenant = LOCKABLE[n % LOCKABLE.length] ?? "";
      counts.locks += 1;
      await turn(tenant, `INC-${n}-soak`, true);
      for (let left = options.lockEveryMs; left > 0 && !isStopped; left -= 100) await pass(100);
      await turn(tenant, `INC-${n}-soak`, false);
    }
  };

  const pay = async (tenant: string): Promise<void> => {
    const key = world.financeKey;
    const post = (method: string, below: string, body: object, idempotencyKey: string): Promise<Answer> =>
      ask({ port: world.authority.port }, `/v1/tenants/${tenant}${below}`, {
        method,
        body,
        timeoutMs: 8_000,
        headers: { authorization: `Bearer ${key}`, "dimmer-reason": "soak", "idempotency-key": idempotencyKey },
      });
    for (let n = 0; !isStopped; n++) {
      const invoice = `inv_${tenant}_${n}`;
      const issued = await write(
        (idempotencyKey) =>
          post("PUT", `/invoices/${invoice}`, { amount: AMOUNT, currency: "JPY", due: DUE }, idempotencyKey),
        invoice,
      );
      if (issued === undefined) continue;
      open.set(invoice, { tenant, amount: AMOUNT });
      for (let part = 0; part < 2 && !isStopped; part++) {
        const amount = AMOUNT / 3;
        const body = { payment: `pay_${tenant}_${n}_${part}`, amount, currency: "JPY", invoice };
        const paid = await write((idempotencyKey) => post("POST", "/payments", body, idempotencyKey), body.payment);
        if (paid === undefined) continue;
        counts.payments += 1;
        open.set(invoice, { tenant, amount: (open.get(invoice)?.amount ?? 0) - amount });
      }
      await pass(random.int(300, 1_500));
    }
  };

  const running = [move(), lock(), ...PAYERS.map(pay)];
  stage.atEnd(async () => {
    isStopped = true;
    isAborted = true;
    await Promise.allSettled(running);
  });
  return {
    counts,
    open,
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
      for (const tenant of MOVED) if (modes.get(tenant) !== "full") await put(tenant, "full");
    },
  };
}
