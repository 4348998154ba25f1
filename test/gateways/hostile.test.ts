import { describe, expect, it } from "vitest";
import { runSidecar, testFeed } from "../../apps/sidecar/test/running-sidecar.ts";
import { scratchFile } from "../../apps/sidecar/test/scratch.ts";
import { eachOf, exchange, statusesIn } from "./exchange.ts";
import { isInstalled, KINDS, type Kind, startGateway } from "./gateway.ts";
import { HONEST_HTTP2, HOSTILE_HTTP2 } from "./hostile-http2.ts";
import { CASE, HONEST, HOSTILE_REQUESTS, type HostileRequest, ROUTES, SESSIONS } from "./hostile-requests.ts";
import { startUpstream } from "./upstream.ts";
import { faultsIn } from "./what-was-seen.ts";

/** Sends every shape as everybody. What arrived, what is wrong with it, and the answers that no client should get. */
async function sendAll(
  kind: Kind,
  failsOpen: boolean,
  shapes: readonly HostileRequest[],
): Promise<{ readonly arrived: string[]; readonly faults: string[]; readonly broken: unknown[] }> {
  const upstream = await startUpstream();
  const sidecar = await runSidecar(await testFeed(), { flags: { routes: scratchFile("routes.yaml", ROUTES) } });
  const port = await startGateway(kind, { product: upstream.port, sidecar }, { failsOpen });
  const cases = SESSIONS.flatMap((session) => shapes.map((shape) => ({ session, ...shape })));
  const broken: unknown[] = [];
  const isHonest = (name: string): boolean => HONEST.includes(name) || HONEST_HTTP2.includes(name);
  await eachOf(cases, 160, async ({ session, name, bytes }) => {
    const statuses = statusesIn(await exchange(port, bytes(session), isHonest(name) ? 20_000 : undefined));
    const isBroken = (status: number): boolean => status >= 500 && ![501, 505, ...kind.whenBroken].includes(status);
    if (statuses.some(isBroken)) broken.push({ name, session, statuses });
  });
  const arrived = upstream.reached.map(({ headers }) => decodeURIComponent(String(headers[CASE])));
  return { arrived, faults: await faultsIn(upstream, sidecar), broken };
}

it.each([
  ["HTTP/1.1", HOSTILE_REQUESTS],
  ["HTTP/2", HOSTILE_HTTP2],
])("says every hostile request of %s under a name of its own", (_, shapes) => {
  expect(new Set(shapes.map(({ name }) => name)).size).toBe(shapes.length);
});

const WAYS = KINDS.filter(isInstalled).flatMap((kind) =>
  [false, true].filter((failsOpen) => !failsOpen || kind.failOpen).map((failsOpen) => ({ kind, failsOpen })),
);

describe.each(WAYS)("$kind.name, failing open: $failsOpen", ({ kind, failsOpen }) => {
  it("passes on no hostile request that is denied as the product sees it", { timeout: 60_000 }, async () => {
    const { arrived, faults, broken } = await sendAll(kind, failsOpen, HOSTILE_REQUESTS);
    expect(arrived).toEqual(expect.arrayContaining([...HONEST]));
    expect({ faults, broken }).toEqual({ faults: [], broken: [] });
  });
});

describe.each(WAYS.filter(({ kind }) => kind.speaksHttp2))(
  "$kind.name over HTTP/2, failing open: $failsOpen",
  ({ kind, failsOpen }) => {
    it("passes on no hostile request that is denied as the product sees it", { timeout: 60_000 }, async () => {
      const { arrived, faults, broken } = await sendAll(kind, failsOpen, HOSTILE_HTTP2);
      expect(arrived).toEqual(expect.arrayContaining([...HONEST_HTTP2]));
      expect({ faults, broken }).toEqual({ faults: [], broken: [] });
    });
  },
);
