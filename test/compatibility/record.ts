// Records a feed of this version, as a directory and as the bytes of a watch stream, with the answers that it gives:
// node --conditions=@dimmer/source test/compatibility/record.ts test/compatibility/feed-1
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readAuthorityConfig, startAuthority } from "@dimmer/authority";
import { standardPolicy } from "@dimmer/core/standard-policy";
import { fileOfPart, followFeed, HEAD_FILE, KEYSETS_DIRECTORY, type PartKind, pathOfPart } from "@dimmer/feed/follow";
import { createKeyDirectory, httpSource } from "@dimmer/feed/node";
import { type HeadPayload, type IndexPayload, inspectStatement } from "@dimmer/statement";
import { pino } from "pino";
import { answersOf, clockAt, NOW_MS, REPLAYED, type Recording } from "./recording.ts";

const OUT = process.argv[2] ?? "";
if (OUT === "") throw new Error("usage: record.ts DIRECTORY");

const HOUR_S = 3_600;
const DAY_S = 24 * HOUR_S;
const nowS = NOW_MS / 1_000;
const folder = await mkdtemp(join(tmpdir(), "dimmer-record-"));
const log = pino({ level: "silent" });
let clockMs = NOW_MS;

async function start(listEveryMs: number): ReturnType<typeof startAuthority> {
  const config = readAuthorityConfig({
    flags: {
      store: `sqlite:${join(folder, "authority.db")}`,
      keys: join(folder, "keys"),
      port: 0,
      drainMs: 100,
      // A clock that can be moved: steps for nonpayment may lie in the past.
      devClock: join(folder, "clock"),
    },
    env: {},
  });
  return await startAuthority(config, { now: () => clockMs, log, listEveryMs, headEveryMs: 3_600_000 });
}

const keysOf = new Map<string, string>();
let url = "";

