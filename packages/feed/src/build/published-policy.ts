import { type CompiledPolicy, compilePolicy, DimmerError, lintPolicy, type PolicyDocument } from "@dimmer/core";

const MAX_LISTED = 20;

/**
 * Compiles a policy that is about to be published.
 *
 * @throws {DimmerError} `policy_invalid` listing what is wrong, one finding a line with place, message and fix
 */
export function compilePublished(document: PolicyDocument): CompiledPolicy {
  refuseFindings(lintPolicy(document).filter(({ severity }) => severity === "error"));
  return compilePolicy(document);
}

/**
 * Refuses a policy that takes something from a mode which steps of the feed name: what was announced under that name
 * was promised. A mode that no step names may change.
 *
 * @param modes the modes that steps name
 * @throws {DimmerError} `policy_invalid`
 */
export function refuseNarrowed(document: PolicyDocument, previous: PolicyDocument, modes: ReadonlySet<string>): void {
  const promised = new Set(document.modes.flatMap(({ name }, i) => (modes.has(name) ? [`modes[${i}].`] : [])));
  refuseFindings(
    lintPolicy(document, previous).filter(
      ({ code, place }) => code === "mode_narrowed" && promised.has(place.slice(0, place.indexOf(".") + 1)),
    ),
  );
}

function refuseFindings(
  findings: readonly {
    readonly code: string;
    readonly place: string;
    readonly message: string;
    readonly fix: string;
  }[],
): void {
  if (findings.length === 0) return;
  const listed = findings
    .slice(0, MAX_LISTED)
    .map(({ code, place, message, fix }) => `  ${place}: ${message} (${code}). ${fix}`);
  const rest = findings.length > MAX_LISTED ? [`  and ${findings.length - MAX_LISTED} more`] : [];
  throw new DimmerError("policy_invalid", ["the policy does not lint:", ...listed, ...rest].join("\n"));
}
