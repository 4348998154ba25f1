import type { HotRoute } from "../hot-routes.ts";
import { authzenRoutes } from "./authzen/routes.ts";
import { type CheckDesk, checkDoor } from "./check.ts";
import { checksDoor } from "./checks.ts";
import type { HookOptions } from "./hooks/judge-hook.ts";
import { hookRoutes } from "./hooks/routes.ts";
import { ofrepRoutes } from "./ofrep/routes.ts";

/** Every door of the hot path. */
export function hotRoutes(desk: CheckDesk, hooks: HookOptions): readonly HotRoute[] {
  return [
    { method: "POST", path: "/v1/check", door: checkDoor(desk) },
    { method: "POST", path: "/v1/checks", door: checksDoor(desk) },
    ...authzenRoutes(desk),
    ...ofrepRoutes(desk),
    ...hookRoutes(desk, hooks),
  ];
}
