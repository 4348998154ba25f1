import { z } from "zod";
import { answers, type Operation } from "../operation.ts";

/** The door of entitlement tokens, as it is documented: it is served beside Hono, to fleet credentials. */
export const entitlementDescriptions: readonly Operation[] = [
  answers({
    name: "entitlementToken",
    tag: "Feed",
    method: "GET",
    path: "/v1/entitlements/{tenant}",
    summary: "An entitlement token: what is published of one tenant, signed for five minutes",
    description: "For a fleet credential. It is never ahead of the feed, and carries the tenant's lock.",
    access: "any key",
    params: z.strictObject({ tenant: z.string() }),
    answers: {
      200: { description: "The token.", type: "application/jwt" },
      404: { description: "tenant_unknown: nothing is published of it. tenant_gone: it was removed." },
      409: { description: "What is published of it is more than a token holds (16 KB): read its chunk of the feed." },
      503: { description: "Nothing is published, or too many are being signed." },
    },
    answer: () => Promise.reject(new Error("served beside Hono")),
  }),
];
