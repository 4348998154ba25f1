import type { Admission, FeatureDocument, ModeDocument, PlanDocument, PolicyDocument } from "./policy.ts";
import { standardTexts } from "./standard-texts.ts";
import {
  standardCalendars,
  standardClauses,
  standardExceptions,
  standardNotices,
  standardTracks,
} from "./standard-tracks.ts";

const STANDARD_CAPABILITIES = [
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
] as const;

/** A capability of the standard policy. */
export type StandardCapability = (typeof STANDARD_CAPABILITIES)[number];
/** A mode of the standard policy. */
export type StandardMode = "full" | "grace" | "limited" | "essential" | "read_only" | "export_only" | "closed";
/** A feature of the standard policy. */
export type StandardFeature = "seats" | "storage_gb" | "api_rps" | "sso" | "theme";
/** A plan of the standard policy. */
export type StandardPlan = "starter" | "pro" | "enterprise";

/** The type of the standard policy: its names are literals, so that a misspelt one does not compile. */
export interface StandardPolicy extends PolicyDocument {
  readonly capabilities: readonly StandardCapability[];
  readonly modes: readonly (ModeDocument & { readonly name: StandardMode })[];
  readonly features: Readonly<Record<StandardFeature, FeatureDocument>>;
  readonly plans: Readonly<Record<StandardPlan, PlanDocument>>;
}

type Admits = Readonly<Partial<Record<StandardCapability, Admission>>>;

const a: Admission = ["admin", "billing"];
const aAndService: Admission = ["admin", "billing", "service"];

/** What no mode but `closed` takes away. */
const alwaysOpen: Admits = {
  pay: "all",
  contact: "all",
  leave: "all",
  "support.billing": "all",
  "support.critical": "all",
};

const grace: Admits = {
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
};

const limited: Admits = {
  view: "all",
  export: "all",
  update: "all",
  delete: "all",
  webhook: "all",
  integration: "all",
  job: "all",
  login: "all",
  ...alwaysOpen,
};

/** Never scheduled: the floor of an exception for hospitals, public bodies, disaster prevention, infrastructure. */
const essential: Admits = { view: "all", export: "all", "api.read": "all", job: "all", login: "all", ...alwaysOpen };

/**
 * The standard policy: 19 capabilities, seven modes, three plans, texts in English and Japanese, the
 * tracks from a fact to a step. A vendor copies it and
 * changes what differs; a feed without a policy of its own carries this one. Its links and clauses
 * are examples: they are the first thing to change.
 */
export const standardPolicy: StandardPolicy = {
  name: "standard",
  version: "1",
  zone: "Asia/Tokyo",
  capabilities: STANDARD_CAPABILITIES,
  principals: { unstated: { login: "member", "*": "any" } },
  modes: [
    { name: "full", admits: { ...grace, "support.technical": "all" } },
    { name: "grace", admits: grace },
    { name: "limited", admits: limited },
    { name: "essential", admits: essential, caps: { api_rps: 5 } },
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
  tracks: standardTracks,
  calendars: standardCalendars,
  notices: standardNotices,
  clauses: standardClauses,
  exceptions: standardExceptions,
};
