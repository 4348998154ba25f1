import { OFREPWebProvider } from "@openfeature/ofrep-web-provider";
import { type Client, OpenFeature, type Provider } from "@openfeature/web-sdk";

/** How long a page may draw itself from what it kept, in seconds: as long as a product goes on without contact. */
const KEPT_S = 86_400;
/** How often a page of another origin asks again, in milliseconds. */
const POLL_MS = 30_000;

/** What a page tells of itself to read its flags. */
export interface FlagsOptions {
  /** Origin of the product's own server, as in `https://app.example`; never the sidecar's. */
  readonly baseUrl: string;
  /** What the server said of the session. The server puts it into every request itself: here it only keeps caches apart. */
  readonly tenant: string;
  /**
   * The page comes from another origin than `baseUrl`. Cookies then go along, and it polls: an `EventSource` of the
   * provider sends no cookies to other origins.
   */
  readonly isOtherOrigin?: boolean;
}

/**
 * Reads the flags of the session's tenant and keeps them current: when the server says that they changed, or by polling.
 * Without a server it draws from what it kept for a day, else from the defaults in the page. Flags only draw the page:
 * what a tenant may do is decided where the request arrives.
 */
export async function openFlags({ baseUrl, tenant, isOtherOrigin = false }: FlagsOptions): Promise<Client> {
  const provider = new OFREPWebProvider({
    baseUrl,
    // A restriction that came meanwhile is to show at once, so what was kept is for when nobody answers.
    cacheMode: "network-first",
    cacheTTL: KEPT_S,
    ...(isOtherOrigin
      ? {
          changeDetection: "polling" as const,
          pollInterval: POLL_MS,
          fetchImplementation: (input, init) => fetch(input, { ...init, credentials: "include" }),
        }
      : {}),
  });
  await OpenFeature.setContext({ targetingKey: tenant });
  // Its optional `hooks` is declared as "or undefined", which exactOptionalPropertyTypes takes for something else.
  // The client answers with the page's defaults until there is a server again.
  await OpenFeature.setProviderAndWait(provider as Provider).catch(() => undefined);
  return OpenFeature.getClient();
}

/** What the page shows. */
export interface PageState {
  readonly canCreate: boolean;
  readonly notice: string;
  readonly seats: string;
}

/**
 * Reads what the page shows. The defaults are open, as the product is: where nobody answers, a button that the server then
 * refuses annoys nobody for long, and a customer who pays is not shut out by an outage.
 */
export function readState(client: Pick<Client, "getBooleanDetails" | "getNumberDetails">): PageState {
  const create = client.getBooleanDetails("can.create", true);
  const { mode = "full", reason } = create.flagMetadata;
  const seats = client.getNumberDetails("seats", Number.POSITIVE_INFINITY);
  return {
    canCreate: create.value,
    notice: create.value ? "" : `Creating is closed (${mode}, ${reason}).`,
    seats: seats.variant === "on" && seats.flagMetadata["unlimited"] !== true ? `${seats.value} seats` : "",
  };
}
