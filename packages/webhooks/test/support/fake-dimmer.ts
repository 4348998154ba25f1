import type { Deciding } from "../../src/gate/options.ts";

/** Who may receive, as the test says. */
export interface FakeDimmer extends Deciding {
  isReady: boolean;
  deny(tenant: string): void;
  allow(tenant: string): void;
  /** Changes without telling, as a step within one mode does. */
  readonly denied: Set<string>;
}

export function fakeDimmer(): FakeDimmer {
  const denied = new Set<string>();
  const listeners = new Set<(change: { readonly tenant: string }) => void>();
  const tell = (tenant: string): void => {
    for (const listener of listeners) listener({ tenant });
  };
  return {
    isReady: true,
    denied,
    check: (tenant) => ({ allowed: !denied.has(tenant) }),
    on: (_event, listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    deny(tenant) {
      denied.add(tenant);
      tell(tenant);
    },
    allow(tenant) {
      denied.delete(tenant);
      tell(tenant);
    },
  };
}
