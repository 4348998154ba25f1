import { openApiDocument } from "../openapi.ts";
import { answers, type Operation } from "../operation.ts";
import { adapterOperations } from "./adapters.ts";
import { backupOperations } from "./backups.ts";
import { caseOperations } from "./cases.ts";
import { changeSetOperations } from "./change-sets.ts";
import { devClockOperations } from "./dev-clock.ts";
import { docsOperations } from "./docs.ts";
import { entitlementDescriptions } from "./entitlements.ts";
import { eventOperations } from "./event-endpoints.ts";
import { exceptionOperations } from "./exceptions.ts";
import { factImportOperations } from "./fact-imports.ts";
import { feedDescriptions } from "./feed.ts";
import { fleetOperations } from "./fleet.ts";
import { healthOperations } from "./health.ts";
import { importOperations } from "./imports.ts";
import { inboxOperations } from "./inbox.ts";
import { invoiceOperations } from "./invoices.ts";
import { keyOperations } from "./keys.ts";
import { lockOperations } from "./locks.ts";
import { mailboxOperations } from "./mailbox.ts";
import { noticeOperations } from "./notices.ts";
import { paymentOperations } from "./payments.ts";
import { policyOperations } from "./policies.ts";
import { recordOperations } from "./records.ts";
import { restrictionOperations } from "./restrictions.ts";
import { signingKeyOperations } from "./signing-keys.ts";
import { stripeOperations } from "./stripe.ts";
import { taskOperations } from "./tasks.ts";
import { templateOperations } from "./templates.ts";
import { tenantOperations } from "./tenants.ts";

/** Every operation that is served through Hono, and the document that describes them and the feed. */
export function allOperations(): readonly Operation[] {
  const served = [
    ...tenantOperations,
    ...restrictionOperations,
    ...exceptionOperations,
    ...lockOperations,
    ...caseOperations,
    ...invoiceOperations,
    ...paymentOperations,
    ...noticeOperations,
    ...templateOperations,
    ...taskOperations,
    ...eventOperations,
    ...mailboxOperations,
    ...policyOperations,
    ...changeSetOperations,
    ...importOperations,
    ...stripeOperations,
    ...inboxOperations,
    ...factImportOperations,
    ...adapterOperations,
    ...keyOperations,
    ...signingKeyOperations,
    ...fleetOperations,
    ...recordOperations,
    ...backupOperations,
    ...devClockOperations,
    ...healthOperations,
  ];
  let text: string | undefined;
  const description = answers({
    name: "openapi",
    tag: "Documentation",
    method: "GET",
    path: "/openapi.json",
    summary: "This document",
    access: "public",
    answers: { 200: { description: "OpenAPI 3.1.", type: "application/json" } },
    answer: () => {
      text ??= JSON.stringify(
        openApiDocument([...served, description, ...feedDescriptions, ...entitlementDescriptions]),
      );
      return Promise.resolve(
        new Response(text, { headers: { "content-type": "application/json", "cache-control": "no-cache" } }),
      );
    },
  });
  return [...served, description, ...docsOperations];
}
