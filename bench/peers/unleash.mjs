import { Unleash } from "unleash-client";
import { CAPABILITIES, modesWith } from "./modes.mjs";

/** One toggle per capability, constrained by the mode in the context; from a bootstrap, without a server. */
export async function start(tenants) {
  const toggle = (name) => ({
    name,
    enabled: true,
    type: "release",
    strategies: [
      {
        name: "default",
        parameters: {},
        constraints: [
          { contextName: "mode", operator: "IN", values: modesWith(name), inverted: false, caseInsensitive: false },
        ],
      },
    ],
  });
  const unleash = new Unleash({
    url: "http://127.0.0.1:9/api/",
    appName: "bench",
    refreshInterval: 0,
    disableMetrics: true,
    skipInstanceCountWarning: true,
    disableAutoStart: true,
    bootstrap: { data: CAPABILITIES.map(toggle) },
  });
  // No server is there, and none is needed: the bootstrap counts.
  unleash.on("error", () => {});
  unleash.on("warn", () => {});
  const isReady = new Promise((done) => unleash.once("ready", done));
  void unleash.start();
  await isReady;
  return {
    ask: (tenant, capability) =>
      unleash.isEnabled(capability, { userId: tenant, properties: { mode: tenants.get(tenant) } }),
    stop: () => unleash.destroy(),
  };
}
