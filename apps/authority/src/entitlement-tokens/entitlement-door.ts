import type { IncomingMessage, ServerResponse } from "node:http";
import { isTenantId } from "@dimmer/core";
import { problemOf, Refusal } from "../api/problem.ts";
import { bearerOf } from "../credentials/secret.ts";
import type { FleetGate } from "../feed/fleet-gate.ts";
import type { TokenDesk } from "./token-desk.ts";

/** What the door stands on. */
export interface EntitlementDoor {
  readonly desk: TokenDesk;
  readonly gate: FleetGate;
}

/** Tells the requests that this door answers by their target. Never throws. */
export function isEntitlementTarget(target: string): boolean {
  return /^\/v1\/entitlements(?:[/?]|$)/.test(target);
}

/**
 * `GET /v1/entitlements/{tenant}`: an entitlement token of five minutes, to whoever may read the feed. It tells its bearer
 * no more than the feed does.
 *
 * @throws {Refusal} for what is answered with a problem; what the store throws
 */
export async function answerEntitlement(
  { desk, gate }: EntitlementDoor,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const secret = bearerOf(request.headers.authorization);
  if (secret === undefined || (await gate.admit(secret)) === undefined) {
    const detail = "tokens are given to a fleet credential with the scope feed:read, as Authorization: Bearer dmf_…";
    throw new Refusal(problemOf("unauthenticated", detail, { field: "authorization" }));
  }
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const [, , , tenant = "", more] = pathname.split("/");
  if (more !== undefined) throw new Refusal(problemOf("not_found", "there is no such path"));
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new Refusal(problemOf("method_not_allowed", "takes GET, HEAD"), { allow: "GET, HEAD" });
  }
  if (!isTenantId(tenant)) {
    const detail = "tenant: must be 1 to 128 letters, digits or . _ : -, the first a letter, digit or _";
    throw new Refusal(problemOf("malformed", detail, { field: "tenant" }));
  }
  const answer = await desk.issue(tenant);
  if ("missing" in answer) throw refusalOf(answer.missing);
  const bytes = Buffer.from(answer.token);
  response.writeHead(200, {
    "content-type": "application/jwt",
    "content-length": bytes.length,
    "cache-control": "no-store",
  });
  response.end(bytes);
}

function refusalOf(missing: "unknown" | "gone" | "unpublished" | "busy" | "too large"): Refusal {
  switch (missing) {
    case "unknown":
      return new Refusal(problemOf("tenant_unknown", "nothing is published of this tenant", { field: "tenant" }));
    case "gone":
      return new Refusal(problemOf("tenant_gone", "this tenant was removed", { field: "tenant" }));
    case "too large": {
      const detail = "what is published of this tenant is more than a token holds (16 KB): read its chunk of the feed";
      return new Refusal(problemOf("conflict", detail, { field: "tenant" }));
    }
    case "unpublished":
      return new Refusal(problemOf("unavailable", "nothing is published here yet, or this process may not sign"));
    case "busy":
      return new Refusal(problemOf("unavailable", "too many tokens are being signed; try again in a second"), {
        "retry-after": "1",
      });
  }
}
