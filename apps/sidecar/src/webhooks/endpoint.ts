/** An endpoint that webhooks go to. */
export interface WebhookEndpoint {
  readonly url: string;
  /** Each signs; the new one first while it replaces another. */
  readonly secrets: readonly string[];
  /** Whose endpoint it is; left out: any tenant's webhooks may go there. */
  readonly tenant: string | undefined;
}

/** Whether a tenant's webhooks may go to an endpoint. Never throws. */
export function isOpenTo(endpoint: WebhookEndpoint, tenant: string): boolean {
  return endpoint.tenant === undefined || endpoint.tenant === tenant;
}
