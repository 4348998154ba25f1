import type { Principal } from "@dimmer/core";
import { RequestGuard } from "../../src/guard/guard.ts";
import type { GuardOptions, RequestReader } from "../../src/guard/options.ts";
import type { ProtectedRoutes } from "../../src/routes/protected-routes.ts";
import { locked, MemoryDimmer, unpaid } from "./memory-dimmer.ts";

/** A request without a server. */
export interface TestRequest {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly tenant?: string | null;
  readonly principal?: Principal;
}

/** Reads such a request. */
export const reader: RequestReader<TestRequest> = {
  method: ({ method }) => method ?? "GET",
  target: ({ target }) => target ?? "/notes",
  header: ({ headers }, name) => headers?.[name],
};

/** All protected capabilities in another service. */
export const elsewhere: ProtectedRoutes = {
  login: "elsewhere",
  pay: "elsewhere",
  export: "elsewhere",
  contact: "elsewhere",
  leave: "elsewhere",
};

/** One tenant of each kind that matters. */
export const tenants = { acme: unpaid("limited"), paying: {}, shut: unpaid("read_only"), stopped: locked() };

/** A guard over `tenants`, with what a test wants otherwise. */
export function guardWith(options: Partial<GuardOptions<TestRequest>> = {}): RequestGuard<TestRequest> {
  return new RequestGuard<TestRequest>(
    {
      dimmer: new MemoryDimmer(tenants),
      tenant: ({ tenant }) => tenant,
      principal: ({ principal }) => principal,
      routes: [{ path: "/health", capability: "open" }],
      protected: elsewhere,
      ...options,
    },
    reader,
  );
}

/** The status that a guard answers with; 200 where it lets pass. */
export async function statusOf(guard: RequestGuard<TestRequest>, request: TestRequest): Promise<number> {
  return (await guard.judge(request))?.status ?? 200;
}
