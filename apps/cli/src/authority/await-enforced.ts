import { askSidecar } from "../ask-sidecar.ts";
import { environmentFailure } from "../failure.ts";
import type { AuthorityClient } from "./authority-client.ts";
import type { ChosenAuthority } from "./choose-authority.ts";

/** Who enforces a version, once all of them do. */
export interface Enforcement {
  /** For people, as in `the sidecar` or `3 replicas`. */
  readonly by: string;
  readonly tookMs: number;
}

const WITHIN_MS = 30_000;
const SIDECAR_POLL_MS = 10;
const FLEET_POLL_MS = 200;

/**
 * Waits until a version is enforced: in development by the sidecar of `dimmer dev`, which is asked itself; elsewhere by
 * every replica that reports to the authority.
 *
 * @throws {CommandFailure} `not_enforced` after 30 s, or at once where no replica reports
 */
export async function awaitEnforced(
  client: AuthorityClient,
  { dev }: ChosenAuthority,
  version: string,
): Promise<Enforcement> {
  const { compareVersions, parseVersion } = await import("@dimmer/statement");
  const startedMs = performance.now();
  const wanted = parseVersion(version);
  if (wanted === undefined) throw new Error(`the authority answers with ${version}, which is no version`);
  let seen = "";
  while (performance.now() - startedMs < WITHIN_MS) {
    if (dev !== undefined) {
      const { body } = await askSidecar(dev.sidecar, "/v1/status");
      const held = parseVersion(String(body["version"]));
      if (held !== undefined && compareVersions(held, wanted) >= 0) return enforced("the sidecar", startedMs);
      seen = `the sidecar is at ${String(body["version"])}`;
    } else {
      const { replicas, enforcing } = await client.get(`/v1/fleet/versions/${version}`);
      if (replicas === 0) {
        throw environmentFailure(
          "not_enforced",
          `published as version ${version}; no replica reports to the authority`,
        );
      }
      if (enforcing === replicas) return enforced(`${String(replicas)} replicas`, startedMs);
      seen = `${String(enforcing)} of ${String(replicas)} replicas are there`;
    }
    await new Promise((done) => setTimeout(done, dev === undefined ? FLEET_POLL_MS : SIDECAR_POLL_MS));
  }
  const message = `published as version ${version}, and not enforced within ${WITHIN_MS / 1_000} s: ${seen}`;
  throw environmentFailure("not_enforced", message);
}

function enforced(by: string, startedMs: number): Enforcement {
  return { by, tookMs: Math.round(performance.now() - startedMs) };
}
