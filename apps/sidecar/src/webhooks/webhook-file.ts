import { DimmerError } from "@dimmer/core";
import { z } from "zod";
import { readYamlFile } from "../config/yaml-file.ts";

/** An endpoint that webhooks go to. */
export interface WebhookEndpoint {
  readonly url: string;
  /** Each signs; the new one first while it replaces another. */
  readonly secrets: readonly string[];
  /** Whose endpoint it is; left out: any tenant's webhooks may go there. */
  readonly tenant: string | undefined;
}

const secret = z.string().regex(/^(?:whsec_)?[A-Za-z0-9+/]{16,}={0,2}$/, { error: "must be whsec_ and base64" });
const endpoint = z
  .strictObject({
    url: z.string().refine((url) => /^https?:$/.test(URL.parse(url)?.protocol ?? ""), { error: "must be a URL" }),
    secret: secret.optional(),
    secrets: z.array(secret).min(1).max(4).optional(),
    tenant: z.string().optional(),
  })
  .refine((given) => (given.secret === undefined) !== (given.secrets === undefined), {
    error: "needs either secret or secrets",
  });
const file = z.strictObject({
  endpoints: z.record(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/), endpoint),
});

/**
 * Reads the endpoints of webhooks from a YAML file: `endpoints: { orders: { url, secret } }`. Its secrets are in no
 * message and no log.
 *
 * @throws {DimmerError} `options_invalid` naming the file, the place and the fix
 */
export function readWebhookFile(path: string): ReadonlyMap<string, WebhookEndpoint> {
  const outcome = file.safeParse(readYamlFile(path, "--webhooks").value);
  if (!outcome.success) {
    const [issue] = outcome.error.issues;
    const place = issue?.path.join(".") ?? "";
    throw new DimmerError(
      "options_invalid",
      `--webhooks ${path}: ${place === "" ? "the file" : place}: ${issue?.message ?? "is malformed"}. ` +
        "Write endpoints: {orders: {url: https://…, secret: whsec_…}}.",
    );
  }
  return new Map(
    Object.entries(outcome.data.endpoints).map(([name, { url, secret: one, secrets, tenant }]) => [
      name,
      { url, secrets: secrets ?? (one === undefined ? [] : [one]), tenant },
    ]),
  );
}
