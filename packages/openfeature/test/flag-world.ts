import { type PolicyDocument, standardPolicy } from "@dimmer/core";
import { DimmerProvider } from "@dimmer/openfeature";
import { TestWorld, type TestWorldOptions } from "@dimmer/testkit";
import { type Client, OpenFeature, type Provider } from "@openfeature/server-sdk";

export const NOW_MS = Date.UTC(2026, 10, 22);
export const DAY_MS = 86_400_000;

const features = {
  boolean_flag: true,
  string_flag: "hi",
  integer_flag: 10,
  float_flag: 0.5,
  object_flag: { showImages: true, title: "Check out these pics!", imagesPerPage: 100 },
  context_aware: "EXTERNAL",
  boolean_zero_flag: false,
  string_zero_flag: "",
  integer_zero_flag: 0,
  object_zero_flag: {},
};

/** The standard policy with the flags of OpenFeature's own scenarios. */
const flagPolicy: PolicyDocument = {
  ...standardPolicy,
  name: "flags",
  features: {
    ...standardPolicy.features,
    boolean_flag: { type: "boolean" },
    string_flag: { type: "string" },
    integer_flag: { type: "limit" },
    float_flag: { type: "limit" },
    object_flag: { type: "json" },
    context_aware: { type: "string" },
    boolean_zero_flag: { type: "boolean" },
    string_zero_flag: { type: "string" },
    integer_zero_flag: { type: "limit" },
    object_zero_flag: { type: "json" },
    editor: { type: "string", needs: ["update"] },
  },
  plans: {
    ...standardPolicy.plans,
    everything: { features: { ...standardPolicy.plans.pro.features, ...features, editor: "rich" } },
    internal: { features: { ...features, context_aware: "INTERNAL" } },
  },
};

/** A world under that policy. */
export function flagWorld(options: TestWorldOptions = {}): Promise<TestWorld> {
  return TestWorld.create({
    nowMs: NOW_MS,
    policy: flagPolicy,
    tenants: [
      { tenant: "acme", plan: "everything" },
      { tenant: "insider", plan: "internal" },
    ],
    ...options,
  });
}

let domains = 0;

/** A client of the real SDK over a provider, in a domain of its own. Removes the provider when it is disposed of. */
export async function clientOf(
  provider: Provider,
): Promise<{ readonly client: Client; readonly domain: string } & AsyncDisposable> {
  domains += 1;
  const domain = `test-${domains}`;
  await OpenFeature.setProviderAndWait(domain, provider).catch(() => undefined);
  return {
    client: OpenFeature.getClient(domain),
    domain,
    [Symbol.asyncDispose]: async () => {
      await OpenFeature.clearProviders();
      OpenFeature.clearHooks();
      OpenFeature.setContext({});
    },
  };
}

/** A client over the Dimmer of a world. */
export function clientOfWorld(world: TestWorld): ReturnType<typeof clientOf> {
  return clientOf(new DimmerProvider({ dimmer: world.dimmer }));
}
