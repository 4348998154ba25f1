import { type HotDoor, type HotDoorOptions, hotDoor } from "../../hot-door.ts";
import type { HotRoute } from "../../hot-routes.ts";
import { type CheckDesk, MAX_CHECK_BYTES } from "../check.ts";
import { MAX_CHECKS_BYTES } from "../checks.ts";
import { answerActionSearch } from "./action-search.ts";
import { answerEvaluation, answerEvaluations } from "./evaluations.ts";

/** Where the doors of AuthZEN stand: what the configuration names. */
export const AUTHZEN_PATHS = {
  evaluation: "/access/v1/evaluation",
  evaluations: "/access/v1/evaluations",
  actionSearch: "/access/v1/search/action",
} as const;

/** Doors of the OpenID AuthZEN Authorization API 1.0 on the hot path. */
export function authzenRoutes(desk: CheckDesk): readonly HotRoute[] {
  const door = (maxBytes: number, answer: HotDoorOptions["answer"]): HotDoor =>
    echoing(hotDoor({ ...desk, counted: "authzen", maxBytes, answer }));
  return [
    {
      method: "POST",
      path: AUTHZEN_PATHS.evaluation,
      door: door(MAX_CHECK_BYTES, (text) => answerEvaluation(desk, text)),
    },
    {
      method: "POST",
      path: AUTHZEN_PATHS.evaluations,
      door: door(MAX_CHECKS_BYTES, (text) => answerEvaluations(desk, text)),
    },
    {
      method: "POST",
      path: AUTHZEN_PATHS.actionSearch,
      door: door(MAX_CHECK_BYTES, (text) => answerActionSearch(desk, text)),
    },
  ];
}

/** Sends the `X-Request-ID` of a request back, whatever the answer. */
function echoing(door: HotDoor): HotDoor {
  return (req, res) => {
    const id = req.headers["x-request-id"];
    if (typeof id === "string") res.setHeader("x-request-id", id);
    door(req, res);
  };
}
