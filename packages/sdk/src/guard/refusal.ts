import type { Denial } from "@dimmer/core";
import type { Refusal } from "./options.ts";

/** A denial as it goes over the wire. Never throws. */
export function refusalOf({ status, headers, body }: Denial): Refusal {
  return { status, headers, body: JSON.stringify(body) };
}

/**
 * The answer to a request that could be read in two ways. It repeats nothing of the request. Never throws.
 *
 * @param why what is wrong with it, for people
 */
export function ambiguousRefusal(why: string): Refusal {
  const body = {
    type: "urn:dimmer:problem:ambiguous_request",
    title: "This request could be read in two ways",
    status: 400,
    detail: `It is refused because of this in its address or method: ${why}.`,
  };
  return {
    status: 400,
    headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store" },
    body: JSON.stringify(body),
  };
}
