import type { StandardCapability } from "@dimmer/core";
import type { ProtectedRoutes, RouteRule } from "@dimmer/sdk/routes";

/** What requests of this product ask for; `/notes` and below go by their method. First match wins. */
export const routes: readonly RouteRule<StandardCapability>[] = [
  { method: "GET", path: "/", capability: "open" },
  { method: "GET", path: "/health", capability: "open" },
  { method: "POST", path: "/logout", capability: "open" },
  { method: "POST", path: "/login", capability: "login" },
  { method: "GET", path: "/session", capability: "login" },
  // Whoever may sign in sees where the account stands, also when notes can no longer be viewed.
  { method: "GET", path: "/account", capability: "login" },
  { method: "GET", path: "/export.csv", capability: "export" },
  { method: "GET", path: "/export.json", capability: "export" },
  { method: "POST", path: "/pay", capability: "pay" },
  { path: "/contact", capability: "contact" },
  { method: "POST", path: "/cancel", capability: "leave" },
];

/** Where the customer's way back, and out, lives. The guard refuses to start if the table above closed one of them. */
export const protectedRoutes: ProtectedRoutes = {
  login: [{ method: "POST", path: "/login" }],
  pay: [{ method: "POST", path: "/pay" }],
  export: [
    { method: "GET", path: "/export.csv" },
    { method: "GET", path: "/export.json" },
  ],
  contact: [{ path: "/contact" }],
  leave: [{ method: "POST", path: "/cancel" }],
};
