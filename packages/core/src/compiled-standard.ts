import { type CompiledPolicy, compileLinted } from "./compile.ts";
import { standardPolicy } from "./standard-policy.ts";

let compiled: CompiledPolicy | undefined;

/**
 * The standard policy, compiled once per process when first asked for: the fallbacks that count before a policy is
 * held. It is not linted at run time (the tests do that), so a bundle that needs only this leaves the linter out.
 * Never throws.
 */
export function compileStandardPolicy(): CompiledPolicy {
  compiled ??= compileLinted(standardPolicy);
  return compiled;
}
