import { answerOf, type PreparedAnswer } from "../../answer-book.ts";
import { problemOfFault, readJsonObject } from "../../json-object.ts";
import type { Problem } from "../../problem.ts";
import { QuestionFault } from "../../question.ts";
import type { CheckDesk } from "../check.ts";
import { readSearch, UnknownSubject } from "./read-evaluation.ts";

/**
 * `POST /access/v1/search/action`: what the subject may do, as the names that an evaluation takes: capabilities, and
 * `feature:<name>`. Nothing for a tenant that is not in the feed: what a fallback allows is no finding. All fit on one
 * page. Never throws.
 *
 * @see OpenID AuthZEN Authorization API 1.0, "Action Search API"
 */
export function answerActionSearch({ replica }: CheckDesk, text: string): PreparedAnswer | Problem {
  const read = readJsonObject(text);
  if ("status" in read) return read;
  const who = readSearch(read.object);
  if (who instanceof QuestionFault) return problemOfFault(who);
  if (who instanceof UnknownSubject) return answerOf('{"results":[]}');
  const { tenant, principal } = who;
  const { held, terms } = replica.about(tenant).standing.state;
  if (held && terms === undefined) return answerOf('{"results":[]}');
  const { capabilities, features } = replica.policy.document;
  const by = principal === undefined ? {} : { principal };
  const names = [
    ...capabilities.filter((capability) => replica.check(tenant, capability, principal).allowed),
    ...Object.keys(features)
      .filter((feature) => replica.ask(tenant, { feature, ...by }).allowed)
      .map((feature) => `feature:${feature}`),
  ];
  return answerOf(JSON.stringify({ results: names.map((name) => ({ name })) }));
}
