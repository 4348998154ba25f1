import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  askPeer,
  endPeer,
  freePort,
  type HttpPeer,
  modeOf,
  peerFile,
  programVersion,
  startGoServer,
  whenAnswering,
} from "./http-peer.ts";

const PROGRAM = peerFile("node_modules/@cerbos/cerbos-linux-x64/cerbos-linux-x64");
const PATH = "/api/check/resources";
const POLICY = `apiVersion: api.cerbos.dev/v1
resourcePolicy:
  resource: tenant
  version: default
  rules:
    - actions: [view]
      effect: EFFECT_ALLOW
      roles: [member]
    - actions: [create]
      effect: EFFECT_ALLOW
      roles: [member]
      condition:
        match:
          expr: request.resource.attr.mode == "full"
`;

/** Cerbos' own server. It keeps no tenants: the caller tells the mode with each question. */
export const CERBOS: HttpPeer = {
  name: "cerbos",
  title: "Cerbos, told the mode",
  config: "`cerbos server`, policies of a directory that is not watched, audit log and telemetry off, log level error",
  published: "10,000 requests a second and more an instance, p50 under 5 ms (mintlify.com/cerbos, Performance)",
  version: () => programVersion(PROGRAM, ["--version"], /^(\d\S+)/m),
  start: async (folder) => {
    const policies = join(folder, "cerbos-policies");
    mkdirSync(policies);
    writeFileSync(join(policies, "tenant.yaml"), POLICY);
    const [port, grpc] = [await freePort(), await freePort()];
    const config = join(folder, "cerbos.yaml");
    writeFileSync(
      config,
      JSON.stringify({
        server: { httpListenAddr: `127.0.0.1:${port}`, grpcListenAddr: `127.0.0.1:${grpc}` },
        storage: { driver: "disk", disk: { directory: policies, watchForChanges: false } },
        telemetry: { disabled: true },
      }),
    );
    const child = startGoServer([PROGRAM, "server", `--config=${config}`, "--log-level=error"]);
    const body = (tenant: string, capability: string): string =>
      JSON.stringify({
        requestId: "bench",
        principal: { id: "u", roles: ["member"] },
        resources: [
          { actions: [capability], resource: { kind: "tenant", id: tenant, attr: { mode: modeOf(tenant) } } },
        ],
      });
    await whenAnswering("Cerbos", child, () => askPeer(port, PATH, body("tenant-0", "view")));
    return {
      pid: child.pid ?? 0,
      port,
      door: {
        path: PATH,
        body,
        isAllowed: (answer) => {
          const { results } = answer as { results: readonly { actions: Readonly<Record<string, string>> }[] };
          return Object.values(results[0]?.actions ?? {}).every((effect) => effect === "EFFECT_ALLOW");
        },
      },
      stop: () => endPeer(child),
    };
  },
};
