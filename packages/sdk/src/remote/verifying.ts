import { hash } from "node:crypto";
import { type CompiledPolicy, compileLinted, compileStandardPolicy, type PolicyDocument } from "@dimmer/core";
import { createTokenVerifier, type PresentedEntitlement } from "@dimmer/statement";
import type { LockWatch } from "./lock-watch.ts";

type Verify = (token: string) => Promise<PresentedEntitlement>;

const verifiers = new WeakMap<LockWatch, Verify>();

/** The verifier of presented tokens that goes with what a watch holds; one per watch, so that it remembers versions. */
export function verifierOf(watch: LockWatch): Verify {
  const known = verifiers.get(watch);
  if (known !== undefined) return known;
  let compiled: { readonly document: PolicyDocument; readonly policy: CompiledPolicy } | undefined;
  const tokens = createTokenVerifier({
    keys: () => watch.held?.keys,
    policy: () => {
      const document = watch.held?.policy;
      if (document === undefined) return compileStandardPolicy();
      if (compiled?.document !== document) compiled = { document, policy: compileLinted(document) };
      return compiled.policy;
    },
    nowMs: () => watch.nowMs,
    digest: (token) => hash("sha256", token, "base64url"),
  });
  const verify: Verify = (token) => tokens.verify(token);
  verifiers.set(watch, verify);
  return verify;
}
