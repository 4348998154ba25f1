import type { IncomingMessage } from "node:http";
import { type Decision, denialOf, denialStatusOf } from "@dimmer/core";
import { type Classification, classify } from "@dimmer/sdk/routes";
import { decideQuestion, faultOfRequest } from "../../decide-question.ts";
import { type Problem, problemHeaders, problemOf } from "../../problem.ts";
import { type Question, QuestionFault, readQuestion } from "../../question.ts";
import type { CheckDesk } from "../check.ts";
import { type Dialect, headerAsSent, TWICE } from "./dialect.ts";

/** What a hook says of a request. */
export type Verdict =
  | { readonly isAllowed: true; readonly mode: string; readonly reason: string }
  | {
      readonly isAllowed: false;
      readonly status: number;
      /** Renders what the client is told; where the proxy asks for the status alone, nobody does. */
      readonly render: () => { readonly headers: Readonly<Record<string, string>>; readonly body: string };
      readonly mode: string;
      readonly reason: string;
    };

/** What a hook does about a request of no tenant, beside the open routes. */
export interface HookOptions {
  /** `true`: it passes, as it does at the guard of a product. */
  readonly passesWithoutTenant: boolean;
}

const OPEN: Verdict = { isAllowed: true, mode: "", reason: "granted" };

/**
 * Judges the request that a proxy states, by `Dimmer-Tenant` and `Dimmer-Principal`, which the proxy sets and strips from
 * clients. An open route and `OPTIONS` pass without a tenant. Never throws.
 */
export function judgeHook(desk: CheckDesk, options: HookOptions, dialect: Dialect, req: IncomingMessage): Verdict {
  const { method, target } = dialect.read(req);
  if (method === undefined || method === "" || target === undefined || target === "") {
    return malformed(problemOf("malformed_request", `the proxy must state the request once, in ${dialect.statedBy}`));
  }
  const tenant = stated(req, "dimmer-tenant");
  if (tenant === undefined) return judgeNobody(desk, options, method, target);
  const principal = stated(req, "dimmer-principal");
  const read = readQuestion({
    tenant,
    request: { method, path: target },
    ...(principal === undefined ? {} : { principal }),
  });
  if (read instanceof QuestionFault) return malformedQuestion(read);
  const decision = decideQuestion(desk.replica, desk.routes, read);
  if (decision instanceof QuestionFault) return malformedQuestion(decision);
  (decision.allowed ? desk.counters.allowed : desk.counters.denied)[decision.reason]++;
  const { mode, reason } = decision;
  return decision.allowed ? { isAllowed: true, mode, reason } : denied(desk, read, decision, req);
}

/** A request of no tenant: it must be clean all the same, or the next hop may read another one. */
function judgeNobody(desk: CheckDesk, options: HookOptions, method: string, target: string): Verdict {
  const fault = faultOfRequest(method, target);
  if (fault !== undefined) return malformedQuestion(fault);
  const route = classify(desk.routes, method, target) as Classification;
  if (route.capability === "open" || options.passesWithoutTenant) return OPEN;
  const detail = "Dimmer-Tenant is missing: the proxy sets it from the session, or lets such requests pass";
  return malformed(problemOf("malformed_request", detail, { field: "Dimmer-Tenant" }));
}

function denied(
  { replica }: CheckDesk,
  { tenant, principal }: Question,
  decision: Decision,
  req: IncomingMessage,
): Verdict {
  return {
    isAllowed: false,
    status: denialStatusOf(decision),
    render: () => {
      const { standing, cases } = replica.about(tenant);
      const acceptLanguage = req.headers["accept-language"];
      const { headers, body } = denialOf(decision, standing, { tenant, cases, acceptLanguage, principal });
      return { headers, body: JSON.stringify(body) };
    },
    mode: decision.mode,
    reason: decision.reason,
  };
}

function malformedQuestion({ field, detail }: QuestionFault): Verdict {
  const name = FIELDS[field] ?? field;
  return malformed(problemOf("malformed_request", `${name} ${detail}`, { field: name }));
}

/** How the proxy calls what the question calls otherwise. */
const FIELDS: Readonly<Record<string, string>> = {
  tenant: "Dimmer-Tenant",
  principal: "Dimmer-Principal",
  "request.method": "method",
  "request.path": "path",
};

function malformed(problem: Problem): Verdict {
  return {
    isAllowed: false,
    status: problem.status,
    render: () => ({ headers: problemHeaders(problem), body: JSON.stringify(problem) }),
    mode: "",
    reason: "malformed_request",
  };
}

/** What the proxy says of who asks; an empty header says nothing. One that came twice is `""`, which is no name. */
function stated(req: IncomingMessage, name: string): string | undefined {
  const value = headerAsSent(req, name);
  if (value === "" || value === undefined) return undefined;
  return value === TWICE ? "" : value;
}
