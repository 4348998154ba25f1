import { json, type Operation, problem } from "./operation.ts";

const REFUSED = {
  "400": problem("The request is malformed, or its Content-Type another than application/json; `field` names where."),
  "413": problem("The body, or the batch, is too large."),
  "415": problem("The body has a content-encoding."),
} as const;

/** The doors of the OpenID AuthZEN Authorization API 1.0. */
export const AUTHZEN_OPERATIONS: readonly Operation[] = [
  {
    name: "authzenEvaluation",
    method: "POST",
    path: "/access/v1/evaluation",
    summary: "AuthZEN: one evaluation",
    description: "200 whether allowed or denied. `X-Request-ID` is sent back with every answer.",
    reach: "checks",
    body: "AuthzenEvaluation",
    answers: { "200": json("AuthzenDecision", "The decision."), ...REFUSED },
  },
  {
    name: "authzenEvaluations",
    method: "POST",
    path: "/access/v1/evaluations",
    summary: "AuthZEN: a batch of evaluations",
    description: "In order, with three semantics; a malformed item is denied in its place.",
    reach: "checks",
    body: "AuthzenEvaluations",
    answers: { "200": json("AuthzenDecisions", "The decisions."), ...REFUSED },
  },
  {
    name: "authzenActionSearch",
    method: "POST",
    path: "/access/v1/search/action",
    summary: "AuthZEN: what a subject may do",
    description: "Capabilities, and features as `feature:<name>`; nothing for a tenant that is not in the feed.",
    reach: "checks",
    body: "AuthzenActionSearch",
    answers: { "200": json("AuthzenActions", "The actions."), ...REFUSED },
  },
  {
    name: "authzenConfiguration",
    method: "GET",
    path: "/.well-known/authzen-configuration",
    summary: "AuthZEN: where its doors are",
    description: "As URLs of the host that was asked.",
    reach: "checks",
    answers: { "200": json("AuthzenConfiguration", "The metadata.") },
  },
];
