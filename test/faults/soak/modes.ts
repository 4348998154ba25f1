/** The modes that a soak puts tenants in. */
export type SoakMode = "full" | "limited" | "read_only";

/** What a soak asks about. */
export type SoakCapability = "create" | "view" | "webhook";

/**
 * What each mode opens to an admin, written down here and not read from the policy: what is compared must not come from
 * where the answers come from.
 */
const OPENS: Readonly<Record<SoakMode, readonly SoakCapability[]>> = {
  full: ["create", "view", "webhook"],
  limited: ["view", "webhook"],
  read_only: ["view"],
};

/** Modes from the widest to the narrowest. */
export const SOAK_MODES: readonly SoakMode[] = ["full", "limited", "read_only"];

/** Everything that is asked about. */
export const SOAK_CAPABILITIES: readonly SoakCapability[] = OPENS.full;

/** Whether a mode opens a capability to an admin. */
export function opens(mode: SoakMode, capability: SoakCapability): boolean {
  return OPENS[mode].includes(capability);
}
