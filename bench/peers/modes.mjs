/** What each mode opens, for every peer alike; the third opens viewing to two of four principals. */
export const MODES = { full: ["create", "view"], limited: ["view"] };

/** The mode that asks who it is, and whom it lets view. */
export const NARROW = "read_only";
export const NARROW_PRINCIPALS = ["admin", "billing"];

/** Every principal. */
export const PRINCIPALS = ["admin", "billing", "member", "service"];

/** The modes that open a capability to everybody. */
export const modesWith = (capability) => Object.keys(MODES).filter((mode) => MODES[mode].includes(capability));

/** What a principal may do in a mode. */
export const openTo = (mode, principal) =>
  mode === NARROW ? (NARROW_PRINCIPALS.includes(principal) ? ["view"] : []) : MODES[mode];

/** Whether a capability has a rule about principals, where they are asked about. */
export const isNarrow = (capability, withPrincipal) => withPrincipal && capability === "view";

/** The capabilities that are asked about. */
export const CAPABILITIES = ["create", "view"];
