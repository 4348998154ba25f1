import { HttpRequestInterceptor } from "@mswjs/interceptors/http";
import { HttpResponse, http, passthrough } from "msw";
import { defineNetwork, InterceptorSource } from "msw/experimental";
import type Stripe from "stripe";

/** Stripe's API as far as it is asked, holding what a test puts there. Any other address but loopback is an error. */
export interface StripeStandIn {
  readonly invoices: Map<string, Stripe.Invoice>;
  readonly charges: Map<string, Stripe.Charge>;
  /** Invoice payments by payment intent. */
  readonly payments: Map<string, Stripe.InvoicePayment>;
  /** What was asked, as method and path with its query. */
  readonly asked: string[];
  /** Answers every request with this status while it is set. */
  failsWith: number | undefined;
  close(): void;
}

const API = "https://api.stripe.com/v1";
const PAGE = 2;

/** Starts the stand-in: pages of two, so that paging is always shown. */
export function startStripeStandIn(): StripeStandIn {
  const invoices = new Map<string, Stripe.Invoice>();
  const charges = new Map<string, Stripe.Charge>();
  const payments = new Map<string, Stripe.InvoicePayment>();
  const asked: string[] = [];
  const state: { failsWith: number | undefined } = { failsWith: undefined };
  const refusal = (status: number, code: string): Response =>
    HttpResponse.json(
      { error: { type: "api_error", code, message: code } },
      { status, headers: { "stripe-should-retry": "false" } },
    );
  const answer = (request: Request, found: () => object | undefined): Response => {
    const { pathname, search } = new URL(request.url);
    asked.push(`${request.method} ${pathname}${search}`);
    if (state.failsWith !== undefined) return refusal(state.failsWith, "down");
    if (request.headers.get("authorization") !== "Bearer rk_test_1234") return refusal(401, "key");
    const one = found();
    return one === undefined ? refusal(404, "resource_missing") : HttpResponse.json(one);
  };
  const list = <T extends { id: string }>(url: string, all: T[]): Stripe.ApiList<T> => {
    const after = new URL(url).searchParams.get("starting_after");
    const from = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
    return { object: "list", url: "/v1", has_more: from + PAGE < all.length, data: all.slice(from, from + PAGE) };
  };
  const network = defineNetwork({
    sources: [new InterceptorSource({ interceptors: [new HttpRequestInterceptor()] })],
    handlers: [
      http.get(`${API}/invoices`, ({ request }) =>
        answer(request, () => {
          const { searchParams } = new URL(request.url);
          const status = searchParams.get("status");
          const since = Number(searchParams.get("created[gte]") ?? 0);
          const all = [...invoices.values()];
          return list(
            request.url,
            all.filter((one) => (status === null || one.status === status) && one.created >= since),
          );
        }),
      ),
      http.get(`${API}/invoices/:id`, ({ request, params }) =>
        answer(request, () => invoices.get(String(params["id"]))),
      ),
      http.get(`${API}/charges/:id`, ({ request, params }) => answer(request, () => charges.get(String(params["id"])))),
      http.get(`${API}/invoice_payments`, ({ request }) =>
        answer(request, () => {
          const intent = new URL(request.url).searchParams.get("payment[payment_intent]") ?? "";
          const one = payments.get(intent);
          return list(request.url, one === undefined ? [] : [one]);
        }),
      ),
      http.all(/^http:\/\/127\.0\.0\.1:/, () => passthrough()),
    ],
    onUnhandledFrame: "error",
    context: { quiet: true },
  });
  network.enable();
  return Object.assign(state, { invoices, charges, payments, asked, close: () => network.disable() });
}
