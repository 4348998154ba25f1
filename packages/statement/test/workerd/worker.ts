import { compileStandardPolicy } from "@dimmer/core";
import { createTokenVerifier, verifyKeysetChain, verifyStatement } from "@dimmer/statement";
import { generateSigner, signerFromJwk } from "@dimmer/statement/keys";

/** What the test hands in. */
export interface WorkerInput {
  readonly keysets: readonly string[];
  readonly head: string;
  readonly token: string;
  readonly trust: string;
  readonly audience: string;
  readonly nowMs: number;
}

/** Verifies a chain, a head and a presented token; says what it saw, or the code of the refusal. */
export async function answer(request: Request): Promise<Response> {
  const { keysets, head, token, trust, audience, nowMs } = (await request.json()) as WorkerInput;
  try {
    const keys = await verifyKeysetChain(keysets, { trust: [trust], audience });
    const { payload } = await verifyStatement("dimmer-head+jwt", head, keys);
    const verifier = createTokenVerifier({ keys: () => keys, policy: compileStandardPolicy, nowMs: () => nowMs });
    const presented = await verifier.verify(token);
    const [a, b] = [await generateSigner(), await generateSigner()];
    return Response.json({
      keyset: keys.version,
      seq: payload.seq,
      tenant: presented.tenant,
      create: presented.ask({ capability: "create", principal: "admin" }),
      // Unlike Node, workerd imports a private key whose public half is another one's.
      mixedHalves: await signerFromJwk({ ...a.privateJwk, x: b.privateJwk.x }).catch(codeOf),
      isNode: "process" in globalThis,
    });
  } catch (error) {
    return Response.json({ code: codeOf(error) });
  }
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code ?? String(error);
}
