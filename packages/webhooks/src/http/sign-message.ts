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

/** Makes a signer; it keeps decoded secrets, the newest 10,000. */
export function messageSigner(): MessageSigner {
  const kept = new Map<string, Webhook>();
  const signerOf = (secret: string): Webhook => {
    const known = kept.get(secret);
    if (known !== undefined) return known;
    const made = new Webhook(secret);
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(secret, made);
    return made;
  };
  return {
    sign(secrets, { id, atMs, body }) {
      if (secrets.length === 0) throw new Error("there is no secret to sign with");
      return secrets.map((secret) => signerOf(secret).sign(id, new Date(atMs), body)).join(" ");
    },
  };
}
