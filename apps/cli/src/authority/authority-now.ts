import type { AuthorityClient } from "./authority-client.ts";

/**
 * What time it is for an authority: this machine's, unless it is one for development whose clock was moved. Unix
 * milliseconds. One request.
 *
 * @throws {CommandFailure}
 */
export async function authorityNowMs(client: AuthorityClient): Promise<number> {
  const clock = await client.find("/v1/dev/clock");
  return clock === undefined ? Date.now() : Date.parse(String(clock["now"]));
}
