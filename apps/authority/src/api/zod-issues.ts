import type { z } from "zod";
import { malformed } from "./problem.ts";

type Issue = z.core.$ZodIssue;

/** Refuses what a schema does not take, naming the first field at fault. @throws {Refusal} `malformed`, always */
export function refuseIssues(issues: readonly Issue[], root: string): never {
  const issue = deepest(issues[0] as Issue);
  const path = issue.code === "unrecognized_keys" ? [...issue.path, ...issue.keys.slice(0, 1)] : issue.path;
  const field = path.reduce<string>(joined, root);
  const message = issue.code === "unrecognized_keys" ? "is not a field here" : issue.message;
  throw malformed(field === "" ? "body" : field, message.replace(/^Invalid input: /, ""));
}

/** Of a union, the issue of the branch that came furthest. */
function deepest(issue: Issue): Issue {
  if (issue.code !== "invalid_union") return issue;
  const branches = issue.errors.flatMap((errors) => errors.slice(0, 1));
  const best = branches.toSorted((a, b) => b.path.length - a.path.length)[0];
  if (best === undefined || best.path.length === 0) return issue;
  return deepest({ ...best, path: [...issue.path, ...best.path] });
}

function joined(place: string, part: PropertyKey): string {
  if (typeof part === "number") return `${place}[${part}]`;
  return place === "" ? String(part) : `${place}.${String(part)}`;
}
