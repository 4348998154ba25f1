import { init } from "@launchdarkly/node-server-sdk";
import { TestData } from "@launchdarkly/node-server-sdk/integrations";
import { CAPABILITIES, isNarrow, modesWith, NARROW, NARROW_PRINCIPALS } from "./modes.mjs";

/** One flag per capability, with rules on the context's mode, and principal; from LaunchDarkly's own test data source. */
export async function start(tenants, withPrincipal) {
  const source = new TestData();
  for (const capability of CAPABILITIES) {
    const flag = source
      .flag(capability)
      .booleanFlag()
      .fallthroughVariation(false)
      .ifMatch("organization", "mode", ...modesWith(capability))
      .thenReturn(true);
    await source.update(
      isNarrow(capability, withPrincipal)
        ? flag
            .ifMatch("organization", "mode", NARROW)
            .andMatch("organization", "principal", ...NARROW_PRINCIPALS)
            .thenReturn(true)
        : flag,
    );
  }
  const silent = { debug() {}, info() {}, warn() {}, error() {} };
  const client = init("sdk-bench", {
    updateProcessor: source.getFactory(),
    sendEvents: false,
    diagnosticOptOut: true,
    logger: silent,
  });
  await client.waitForInitialization({ timeout: 10 });
  const contextOf = withPrincipal
    ? (tenant, principal) => ({ kind: "organization", key: tenant, mode: tenants.get(tenant), principal })
    : (tenant) => ({ kind: "organization", key: tenant, mode: tenants.get(tenant) });
  return {
    isAsync: true,
    ask: (tenant, capability, principal) => client.boolVariation(capability, contextOf(tenant, principal), false),
    stop: () => client.close(),
  };
}
