/** What each mode opens, for every peer alike. */
export const MODES = { full: ["create", "view"], limited: ["view"] };

/** The modes that open a capability. */
export const modesWith = (capability) => Object.keys(MODES).filter((mode) => MODES[mode].includes(capability));

/** The capabilities that are asked about. */
export const CAPABILITIES = ["create", "view"];
