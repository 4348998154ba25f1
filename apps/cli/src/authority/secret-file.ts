import { rmSync, writeFileSync } from "node:fs";
import { toFailure } from "../failure.ts";
import type { AuthorityClient, Body } from "./authority-client.ts";

/**
 * Makes something with a secret at the authority and keeps the secret in a new file, mode 0600. The file is made before
 * the secret: one that cannot be kept would be lost.
 *
 * @returns what was made, without its secret
 * @throws {CommandFailure} where the file is there, cannot be written, or the authority refuses
 */
export async function makeIntoFile(
  client: AuthorityClient,
  file: string,
  { path, body, reason }: { readonly path: string; readonly body: Body; readonly reason: string },
): Promise<Body> {
  try {
    writeFileSync(file, "", { mode: 0o600, flag: "wx" });
  } catch (cause) {
    throw toFailure(cause);
  }
  try {
    const { body: made } = await client.write("POST", path, { reason, body });
    const { secret, ...shown } = made;
    writeFileSync(file, `${String(secret)}\n`);
    return shown;
  } catch (cause) {
    rmSync(file, { force: true });
    throw toFailure(cause);
  }
}
