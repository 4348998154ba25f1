import type { NamesOfPolicy } from "./fallback.ts";

/**
 * What the standard policy says where no policy is held yet: its names, and that everything is allowed. The policy
 * itself carries texts in two languages, half the size of everything else here; a test holds the two together.
 */
export const STANDARD_NAMES: NamesOfPolicy = {
  capabilities:
    "view export create update delete import expand api.read api.write login webhook integration job pay contact leave support.billing support.critical support.technical".split(
      " ",
    ),
  modes: [{ name: "full" }],
  features: {
    seats: { needs: ["expand"] },
    storage_gb: { needs: ["import"] },
    api_rps: {},
    sso: { needs: ["login"] },
    theme: {},
  },
  fallback: { no_data: { "*": "allow" } },
};