/** Asks the API with a key of the roles; every change a second later than the one before. */
async function ask(method: string, path: string, { role = "admin", body }: { role?: string; body?: unknown } = {}) {
  clockMs += 1_000;
  const answer = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${keysOf.get(role)}`,
      "dimmer-reason": "recorded",
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? {} : ((await answer.json()) as Record<string, unknown>);
}

const restrict = (tenant: string, kase: string, cause: string, steps: [number, string][], more: object = {}) =>
  ask("PUT", `/v1/tenants/${tenant}/restrictions/${kase}`, {
    role: cause === "breach" ? "legal" : "collections",
    body: { cause, steps: steps.map(([at, mode]) => ({ at: nowS + at, mode })), ...more },
  });
const lock = (tenant: string, kase: string, cause: string, allow: string[] = []) =>
  ask("PUT", `/v1/tenants/${tenant}/locks/${kase}`, { role: "security", body: { cause, allow } });
const tenant = (id: string, plan: string, features?: object) =>
  ask("PUT", `/v1/tenants/${id}`, { body: { name: id, plan, ...(features && { features }) } });

async function fill(): Promise<void> {
  for (let i = 1; i <= 6; i++) await tenant(`plain-${i}`, ["starter", "pro", "enterprise"][i % 3] as string);
  await tenant("overrides", "pro", { seats: 40, sso: false, theme: "dark", api_rps: null });
  for (const id of ["due", "limited", "reading", "hospital", "owing", "paying"]) await tenant(id, "pro");
  for (const id of ["breaching", "leaving", "held", "several", "locked", "locked-open", "removed"])
    await tenant(id, "starter");
  await restrict("due", "case_due", "nonpayment", [
    [-HOUR_S, "grace"],
    [6 * HOUR_S, "limited"],
  ]);
  await restrict("limited", "case_limited", "nonpayment", [
    [-9 * DAY_S, "grace"],
    [-DAY_S, "limited"],
    [9 * DAY_S, "read_only"],
  ]);
  await restrict("reading", "case_reading", "nonpayment", [[-DAY_S, "read_only"]]);
  const exception = { floor: "essential", from: nowS - DAY_S, until: nowS + 6 * HOUR_S };
  await restrict("hospital", "case_hospital", "nonpayment", [[-DAY_S, "read_only"]], { exception });
  await restrict("paying", "case_paying", "nonpayment", [[-DAY_S, "limited"]]);
  await restrict("breaching", "case_breach", "breach", [[-DAY_S, "limited"]], {});
  await restrict("leaving", "case_leaving", "offboarding", [[-DAY_S, "export_only"]]);
  await restrict("held", "case_manual", "manual", [[-DAY_S, "read_only"]]);
  await restrict("several", "case_several_1", "nonpayment", [[-DAY_S, "limited"]]);
  await restrict("several", "case_several_2", "manual", [[-DAY_S, "grace"]]);
  await lock("locked", "INC-1", "security");
  await lock("locked-open", "INC-2", "security", ["support.critical", "contact"]);
  await ask("DELETE", "/v1/tenants/removed");
}

async function change(): Promise<void> {
  await tenant("new", "enterprise");
  await ask("DELETE", "/v1/tenants/paying/restrictions/case_paying", { role: "collections" });
  await restrict("owing", "case_owing", "nonpayment", [
    [-60, "limited"],
    [6 * HOUR_S, "read_only"],
  ]);
  await lock("plain-1", "INC-3", "security", ["support.critical"]);
  await ask("DELETE", "/v1/tenants/locked/locks/INC-1", { role: "security" });
  await ask("DELETE", "/v1/tenants/plain-2");
  const document = { ...structuredClone(standardPolicy), version: "2" };
  const { id } = await ask("POST", "/v1/policies", { body: { document } });
  await ask("POST", `/v1/policies/${String(id)}/activate`, { body: {} });
  await tenant("plain-3", "pro", { seats: 7 });
}

async function write(name: string, bytes: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(OUT, name)), { recursive: true });
  await writeFile(join(OUT, name), bytes);
}

const payloadOf = <P>(token: Uint8Array | string): P =>
  inspectStatement(typeof token === "string" ? token : new TextDecoder().decode(token)).payload as unknown as P;

await rm(OUT, { recursive: true, force: true });
await createKeyDirectory(join(folder, "keys"));
const first = await start(0);
url = first.url;
keysOf.set("admin", first.firstSecret ?? "");
for (const role of ["collections", "legal", "security"]) {
  keysOf.set(role, String((await ask("POST", "/v1/api-keys", { body: { name: role, roles: [role] } }))["secret"]));
}
const token = String((await ask("POST", "/v1/fleet/credentials", { body: { name: "recorder" } }))["secret"]);
await fill();
await first.close();

// Started again it has a list of all that is published, and makes no other.
const authority = await start(3_600_000);
url = authority.url;
const source = httpSource(url, { token });
const answer = await source.head();
if (answer === "unchanged") throw new Error("no head");
const head = payloadOf<HeadPayload>(answer.token);
await write(HEAD_FILE, answer.token);
for (const [i, keyset] of (await source.keysets()).entries())
  await write(`${KEYSETS_DIRECTORY}/${String(i + 1).padStart(6, "0")}.jws`, keyset);
const copy = async (kind: PartKind, digest: string): Promise<Uint8Array> => {
  const bytes = await source.part(kind, digest);
  await write(fileOfPart(kind, digest), bytes);
  return bytes;
};
const index = payloadOf<IndexPayload>(await copy("index", head.index));
if (index.seq !== head.seq) throw new Error(`the list is of ${index.seq}, the head of ${head.seq}`);
await copy("policy", head.policy);
await copy("locks", head.locks.digest);
for (const digest of new Set(index.chunks)) await copy("chunks", digest);

const replica = followFeed({ sources: [source], trust: [authority.trust], clock: clockAt(NOW_MS), pollMs: 3_600_000 });
await replica.ready();
const listed = answersOf(replica);
await replica.close();

const stop = new AbortController();
const watch = await fetch(`${url}/v1/feed/watch?epoch=${head.epoch}&seq=${head.seq}`, {
  headers: { authorization: `Bearer ${token}` },
  signal: stop.signal,
});
await change();
const again = httpSource(url, { token });
const last = await again.head();
const lastHead = last === "unchanged" ? "" : last.token;
const { epoch, seq, policy } = payloadOf<HeadPayload>(lastHead);
let stream = "";
for await (const piece of watch.body ?? []) {
  stream += new TextDecoder().decode(piece);
  if (stream.endsWith(`data: ${lastHead}\n\n`)) break;
}
stop.abort();
await write("watch.sse", stream);
// A replica that lists it all anew says what one that followed must say.
const listing = followFeed({
  sources: [
    {
      name: "deltas applied by hand",
      kind: "network",
      ...(await relisted()),
    },
  ],
  trust: [authority.trust],
  clock: clockAt(NOW_MS),
  pollMs: 3_600_000,
});
await listing.ready();
const streamed = answersOf(listing);
await listing.close();
await again.close?.();

/** The feed of the same facts with a list of them all. */
async function relisted() {
  await authority.close();
  const relisting = await start(0);
  url = relisting.url;
  await tenant("relisted", "pro");
  const from = httpSource(url, { token });
  for (;;) {
    const named = await from.head();
    const parsed = named === "unchanged" ? undefined : payloadOf<HeadPayload>(named.token);
    const list = parsed && payloadOf<IndexPayload>(await from.part("index", parsed.index));
    if (parsed !== undefined && list?.seq === parsed.seq) break;
    await new Promise((done) => setTimeout(done, 20));
  }
  return {
    head: from.head.bind(from),
    keysets: from.keysets.bind(from),
    part: from.part.bind(from),
    close: async () => {
      await from.close?.();
      await relisting.close();
    },
  };
}

const recording: Recording = {
  trust: authority.trust,
  audience: "development",
  from: { epoch: head.epoch, seq: head.seq },
  to: { epoch, seq },
  policy,
  answers: { listed, streamed },
};
await write("recording.json", `${JSON.stringify(recording, null, 2)}\n`);
await rm(folder, { recursive: true, force: true });
process.stdout.write(
  `${OUT}: ${recording.from.seq} to ${seq}, ${REPLAYED.length} questions; ${pathOfPart("index", head.index)}\n`,
);
