import { Unleash } from "unleash-client";
import { CAPABILITIES, isNarrow, modesWith, NARROW, NARROW_PRINCIPALS } from "./modes.mjs";

const within = (contextName, values) => ({
  contextName,
  operator: "IN",
  values,
  inverted: false,
  caseInsensitive: false,
});
const strategy = (...constraints) => ({ name: "default", parameters: {}, constraints });

/** One toggle per capability, constrained by the mode, and the principal, in the context; from a bootstrap, without a server. */
export async function start(tenants, withPrincipal) {
  const toggle = (name) => ({
    name,
    enabled: true,
    type: "release",
    strategies: [
      strategy(within("mode", modesWith(name))),
      ...(isNarrow(name, withPrincipal)
        ? [strategy(within("mode", [NARROW]), within("principal", NARROW_PRINCIPALS))]
        : []),
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
  const propertiesOf = withPrincipal
    ? (tenant, principal) => ({ mode: tenants.get(tenant), principal })
    : (tenant) => ({ mode: tenants.get(tenant) });
  return {
    ask: (tenant, capability, principal) =>
      unleash.isEnabled(capability, { userId: tenant, properties: propertiesOf(tenant, principal) }),
    stop: () => unleash.destroy(),
  };
}
