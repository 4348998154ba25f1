import type { ProtectedFields } from "@dimmer/sdk/graphql";

/** What operations ask for where their kind does not say it, over HTTP and over WebSockets alike. */
export const fields = {
  "mutation.deleteNote": "delete",
  // Sold with a plan: a subscription to it ends when the plan has it no longer.
  "subscription.auditTrail": { capability: "view", feature: "sso" },
} as const;

/** What no restriction closes, and where it is. */
export const protectedFields: ProtectedFields = {
  login: "elsewhere",
  pay: ["mutation.pay"],
  export: ["query.exportNotes"],
  contact: "elsewhere",
  leave: "elsewhere",
};
