import { z } from "zod";
import type { Role } from "../../changes/actor.ts";
import { Fault } from "../../changes/fault.ts";
import { writeLedger } from "../../changes/record-change.ts";
import { STRIPE } from "../../facts-in/stripe/billing-refs.ts";
import { answers, type Operation, reads, writes } from "../operation.ts";
import { afterOf, pageOf } from "../paging.ts";
import { problemOf, Refusal } from "../problem.ts";
import { readBody } from "../read-body.ts";
import { isoOf, page, tenantId } from "../values.ts";

const MAY: readonly Role[] = ["finance", "admin"];
const customer = z.string().regex(/^cus_[A-Za-z0-9]{1,120}$/, { error: "must be a customer of Stripe, cus_…" });
const shown = z
  .looseObject({ customer: z.string(), tenant: z.string(), updatedAt: z.string().nullable() })
  .meta({ id: "StripeCustomer" });

/** An event of Stripe has at most this many bytes here; its own are far smaller. */
const MAX_EVENT_BYTES = 1_048_576;

/** What is heard of Stripe. */
export const stripeOperations: readonly Operation[] = [
  answers({
    name: "receiveStripeEvent",
    tag: "Stripe",
    method: "POST",
    path: "/v1/stripe/webhook",
    summary: "Take an event of Stripe in",
    description:
      "Verified by its Stripe-Signature over the bytes of the body, within five minutes either way. 200 also where the " +
      "event cannot be followed: it is in quarantine then, and /v1/inbox has it.",
    access: "public",
    bodies: { "application/json": z.looseObject({}) },
    answers: {
      200: { description: "Taken in.", schema: z.looseObject({ received: z.literal(true) }) },
      400: { description: "Not signed by Stripe now." },
      404: { description: "No signing secret is configured." },
    },
    answer: async ({ service, request }) => {
      if (!service.stripe.isListening) {
        throw new Refusal(problemOf("not_found", "no webhook secret is configured: set DIMMER_STRIPE_WEBHOOK_SECRETS"));
      }
      const body = await readBody(request, MAX_EVENT_BYTES);
      const header = request.headers["stripe-signature"];
      const event = service.stripe.verify(body, Array.isArray(header) ? undefined : header, service.now());
      if (event === undefined)
        throw new Refusal(problemOf("malformed", "the signature is not right", { field: "stripe-signature" }));
      const state = await service.stripe.receive(service, event);
      return new Response(JSON.stringify({ received: true, state }), {
        headers: { "content-type": "application/json", "cache-control": "no-store" },
      });
    },
  }),
  answers({
    name: "reconcileStripe",
    tag: "Stripe",
    method: "POST",
    path: "/v1/stripe/reconcile",
    summary: "Compare with Stripe's API now, and heal what is missing",
    description: "It runs by itself as well. Takes as long as reading the invoices takes.",
    access: MAY,
    answers: {
      200: {
        description: "What was found.",
        schema: z
          .looseObject({ invoices: z.number(), healed: z.number(), refused: z.number(), released: z.number() })
          .meta({ id: "Reconciled" }),
      },
      409: { description: "No API key is configured." },
      503: { description: "Stripe could not be asked." },
    },
    answer: async ({ service }) => {
      if (!service.stripe.canReconcile) {
        throw new Fault("conflict", "no API key of Stripe is configured: set DIMMER_STRIPE_API_KEY");
      }
      try {
        const found = await service.stripe.reconcile(service);
        return new Response(JSON.stringify(found), {
          headers: { "content-type": "application/json", "cache-control": "no-store" },
        });
      } catch (error) {
        service.log.warn({ err: error }, "Stripe could not be asked");
        throw new Refusal(problemOf("unavailable", "Stripe could not be asked; its answer is in the log"));
      }
    },
  }),
  reads({
    name: "listStripeCustomers",
    tag: "Stripe",
    path: "/v1/stripe/customers",
    summary: "Whose customers of Stripe are, as told here or by their metadata",
    access: "any key",
    query: page.extend({ tenant: tenantId.optional() }),
    answers: { 200: { description: "A page.", schema: z.looseObject({ items: z.array(shown) }) } },
    handle: async ({ service, query }) => {
      const after = afterOf(query.cursor, "string");
      let select = service.store.db
        .selectFrom("billing_ref")
        .selectAll()
        .where("source", "=", STRIPE)
        .where("ref", ">=", after === undefined ? "cus_" : `${after}!`)
        .where("ref", "<", "cus`")
        .orderBy("ref")
        .limit(query.limit + 1);
      if (query.tenant !== undefined) select = select.where("tenant_id", "=", query.tenant);
      const rows = await select.execute();
      const view = {
        placeOf: ({ ref }: { ref: string }) => ref,
        show: ({ ref, tenant_id, updated_ms }: { ref: string; tenant_id: string; updated_ms: number }) => ({
          customer: ref,
          tenant: tenant_id,
          updatedAt: isoOf(updated_ms),
        }),
      };
      return { body: pageOf(rows, query.limit, view) };
    },
  }),
  writes({
    name: "putStripeCustomer",
    tag: "Stripe",
    method: "PUT",
    path: "/v1/stripe/customers/{customer}",
    summary: "Say whose customer it is",
    description:
      "It outranks what the metadata says. Messages in quarantine for it are tried again at the next reconciling, or by hand.",
    access: MAY,
    params: z.strictObject({ customer }),
    body: z.strictObject({ tenant: tenantId }),
    answers: {
      200: { description: "Known already, or changed.", schema: shown },
      201: { description: "Kept.", schema: shown },
      404: { description: "There is no such tenant." },
    },
    handle: async ({ queries, params: { customer: ref }, body: { tenant }, nowMs, as }) => {
      const actor = as(MAY, "saying whose customer it is");
      const owner = await queries.selectFrom("tenant").select("gone_s").where("id", "=", tenant).executeTakeFirst();
      if (owner === undefined || owner.gone_s !== null)
        throw new Fault("missing", `there is no tenant ${tenant}`, "tenant");
      const before = await queries
        .selectFrom("billing_ref")
        .select(["tenant_id", "body"])
        .where("source", "=", STRIPE)
        .where("ref", "=", ref)
        .executeTakeFirst();
      // Said by a person: no metadata brings it into doubt from here on.
      const said = { tenant_id: tenant, body: null, updated_ms: nowMs };
      const isSaid = before?.tenant_id === tenant && before.body === null;
      if (before === undefined) {
        const row = { source: STRIPE, ref, invoice: null, as_of_ms: 0, ...said };
        await queries.insertInto("billing_ref").values(row).execute();
      } else if (!isSaid) {
        await queries
          .updateTable("billing_ref")
          .set(said)
          .where("source", "=", STRIPE)
          .where("ref", "=", ref)
          .execute();
      }
      if (!isSaid) {
        const entry = { action: "stripe.customer", subject: `tenant:${tenant}`, before: before?.tenant_id, after: ref };
        await writeLedger(queries, actor, entry, nowMs);
      }
      return { status: before === undefined ? 201 : 200, body: { customer: ref, tenant, updatedAt: isoOf(nowMs) } };
    },
  }),
];
