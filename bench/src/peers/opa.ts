import { writeFileSync } from "node:fs";
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

const PATH = "/v1/data/dimmer/allow";
const MODES = { full: { create: true, view: true }, limited: { view: true } };

/** OPA's own server: tenants and modes are data in its memory. */
export const OPA: HttpPeer = {
  name: "opa",
  title: "OPA",
  config: "`opa run --server`, tenants and modes as data in memory, log level error, telemetry off",
  published: "about 1 ms a decision (its documentation, Policy Performance)",
  version: () => programVersion(peerFile("bin/opa"), ["version"], /^Version: (\S+)/m),
  start: async (folder, tenants) => {
    const data = join(folder, "data.json");
    writeFileSync(
      data,
      JSON.stringify({ tenants: Object.fromEntries(tenants.map((id) => [id, modeOf(id)])), modes: MODES }),
    );
    const port = await freePort();
    const options = ["--server", "--addr", `127.0.0.1:${port}`, "--log-level", "error", "--disable-telemetry"];
    const child = startGoServer([peerFile("bin/opa"), "run", ...options, peerFile("policy.rego"), data]);
    await whenAnswering("OPA", child, () => askPeer(port, PATH, "{}"));
    return {
      pid: child.pid ?? 0,
      port,
      door: {
        path: PATH,
        body: (tenant, capability) => JSON.stringify({ input: { tenant, capability } }),
        isAllowed: (answer) => (answer as { result?: boolean }).result === true,
      },
      stop: () => endPeer(child),
    };
  },
};
