import { statSync } from "node:fs";
import { DimmerError, isTenantId } from "@dimmer/core";
import type { Logger } from "pino";
import { z } from "zod";
import { readYamlFile } from "../config/yaml-file.ts";
import type { WebhookEndpoint } from "./endpoint.ts";

const secret = z.string().regex(/^(?:whsec_)?[A-Za-z0-9+/]{16,}={0,2}$/, { error: "must be whsec_ and base64" });
/** What is wrong with a URL, found at the start: at a delivery it would stop everything that waits. */
function faultOfUrl(text: string, allowHttp: boolean): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return "must be a URL";
  if (url.username !== "" || url.password !== "") return "must have no user or password in it";
  if (url.protocol === "http:" && !allowHttp) {
    return "must be https:, since payloads go there; http: needs --webhooks-allow-loopback, for development";
  }
  return undefined;
}

type WebhookFile = Readonly<
  Record<
    "endpoints",
    Readonly<
      Record<
        string,
        {
          readonly url: string;
          readonly secret?: string | undefined;
          readonly secrets?: readonly string[] | undefined;
          readonly tenant?: string | undefined;
        }
      >
    >
  >
>;

function fileSchema(allowHttp: boolean): z.ZodType<WebhookFile> {
  const endpoint = z
    .strictObject({
      url: z.string().check(({ value, issues }) => {
        const fault = faultOfUrl(value, allowHttp);
        if (fault !== undefined) issues.push({ code: "custom", message: fault, input: value });
      }),
      secret: secret.optional(),
      secrets: z.array(secret).min(1).max(4).optional(),
      tenant: z.string().refine(isTenantId, { error: "must be the id of a tenant" }).optional(),
    })
    .refine((given) => (given.secret === undefined) !== (given.secrets === undefined), {
      error: "needs either secret or secrets",
    });
  return z.strictObject({
    endpoints: z.record(z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/), endpoint),
  });
}

/**
 * Reads the endpoints of webhooks from a YAML file: `endpoints: { orders: { url, secret } }`. Its secrets are in no
 * message and no log. Warns where others than its owner may read it.
 *
 * @param allowHttp whether `http:` is taken, for development
 * @throws {DimmerError} `options_invalid` naming the file, the place and the fix
 */
export function readWebhookFile(
  path: string,
  { allowHttp, log }: { readonly allowHttp: boolean; readonly log: Logger },
): ReadonlyMap<string, WebhookEndpoint> {
  const outcome = fileSchema(allowHttp).safeParse(readYamlFile(path, "--webhooks").value);
  if (!outcome.success) {
    const [issue] = outcome.error.issues;
    const place = issue?.path.join(".") ?? "";
    throw new DimmerError(
      "options_invalid",
      `--webhooks ${path}: ${place === "" ? "the file" : place}: ${issue?.message ?? "is malformed"}. ` +
        "Write endpoints: {orders: {url: https://…, secret: whsec_…}}.",
    );
  }
  if ((statSync(path).mode & 0o077) !== 0) {
    log.warn({ file: path }, `--webhooks ${path}: holds secrets and can be read by others: chmod 600 ${path}`);
  }
  return new Map(
    Object.entries(outcome.data.endpoints).map(([name, { url, secret: one, secrets, tenant }]) => [
      name,
      { url, secrets: secrets ?? (one === undefined ? [] : [one]), tenant },
    ]),
  );
}
