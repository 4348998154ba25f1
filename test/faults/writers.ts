import type { AuthorityHost } from "./authority-process.ts";
import { fillerName } from "./feed-maker.ts";
import type { Acknowledged } from "./publications.ts";
import type { Stage } from "./scenario.ts";
import { pass } from "./waiting.ts";

/** Writers at an authority that dies under them. */
export interface Writers {
  readonly acknowledged: readonly Acknowledged[];
  /** Answers that were neither good nor a sign of an authority that is not there. */
  readonly refused: readonly string[];
  /** Resolves when every write under way is answered. */
  stop(): Promise<void>;
}

const WRITERS = 4;
const FILLERS_EACH = 10;

/**
 * Puts themes of fillers, each writer its own tenants, one write after the other: each is sent again under the same
 * idempotency key until it is answered.
 *
 * @param pauseMs between two writes of a writer
 */
export function startWriters(stage: Stage, authority: AuthorityHost, pauseMs = 0): Writers {
  const acknowledged: Acknowledged[] = [];
  const refused: string[] = [];
  let isStopped = false;
  let isAborted = false;
  const put = async (tenant: string, theme: string): Promise<void> => {
    while (!isAborted) {
      const body = { name: tenant, plan: "pro", features: { theme } };
      const answer = await authority
        .write("PUT", `/v1/tenants/${tenant}`, body, { idempotencyKey: theme, timeoutMs: 8_000 })
        .catch(() => undefined);
      if (answer !== undefined && answer.status < 300) {
        const { version } = answer.json<{ version: string | null }>();
        acknowledged.push({ tenant, theme, version: version ?? undefined });
        return;
      }
      if (answer !== undefined && answer.status < 500) refused.push(`${answer.status} ${answer.text.slice(0, 200)}`);
      await pass(15);
    }
  };
  const run = async (writer: number): Promise<void> => {
    for (let round = 0; !isStopped; round++) {
      await put(fillerName(writer * FILLERS_EACH + (round % FILLERS_EACH)), `w${writer}-${round}`);
      await pass(pauseMs);
    }
  };
  const running = Array.from({ length: WRITERS }, (_, writer) => run(writer));
  stage.atEnd(async () => {
    isStopped = true;
    isAborted = true;
    await Promise.all(running);
  });
  return {
    acknowledged,
    refused,
    stop: async () => {
      isStopped = true;
      await Promise.all(running);
    },
  };
}
