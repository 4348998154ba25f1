import { z } from "zod";
import type { Role } from "../../changes/actor.ts";
import type { EntryKind, FactEntry } from "../../facts-in/fact-entry.ts";
import { type RecordedEntry, recordEntry } from "../../facts-in/record-entry.ts";
import { type Operation, type WriteAnswer, type WriteCall, writes } from "../operation.ts";
import { isoOf } from "../values.ts";

/** What a fact that was recorded is answered with. */
export const factShown: z.ZodType = z
  .looseObject({
    tenant: z.string(),
    case: z.string().nullable().meta({ description: "null where it was known already." }),
    isNew: z.boolean().meta({ description: "false: it was known already, and nothing has changed." }),
    fact: z.looseObject({ id: z.string(), kind: z.string(), at: z.string().meta({ format: "date-time" }) }),
  })
  .meta({ id: "RecordedFact" });

/** Shows a fact, its instant as people read it. */
function showFact(fact: RecordedEntry["fact"]): Record<string, unknown> {
  const { atMs, ...said } = fact;
  return { ...said, at: isoOf(atMs) };
}

/** What a fact answers: 201 where it is new, 200 where it was known. */
export function factAnswer(tenant: string, { fact, isNew, case: file }: RecordedEntry): WriteAnswer {
  const body = { tenant, case: file?.id ?? null, isNew, fact: showFact(fact) };
  return { status: isNew ? 201 : 200, body, hasNewFacts: isNew };
}

/** A door through which one kind of fact of a tenant comes in. */
export interface FactDoor<P extends z.ZodObject, B extends z.ZodObject> {
  readonly name: string;
  readonly tag: string;
  readonly method: "PUT" | "POST";
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly roles: readonly Role[];
  readonly kind: EntryKind;
  readonly params: P;
  readonly body: B;
  /** The entry that path and body make. */
  readonly entry: (
    params: z.output<P>,
    body: z.output<B>,
    call: Pick<WriteCall<unknown, unknown, unknown>, "nowMs">,
  ) => Omit<FactEntry, "kind">;
}

/** Makes the write of a door: what it says is judged by what is known, and recorded once. */
export function recordsFact<P extends z.ZodObject, B extends z.ZodObject>(door: FactDoor<P, B>): Operation {
  const { name, tag, method, path, summary, roles, kind, params, body, entry } = door;
  return writes({
    name,
    tag,
    method,
    path,
    summary,
    ...(door.description === undefined ? {} : { description: door.description }),
    access: roles,
    params,
    body,
    answers: {
      200: { description: "It was known already; nothing has changed.", schema: factShown },
      201: { description: "Recorded.", schema: factShown },
      400: { description: "It cannot be true: its amount, currency, date or instant; `code` says which." },
      404: { description: "There is no such tenant." },
      409: { description: "It contradicts what is known; `code` says how." },
    },
    handle: async (call) => {
      const { service, queries, nowMs, as } = call;
      const actor = as(roles, summary.toLowerCase());
      const given = call as unknown as { params: z.output<P> & { id: string }; body: z.output<B> };
      const made: FactEntry = { kind, ...entry(given.params, given.body, { nowMs }) };
      const tenant = given.params.id;
      return factAnswer(tenant, await recordEntry({ store: service.store, queries, actor, nowMs }, tenant, made));
    },
  });
}
