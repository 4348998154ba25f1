import type { Decision } from "@dimmer/core";

/** What a denial must be like; what is left out may be anything. */
export interface ExpectedDenial {
  readonly reason?: string;
  readonly mode?: string;
  /** Of a decision only: a response says it in its body. */
  readonly cause?: string;
  readonly capability?: string;
  /** Of a response only. */
  readonly status?: number;
}

/** What a matcher answers, for vitest and for jest alike. */
export interface MatcherResult {
  readonly pass: boolean;
  readonly message: () => string;
}

/** The matchers, as they are added to the types of a test runner. */
export interface DimmerMatchers<R = unknown> {
  /**
   * The decision allows, or the response is one of success (2xx) and no denial of Dimmer. A 404, a 500 or a redirect to a
   * page for signing in proves nothing: where such a status is what the route answers, name it.
   */
  toBeAllowed(expected?: { readonly status: number }): R;
  /**
   * The decision denies, or the response is a denial of Dimmer: by this reason, or like this. `not.toBeAllowed()` is less:
   * it is also what an accident of the product is.
   */
  toBeDeniedWith(expected: string | ExpectedDenial): R;
}

type Told = Readonly<Record<keyof ExpectedDenial, string | number | undefined>> & { readonly allowed: boolean };

/**
 * Matchers for decisions and for responses of a product: `expect.extend({ ...dimmerMatchers })`. Their types are added to a
 * runner's by the product: docs/guides/testing.md has the lines. A response is told by its headers; its body is left unread.
 */
export const dimmerMatchers: {
  toBeAllowed(received: unknown, expected?: { readonly status: number }): MatcherResult;
  toBeDeniedWith(received: unknown, expected: string | ExpectedDenial): MatcherResult;
} = {
  toBeAllowed(received, expected) {
    const told = toldBy(received);
    const pass = told?.allowed === true && hasStatus(told, expected?.status);
    const wanted = expected === undefined ? "" : ` with status ${expected.status}`;
    return {
      pass,
      message: () => `expected ${wordsOf(told, received)}${pass ? " not" : ""} to be allowed${wanted}`,
    };
  },
  toBeDeniedWith(received, expected) {
    const told = toldBy(received);
    const wanted = typeof expected === "string" ? { reason: expected } : expected;
    const others = Object.entries(wanted).filter(([name, value]) => told?.[name as keyof ExpectedDenial] !== value);
    const isDenied = told !== undefined && !told.allowed;
    const want = Object.entries(wanted).map(([name, value]) => `${name} ${value}`);
    return {
      pass: isDenied && others.length === 0,
      message: () => `expected ${wordsOf(told, received)} to be denied with ${want.join(", ") || "anything"}`,
    };
  },
};

function toldBy(received: unknown): Told | undefined {
  if (typeof received !== "object" || received === null) return undefined;
  if ("headers" in received && "status" in received) return toldByResponse(received as Response);
  if (!("allowed" in received) || typeof received.allowed !== "boolean") return undefined;
  const { allowed, reason, mode, cause, capability } = received as Decision;
  return { allowed, reason, mode, cause, capability, status: undefined };
}

/** Whether what was not denied is one of success, or has the status that its test names. A decision has none. */
function hasStatus({ status }: Told, expected: number | undefined): boolean {
  if (status === undefined) return expected === undefined;
  return expected === undefined ? Number(status) >= 200 && Number(status) < 300 : status === expected;
}

/** Frameworks that inject requests have plain objects for headers. */
function toldByResponse({ status, headers }: Pick<Response, "status" | "headers">): Told {
  const read = (name: string): string | undefined => {
    if (typeof headers.get === "function") return headers.get(name) ?? undefined;
    return (headers as unknown as Readonly<Record<string, string | undefined>>)[name];
  };
  const reason = read("dimmer-reason");
  const mode = read("dimmer-mode");
  // A gateway's hook says why it lets through, too.
  const allowed = reason === undefined || status < 400;
  return { allowed, reason, mode, status, cause: undefined, capability: undefined };
}

function wordsOf(told: Told | undefined, received: unknown): string {
  if (told === undefined) return `${String(received)}, which is neither a decision nor a response,`;
  const { allowed, ...more } = told;
  const words = Object.entries(more).flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${value}`]));
  const is = allowed ? (told.status === undefined ? "allowed" : "not denied") : "denied";
  return `what is ${is} (${words.join(", ")})`;
}
