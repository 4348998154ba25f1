import type { ProtectedRoutes, RouteRule } from "@dimmer/sdk/routes";

/** What requests ask for where their method does not say it. */
export const routes: readonly RouteRule[] = [{ path: "/health", capability: "open" }];

/** What no restriction closes, and where it is. */
export const protectedRoutes: ProtectedRoutes = {
  login: "elsewhere",
  pay: [{ method: "POST", path: "/pay" }],
  export: [{ method: "GET", path: "/export.csv" }],
  contact: "elsewhere",
  leave: "elsewhere",
};
