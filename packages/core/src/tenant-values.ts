import { spokenInstant } from "./instant.ts";
import { prospectOf } from "./prospect.ts";
import type { Standing } from "./standing.ts";
import type { Speaker, TextValues } from "./texts.ts";

/** What any text about a tenant may name, whatever the question: tenant, mode, and the next mode with its date. */
export function tenantValues(standing: Standing, speaker: Speaker, tenant: string): TextValues {
  const prospect = prospectOf(standing);
  const { zone } = standing.state.policy.document;
  return {
    tenant,
    mode: speaker.nameOf("modes", standing.mode),
    ...(prospect === undefined
      ? {}
      : {
          next: spokenInstant(prospect.atMs, zone, speaker.locale),
          nextMode: speaker.nameOf("modes", prospect.mode),
        }),
  };
}
