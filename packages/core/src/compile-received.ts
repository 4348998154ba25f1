import { type CompiledPolicy, compileLinted } from "./compile.ts";
import { DimmerError } from "./error.ts";
import { lintForDecisions } from "./lint.ts";
import type { PolicyDocument } from "./policy.ts";

/**
 * Compiles a policy that a feed brought: linted whole by whoever signed it, and here again only as far as decisions and
 * denials rest on it. A rule that a later version adds to the lint of schedules must not make a replica refuse a policy
 * that was signed before it.
 *
 * @throws {DimmerError} `policy_invalid` with the first finding
 */
export function compileReceived(document: PolicyDocument): CompiledPolicy {
  const fault = lintForDecisions(document).find(({ severity }) => severity === "error");
  if (fault !== undefined) {
    const place = fault.place === "" ? "policy" : fault.place;
    throw new DimmerError("policy_invalid", `${place}: ${fault.message} (${fault.code}). ${fault.fix}`);
  }
  return compileLinted(document);
}
