/** What is said of a tenant where tokens are given: unsigned where it is no token. */
export type TokenAnswer = { readonly token: string } | "unknown" | "gone";

/** Where entitlement tokens are given. It believes nothing: whatever it gives is verified by whoever asked. */
export interface TokenSource {
  /**
   * The entitlement token of a tenant, as it is signed now.
   *
   * @throws {SourceFault} `isUnsupported` where no tokens are given (404 of another kind, 405, 501)
   */
  token(tenant: string, signal?: AbortSignal): Promise<TokenAnswer>;
}

/** The path of a tenant's token. Never throws. */
export function pathOfToken(tenant: string): string {
  return `/v1/entitlements/${encodeURIComponent(tenant)}`;
}

/** What the `type` of a problem document says of a tenant; `undefined` for any other. Never throws. */
export function answerOfProblem(text: string): "unknown" | "gone" | undefined {
  try {
    const { type } = JSON.parse(text) as { type?: unknown };
    if (type === "urn:dimmer:problem:tenant_unknown") return "unknown";
    return type === "urn:dimmer:problem:tenant_gone" ? "gone" : undefined;
  } catch {
    return undefined;
  }
}
