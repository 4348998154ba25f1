import { InMemoryProvider, OpenFeature } from "@openfeature/server-sdk";
import { CAPABILITIES, modesWith } from "./modes.mjs";

/** OpenFeature's own in-memory provider, whose flags are decided by the mode in the context. */
export async function start(tenants) {
  const flag = (capability) => {
    const open = modesWith(capability);
    return {
      variants: { on: true, off: false },
      defaultVariant: "off",
      disabled: false,
      contextEvaluator: ({ mode }) => (open.includes(mode) ? "on" : "off"),
    };
  };
  await OpenFeature.setProviderAndWait(
    new InMemoryProvider(Object.fromEntries(CAPABILITIES.map((name) => [name, flag(name)]))),
  );
  const client = OpenFeature.getClient();
  return {
    isAsync: true,
    ask: (tenant, capability) =>
      client.getBooleanValue(capability, false, { targetingKey: tenant, mode: tenants.get(tenant) }),
    stop: () => OpenFeature.close(),
  };
}
