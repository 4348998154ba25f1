import { type CompiledPolicy, compileLinted, DimmerError, lintForDecisions, type PolicyDocument } from "@dimmer/core";

/**
 * Compiles a policy that a feed brought: signed, and linted whole by whoever signed it; here again as far as decisions
 * and denials rest on it.
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
