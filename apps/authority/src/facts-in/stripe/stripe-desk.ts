import type Stripe from "stripe";
import { faultOfJson } from "../../api/read-body.ts";
import type { Service } from "../../api/service.ts";
import { type ItemState, receiveItem } from "../inbox.ts";
import { STRIPE } from "./billing-refs.ts";
import { isReadType, readStripeEvent } from "./read-event.ts";
import { type Reconciled, reconcileStripe } from "./reconcile.ts";
import { stripeEventForm } from "./stripe-forms.ts";
import { type StripeSettings, stripeClient } from "./stripe-settings.ts";
import { verifiedEvent } from "./verify-webhook.ts";

/** What is heard of Stripe: its webhooks, and what its API says when it is asked. */
export class StripeDesk {
  readonly #settings: StripeSettings;
  readonly #client: Stripe | undefined;
  #running: Promise<Reconciled> | undefined;

  constructor(settings: StripeSettings) {
    this.#settings = settings;
    this.#client = settings.apiKey === undefined ? undefined : stripeClient(settings.apiKey, settings.apiUrl);
  }

  /** Whether webhooks can be verified. */
  get isListening(): boolean {
    return this.#settings.webhookSecrets.length > 0;
  }

  /** Whether what is refunded is owed again. */
  get isRefundOwed(): boolean {
    return this.#settings.refunds === "owed";
  }

  /** Whether the API can be asked. */
  get canReconcile(): boolean {
    return this.#client !== undefined;
  }

  /** The event of a webhook; `undefined` where its signature is not Stripe's of about now. */
  verify(body: Buffer, signature: string | undefined, nowMs: number): Stripe.Event | undefined {
    return verifiedEvent({ body, signature, nowMs }, this.#settings.webhookSecrets);
  }

  /**
   * Takes an event in, once. What cannot be followed is quarantined, and the API is asked about it at once; an event
   * of a type from which nothing follows is counted.
   */
  async receive(service: Service, event: Stripe.Event): Promise<ItemState["state"]> {
    const isRead = stripeEventForm.safeParse(event).success && isReadType(event.type);
    if (!isRead || faultOfJson(event, "", 0) !== undefined) {
      service.counters.inbox.ignored++;
      return "ignored";
    }
    const item = { source: STRIPE, id: event.id, body: JSON.stringify(event) };
    const { state } = await receiveItem(service, item, readStripeEvent);
    if (state === "quarantined" && this.canReconcile) this.reconcileSoon(service);
    return state;
  }

  /** Asks the API in the background; what fails is logged and asked again at the next time. */
  reconcileSoon(service: Service): void {
    if (service.isStopping()) return;
    void this.reconcile(service).catch((error: unknown) => {
      service.log.warn({ err: error }, "Stripe could not be asked; it is asked again");
    });
  }

  /** Compares what is known with what the API says, and heals the gaps. One at a time. @throws {TypeError} without a key */
  async reconcile(service: Service): Promise<Reconciled> {
    const client = this.#client;
    if (client === undefined) throw new TypeError("stripe: there is no API key; set DIMMER_STRIPE_API_KEY");
    this.#running ??= reconcileStripe(service, client).finally(() => {
      this.#running = undefined;
    });
    return await this.#running;
  }

  /** Waits for what is under way. Never rejects. */
  async close(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }
}
