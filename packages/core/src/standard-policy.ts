import type { Admission, PolicyDocument } from "./policy.ts";
import { standardTexts } from "./standard-texts.ts";

const a: Admission = ["admin", "billing"];
const aAndService: Admission = ["admin", "billing", "service"];

/** What stays open for everyone down to `essential`, and for all in every mode but `closed`. */
const alwaysOpen = {
  pay: "all",
  contact: "all",
  leave: "all",
  "support.billing": "all",
  "support.critical": "all",
} as const satisfies Record<string, Admission>;

const full = {
  view: "all",
  export: "all",
  create: "all",
  update: "all",
  delete: "all",
  import: "all",
  expand: "all",
  "api.read": "all",
  "api.write": "all",
  login: "all",
  webhook: "all",
  integration: "all",
  job: "all",
  ...alwaysOpen,
} as const satisfies Record<string, Admission>;

/**
 * The standard policy: 19 capabilities, seven modes, three plans, texts in English and Japanese. A vendor copies it
 * and changes what differs; without a policy of its own, a feed carries this one.
 */
export const standardPolicy = {
  name: "standard",
  version: "1",
  zone: "Asia/Tokyo",
  capabilities: [
    "view",
    "export",
    "create",
    "update",
    "delete",
    "import",
    "expand",
    "api.read",
    "api.write",
    "login",
    "webhook",
    "integration",
    "job",
    "pay",
    "contact",
    "leave",
    "support.billing",
    "support.critical",
    "support.technical",
  ],
  principals: { unstated: { login: "member", "*": "any" } },
  modes: [
    { name: "full", admits: { ...full, "support.technical": "all" } },
    { name: "grace", admits: full },
    {
      name: "limited",
      admits: {
        view: "all",
        export: "all",
        update: "all",
        delete: "all",
        webhook: "all",
        integration: "all",
        job: "all",
        login: "all",
        ...alwaysOpen,
      },
    },
    {
      name: "essential",
      admits: { view: "all", export: "all", "api.read": "all", job: "all", login: "all", ...alwaysOpen },
      caps: { api_rps: 5 },
    },
    { name: "read_only", admits: { view: a, export: aAndService, login: a, ...alwaysOpen } },
    { name: "export_only", admits: { export: aAndService, login: a, ...alwaysOpen } },
    { name: "closed", admits: {} },
  ],
  features: {
    seats: { type: "limit", needs: ["expand"] },
    storage_gb: { type: "limit", needs: ["import"] },
    api_rps: { type: "limit" },
    sso: { type: "boolean", needs: ["login"] },
    theme: { type: "string" },
  },
  plans: {
    starter: { features: { seats: 5, storage_gb: 10, api_rps: 10, sso: false, theme: "plain" } },
    pro: { features: { seats: 25, storage_gb: 100, api_rps: 50, sso: true, theme: "plain" } },
    enterprise: { features: { seats: null, storage_gb: null, api_rps: 500, sso: true, theme: "custom" } },
  },
  fallback: { no_data: { "*": "allow" }, unknown_tenant: { "*": "allow" } },
  offline: { step_down_for: "24h" },
  links: {
    pay: "https://billing.example.com/pay?tenant={tenant}&case={case}",
    export: "https://app.example.com/export?tenant={tenant}",
    support: "https://support.example.com/?tenant={tenant}&case={case}",
  },
  texts: standardTexts,
} as const satisfies PolicyDocument;
