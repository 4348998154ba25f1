import type { PolicyDocument } from "@dimmer/core";

/**
 * Reads a policy as whatever it is: `standard`, or a file of JSON or YAML. It is not linted here.
 *
 * @throws {DimmerError} `disk_failed` or `input_invalid`, naming the file
 */
export async function readPolicy(source: string): Promise<unknown> {
  if (source === "standard") return (await import("@dimmer/core/standard-policy")).standardPolicy;
  const { readPolicyDocument } = await import("@dimmer/feed/node");
  return await readPolicyDocument(source);
}

/**
 * Reads a policy that may be put in force.
 *
 * @throws {DimmerError} `policy_invalid` with the first finding where it does not lint; those of `readPolicy`
 */
export async function readSoundPolicy(source: string): Promise<PolicyDocument> {
  const { DimmerError, lintPolicy } = await import("@dimmer/core");
  const document = await readPolicy(source);
  const fault = lintPolicy(document).find(({ severity }) => severity === "error");
  if (fault === undefined) return document as PolicyDocument;
  const place = fault.place === "" ? "" : `${fault.place}: `;
  throw new DimmerError(
    "policy_invalid",
    `policy ${source}: ${place}${fault.message} (${fault.code}). ${fault.fix} "dimmer policy lint ${source}" shows all`,
  );
}
