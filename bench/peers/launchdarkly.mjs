import { init } from "@launchdarkly/node-server-sdk";
import { TestData } from "@launchdarkly/node-server-sdk/integrations";
import { CAPABILITIES, modesWith } from "./modes.mjs";

/** One flag per capability, with a rule on the mode in the context; from LaunchDarkly's own test data source. */
export async function start(tenants) {
  const source = new TestData();
  for (const capability of CAPABILITIES) {
    await source.update(
      source
        .flag(capability)
        .booleanFlag()
        .fallthroughVariation(false)
        .ifMatch("organization", "mode", ...modesWith(capability))
        .thenReturn(true),
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
  return {
    isAsync: true,
    ask: (tenant, capability) =>
      client.boolVariation(capability, { kind: "organization", key: tenant, mode: tenants.get(tenant) }, false),
    stop: () => client.close(),
  };
}
