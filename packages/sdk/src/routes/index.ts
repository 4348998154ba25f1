export { canonicalPath, isCanonical, MAX_PATH_BYTES, type PathFault } from "./canonical-path.ts";
export { classify, type MethodFault, type RequestFault } from "./classify.ts";
export {
  type DecidedRequest,
  type DecisionSource,
  judgeRequest,
  type OpenRequest,
  routeAsk,
  type TenantRequest,
} from "./judge-request.ts";
export { lintRoutes, type RouteFinding, type RouteFindingCode } from "./lint-routes.ts";
export type { ProtectedCapability, ProtectedRoute, ProtectedRoutes } from "./protected-routes.ts";
export { ASKERS, type RouteAnswer, routeAnswers } from "./route-answers.ts";
export { type Classification, compileRoutes, type RouteRule, type RouteTable } from "./route-table.ts";
