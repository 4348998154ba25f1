import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";

/** Signs messages by Standard Webhooks. */
export interface MessageSigner {
  /**
   * The value of `webhook-signature`: one signature for every secret, so that a receiver that knows any of them takes
   * it.
   *
   * @param secrets the new one first, the old one for as long as a rotation takes
   * @throws where a secret is not base64 (with or without `whsec_`), or there is none
   */
  sign(
    secrets: readonly string[],
    message: { readonly id: string; readonly atMs: number; readonly body: string },
  ): string;
}

const MAX_KEPT = 10_000;

/**
 * Makes a signer; it keeps decoded secrets, the newest 10,000. The library says what a secret may be; the sum is Node's
 * own, which takes a millisecond for 1 MiB where the library's stops the process for twenty.
 */
export function messageSigner(): MessageSigner {
  const kept = new Map<string, Buffer>();
  const keyOf = (secret: string): Buffer => {
    const known = kept.get(secret);
    if (known !== undefined) return known;
    new Webhook(secret);
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(secret, key);
    return key;
  };
  return {
    sign(secrets, { id, atMs, body }) {
      if (secrets.length === 0) throw new Error("there is no secret to sign with");
      const head = `${id}.${Math.floor(atMs / 1_000)}.`;
      return secrets
        .map((secret) => `v1,${createHmac("sha256", keyOf(secret)).update(head).update(body).digest("base64")}`)
        .join(" ");
    },
  };
}
