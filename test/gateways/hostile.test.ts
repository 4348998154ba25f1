import { describe, expect, it } from "vitest";
import { runSidecar, testFeed } from "../../apps/sidecar/test/running-sidecar.ts";
import { scratchFile } from "../../apps/sidecar/test/scratch.ts";
import { eachOf, exchange, statusesIn } from "./exchange.ts";
import { isInstalled, KINDS, startGateway } from "./gateway.ts";
import { CASE, HONEST, HOSTILE_REQUESTS, ROUTES, SESSIONS } from "./hostile-requests.ts";
import { startUpstream } from "./upstream.ts";
import { faultsIn } from "./what-was-seen.ts";

it("says every hostile request under a name of its own", () => {
  expect(new Set(HOSTILE_REQUESTS.map(({ name }) => name)).size).toBe(HOSTILE_REQUESTS.length);
});

describe.each(KINDS.filter(isInstalled))("$name", (kind) => {
  it.each([
    ["that fails closed", false],
    ["that fails open", true],
  ])(
    "%s passes on no hostile request that is denied as the product sees it",
    { timeout: 60_000 },
    async (_, failsOpen) => {
      const upstream = await startUpstream();
      const sidecar = await runSidecar(await testFeed(), { flags: { routes: scratchFile("routes.yaml", ROUTES) } });
      const port = await startGateway(kind, { product: upstream.port, sidecar }, { failsOpen });
      const cases = SESSIONS.flatMap((session) => HOSTILE_REQUESTS.map((hostile) => ({ session, ...hostile })));
      const statuses = new Map<string, number[]>();
      await eachOf(cases, 48, async ({ session, name, bytes }) => {
        const received = await exchange(port, bytes(session));
        statuses.set(`${name} as ${session}`, statusesIn(received));
      });
      const arrived = upstream.reached.map(({ headers }) => decodeURIComponent(String(headers[CASE])));
      expect(arrived).toEqual(expect.arrayContaining([...HONEST]));
      expect(await faultsIn(upstream, sidecar)).toEqual([]);
      // 502 is what a gateway says where it could not carry to the product what was let through.
      const broken = [...statuses].filter(([, got]) => got.some((status) => [500, 503, 504].includes(status)));
      expect(broken).toEqual([]);
    },
  );
});
