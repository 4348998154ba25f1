import {
  askPeer,
  builtVersion,
  endPeer,
  freePort,
  type HttpPeer,
  modeOf,
  peerFile,
  startGoServer,
  whenAnswering,
} from "./http-peer.ts";

const PROGRAM = peerFile("bin/openfga");
/** Tuples of one write at most. */
const MAX_WRITES = 100;
const direct = (type: string): unknown => ({ directly_related_user_types: [{ type }] });
const through = (relation: string): unknown => ({
  tupleToUserset: { tupleset: { relation: "mode" }, computedUserset: { relation } },
});
/** A tenant is in a mode, and may do what its mode admits. */
const MODEL = {
  schema_version: "1.1",
  type_definitions: [
    { type: "principal" },
    {
      type: "mode",
      relations: { create: { this: {} }, view: { this: {} } },
      metadata: { relations: { create: direct("principal"), view: direct("principal") } },
    },
    {
      type: "tenant",
      relations: { mode: { this: {} }, create: through("create"), view: through("view") },
      metadata: { relations: { mode: direct("mode") } },
    },
  ],
};

interface Tuple {
  readonly user: string;
  readonly relation: string;
  readonly object: string;
}

/** OpenFGA's own server on its store in memory: a tuple for each tenant. */
export const OPENFGA: HttpPeer = {
  name: "openfga",
  title: "OpenFGA",
  config:
    "`openfga run`, store in memory, a tuple a tenant, check cache on as advised for production, metrics and playground off",
  published: "none found",
  version: () => builtVersion("openfga"),
  start: async (_folder, tenants) => {
    const [port, grpc] = [await freePort(), await freePort()];
    const child = startGoServer([
      PROGRAM,
      "run",
      `--http-addr=127.0.0.1:${port}`,
      `--grpc-addr=127.0.0.1:${grpc}`,
      "--check-query-cache-enabled",
      "--metrics-enabled=false",
      "--playground-enabled=false",
      "--log-level=none",
    ]);
    const ask = (path: string, body: unknown): Promise<unknown> => askPeer(port, path, JSON.stringify(body));
    let store = "";
    await whenAnswering("OpenFGA", child, async () => {
      store = ((await ask("/stores", { name: "bench" })) as { id: string }).id;
    });
    const model = (await ask(`/stores/${store}/authorization-models`, MODEL)) as { authorization_model_id: string };
    const tuples: Tuple[] = [
      { user: "principal:member", relation: "view", object: "mode:full" },
      { user: "principal:member", relation: "create", object: "mode:full" },
      { user: "principal:member", relation: "view", object: "mode:limited" },
      ...tenants.map((id) => ({ user: `mode:${modeOf(id)}`, relation: "mode", object: `tenant:${id}` })),
    ];
    for (let at = 0; at < tuples.length; at += MAX_WRITES) {
      await ask(`/stores/${store}/write`, { writes: { tuple_keys: tuples.slice(at, at + MAX_WRITES) } });
    }
    return {
      pid: child.pid ?? 0,
      port,
      door: {
        path: `/stores/${store}/check`,
        body: (tenant, capability) =>
          JSON.stringify({
            tuple_key: { user: "principal:member", relation: capability, object: `tenant:${tenant}` },
            authorization_model_id: model.authorization_model_id,
          }),
        isAllowed: (answer) => (answer as { allowed?: boolean }).allowed === true,
      },
      stop: () => endPeer(child),
    };
  },
};
