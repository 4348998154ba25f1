import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { answerOf, type PreparedAnswer } from "../../answer-book.ts";
import { namesTag } from "../../entity-tag.ts";
import { hotDoor } from "../../hot-door.ts";
import type { HotRoute } from "../../hot-routes.ts";
import { type Problem, problemOf } from "../../problem.ts";
import { type CheckDesk, MAX_CHECK_BYTES } from "../check.ts";
import { type EvaluatedFlag, evaluateFlag } from "./evaluate-flag.ts";
import { eventsPathOf } from "./events.ts";
import { flagsOf } from "./flags.ts";
import { KEY_MISSING, readEvaluation, type Target } from "./read-context.ts";

/** Where flags are evaluated: all of them at the path itself, one below it. */
const FLAGS_PATH = "/ofrep/v1/evaluate/flags";
/** A browser tab that is hidden for so long closes its stream and asks again when it is back. */
const INACTIVITY_S = 120;

/** Doors of the OpenFeature Remote Evaluation Protocol 0.3.0 on the hot path. */
export function ofrepRoutes(desk: CheckDesk): readonly HotRoute[] {
  const shared = { ...desk, counted: "ofrep" as const, maxBytes: MAX_CHECK_BYTES };
  return [
    {
      method: "POST",
      path: FLAGS_PATH,
      door: hotDoor({
        ...shared,
        answer: (text, req) => answerAll(desk, text, req),
        refusal: (fault) => failure(fault),
      }),
    },
    {
      method: "POST",
      path: `${FLAGS_PATH}/`,
      door: hotDoor({
        ...shared,
        answer: (text, req) => answerOne(desk, text, keyOf(req)),
        refusal: (fault, req) => failure(fault, keyOf(req)),
      }),
    },
  ];
}

/** `POST /ofrep/v1/evaluate/flags/{key}`: one flag, by its dynamic context. */
function answerOne(desk: CheckDesk, text: string, key: string | undefined): PreparedAnswer | Problem {
  if (key === undefined) return problemOf("malformed_question", "the key of the flag is no percent-encoded UTF-8");
  const read = readEvaluation(text);
  if ("status" in read) return read;
  const { target, fault } = read;
  if (fault !== undefined && !isLockedOut(desk, target)) return fault;
  const flag = evaluateFlag(desk, key, target);
  if (fault !== undefined && !isLocked(flag)) return fault;
  return flag === undefined
    ? problemOf("not_found", "the policy in force has no such feature, and no such capability (can.<capability>)")
    : preparedOf(flag);
}

/** Answers by flag: those that are one object for all tenants are written once. */
const prepared = new WeakMap<EvaluatedFlag, PreparedAnswer>();

function preparedOf(flag: EvaluatedFlag): PreparedAnswer {
  const known = prepared.get(flag);
  if (known !== undefined) return known;
  const answer = answerOf(JSON.stringify(flag));
  if (flag.variant === "on") prepared.set(flag, answer);
  return answer;
}

/**
 * `POST /ofrep/v1/evaluate/flags`: every flag of the policy by a static context, with an entity tag over the context and
 * all that is answered: 304 where nothing of it changed.
 */
function answerAll(desk: CheckDesk, text: string, req: IncomingMessage): PreparedAnswer | Problem {
  const read = readEvaluation(text);
  if ("status" in read) return read;
  const { target, context, fault } = read;
  if (fault !== undefined && !isLockedOut(desk, target)) return fault;
  const flags = flagsOf(desk.replica.policy).map((key) => {
    const flag = evaluateFlag(desk, key, target);
    return fault === undefined || isLocked(flag) ? flag : failureOf(fault, key);
  });
  const stream = {
    type: "sse",
    endpoint: { requestUri: eventsPathOf(target.tenant) },
    inactivityDelaySec: INACTIVITY_S,
  };
  const body = JSON.stringify({ flags, eventStreams: [stream] });
  const etag = `"${createHash("sha256").update(JSON.stringify(context)).update("\0").update(body).digest("base64url")}"`;
  if (namesTag(req.headers["if-none-match"], etag)) {
    return { status: 304, head: ["etag", etag], text: "", encoding: "latin1" };
  }
  const answer = answerOf(body);
  return { ...answer, head: [...answer.head, "etag", etag, "cache-control", "private, no-cache"] };
}

/** The key that the path names, decoded; `undefined` where it cannot be. */
function keyOf({ url = "" }: IncomingMessage): string | undefined {
  const [path = ""] = url.split("?", 1);
  try {
    return decodeURIComponent(path.slice(FLAGS_PATH.length + 1));
  } catch {
    return undefined;
  }
}

/** Tells whether a lock stands on the tenant: what it denies is then answered though the rest of the question is malformed. */
function isLockedOut({ replica }: CheckDesk, { tenant }: Target): boolean {
  return replica.about(tenant).standing.state.lock !== undefined;
}

/**
 * Tells whether a flag is denied by a lock, which no mistake in the rest of the question may open: a client takes its own
 * default for whatever is refused.
 */
function isLocked(flag: EvaluatedFlag | undefined): boolean {
  return flag?.metadata["reason"] === "locked";
}

/** A refusal in the form of the protocol. */
function failure(problem: Problem, key?: string): PreparedAnswer {
  return answerOf(JSON.stringify(failureOf(problem, key)));
}

function failureOf(problem: Problem, key: string | undefined): object {
  return { ...(key === undefined ? {} : { key }), errorCode: codeOf(problem), errorDetails: problem.detail };
}

function codeOf({ status, field, detail }: Problem): string {
  if (status === 404) return "FLAG_NOT_FOUND";
  if (status !== 400) return "GENERAL";
  if (field === undefined) return "PARSE_ERROR";
  return detail === KEY_MISSING ? "TARGETING_KEY_MISSING" : "INVALID_CONTEXT";
}
