import { cpSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { createKeyDirectory, openKeyDirectory, publishFeed } from "@dimmer/feed/node";
import type { WireEntitlement } from "@dimmer/statement";

/** What building costs at one number of tenants. */
export interface BuildRun {
  readonly trust: string;
  /** Milliseconds until the first generation was written and signed. */
  readonly buildMs: number;
  /** The same for a generation in which one tenant is another, built from every entitlement anew. */
  readonly changeMs: number;
  /** Bytes of the first generation. */
  readonly feedBytes: number;
  /** Bytes of what the second has and the first has not: what a replica that lists fetches. */
  readonly changedBytes: number;
}

/**
 * `node build-process.ts FOLDER TENANTS` builds three generations as directories: `first`; `one`, in which one tenant is
 * another; `all`, in which every tenant is.
 */
const [folder = "", tenants = "0"] = process.argv.slice(2);
const keysDir = join(folder, "keys");
await createKeyDirectory(keysDir);
const keys = await openKeyDirectory(keysDir);
const DAY_S = 86_400;
/** Taken once: a clock that went on between two generations would change every restricted tenant. */
const SINCE_S = Math.floor(Date.now() / 1_000) - DAY_S;

function* entitlements(planOf: (i: number) => string): Generator<WireEntitlement> {
  const steps = [{ at: SINCE_S, mode: "limited" }];
  for (let i = 0; i < Number(tenants); i++) {
    const entitlement = { tenant: `tenant-${i}`, plan: planOf(i) };
    yield i % 10 === 0
      ? { ...entitlement, restrictions: [{ cause: "nonpayment", case: `case-${i}`, steps }] }
      : entitlement;
  }
}

async function publish(name: string, planOf: (i: number) => string): Promise<{ tookMs: number; trust: string }> {
  const startMs = performance.now();
  const { trust } = await publishFeed({
    outDir: join(folder, name),
    audience: "development",
    nowMs: Date.now(),
    keys,
    entitlements: entitlements(planOf),
    locks: [],
  });
  return { tookMs: performance.now() - startMs, trust };
}

function filesOf(name: string): Map<string, number> {
  const root = join(folder, name);
  return new Map(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => [path.slice(root.length), statSync(path).size]),
  );
}

const sumOf = (sizes: Iterable<number>): number => [...sizes].reduce((sum, size) => sum + size, 0);

const built = await publish("first", () => "pro");
const first = filesOf("first");
// Each follows on from the one before, as a replica goes through all three in turn.
cpSync(join(folder, "first"), join(folder, "one"), { recursive: true });
const change = await publish("one", (i) => (i === 1 ? "starter" : "pro"));
const changed = [...filesOf("one")].filter(([path]) => !first.has(path) || path.endsWith("head.jws"));
cpSync(join(folder, "one"), join(folder, "all"), { recursive: true });
await publish("all", () => "enterprise");
process.stdout.write(
  `${JSON.stringify({
    trust: built.trust,
    buildMs: built.tookMs,
    changeMs: change.tookMs,
    feedBytes: sumOf(first.values()),
    changedBytes: sumOf(changed.map(([, size]) => size)),
  } satisfies BuildRun)}\n`,
);
