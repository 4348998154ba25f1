import type { IncomingMessage } from "node:http";
import { type HotDoor, type HotDoorOptions, hotDoor } from "../../hot-door.ts";
import type { HotRoute } from "../../hot-routes.ts";
import { type Problem, problemOf } from "../../problem.ts";
import { echoRequestId } from "../../request-id.ts";
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
    echoing(
      hotDoor({ ...desk, counted: "authzen", maxBytes, answer: (text, req) => faultOfType(req) ?? answer(text, req) }),
    );
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
    echoRequestId(req, res);
    door(req, res);
  };
}

/**
 * What is wrong with the declared type of a body. The protocol has one; that none is declared is taken for it. A page in a
 * browser cannot send it elsewhere unasked.
 */
function faultOfType({ headers }: IncomingMessage): Problem | undefined {
  const { "content-type": type } = headers;
  if (type === undefined || /^application\/json[ \t]*(;|$)/i.test(type)) return undefined;
  const detail = "the Content-Type must be application/json, as in: curl -H 'Content-Type: application/json'";
  return problemOf("malformed_request", detail, { field: "Content-Type" });
}
