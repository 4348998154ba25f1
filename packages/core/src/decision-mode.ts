import { parseDurationMs } from "./duration.ts";

/** Whose decision a step is, read from the policy. */
export type DecisionRule =
  | { readonly kind: "auto" }
  | { readonly kind: "auto_unless_vetoed"; readonly windowMs: number }
  | { readonly kind: "manual"; readonly approvers: 1 | 2 };

/**
 * Reads `auto`, `auto_unless_vetoed(24h)`, `manual` or `manual(four_eyes)`; `undefined` for any other text. Never
 * throws.
 */
export function parseDecisionMode(text: string): DecisionRule | undefined {
  if (text === "auto") return { kind: "auto" };
  if (text === "manual") return { kind: "manual", approvers: 1 };
  if (text === "manual(four_eyes)") return { kind: "manual", approvers: 2 };
  const window = /^auto_unless_vetoed\((\w+)\)$/.exec(text)?.[1];
  const windowMs = window === undefined ? undefined : parseDurationMs(window);
  return windowMs === undefined ? undefined : { kind: "auto_unless_vetoed", windowMs };
}
