import type { PolicyDocument } from "@dimmer/core";
import { z } from "zod";
import { activePolicy } from "../../changes/policies.ts";
import { writeLedger } from "../../changes/record-change.ts";
import type { ApiKey } from "../../credentials/api-keys.ts";
import { advanceTarget } from "../../dev-clock/advance-target.ts";
import type { DevClock } from "../../dev-clock/dev-clock.ts";
import { walkClock } from "../../dev-clock/walk-clock.ts";
import { answers, type Operation } from "../operation.ts";
import { malformed, problemOf, Refusal } from "../problem.ts";
import { parseBody, readBody } from "../read-body.ts";
import { actorOf, readCorrelation, readReason } from "../serve-write.ts";
import type { Service } from "../service.ts";
import { isoOf, lineOfText, reason as reasonSchema } from "../values.ts";
import { refuseIssues } from "../zod-issues.ts";

const body = z.strictObject({
  advance: lineOfText(16)
    .optional()
    .meta({ description: "Business days by the policy's calendar, or a duration.", examples: ["7bd", "3d", "2h"] }),
  to: lineOfText(64)
    .optional()
    .meta({ description: "An instant instead.", examples: ["2027-01-07T09:00:00+09:00"] }),
  reason: reasonSchema.optional(),
});
const shown = z.looseObject({
  now: z.string().meta({ format: "date-time" }),
  offsetMs: z.number().meta({ description: "Ahead of the machine's clock." }),
});
const none = { description: "This authority was started without --dev-clock." };

/** Stores whose clock is on its way. */
const walking = new WeakSet<Service>();

/** `/v1/dev/clock`: for development alone, where the authority was started with it. */
export const devClockOperations: readonly Operation[] = [
  answers({
    name: "getDevClock",
    tag: "Development",
    method: "GET",
    path: "/v1/dev/clock",
    summary: "The clock that development moves",
    access: "any key",
    answers: { 200: { description: "What it says.", schema: shown }, 404: none },
    answer: async ({ service }) => Response.json(showClock(clockOf(service))),
  }),
  answers({
    name: "advanceDevClock",
    tag: "Development",
    method: "POST",
    path: "/v1/dev/clock",
    summary: "Move the clock ahead, by way of everything that falls due",
    description:
      "At each instant at which a case or a notice is due it waits until that is done. What is signed has the moved time, " +
      "and replicas take theirs from it.",
    access: ["admin"],
    bodies: { "application/json": body },
    answers: {
      200: {
        description: "It is there.",
        schema: shown.extend({ stops: z.number(), isSettled: z.boolean() }),
      },
      400: { description: "It lies behind, or is no instant." },
      404: none,
      503: { description: "The clock is on its way already." },
    },
    answer: async ({ service, key, request }) => {
      const clock = clockOf(service);
      const outcome = body.safeParse(parseBody(await readBody(request), request.headers["content-type"]));
      if (!outcome.success) refuseIssues(outcome.error.issues, "");
      const { reason = readReason(request.headers["dimmer-reason"]?.toString()), ...advance } = outcome.data;
      if (reason === undefined)
        throw malformed("reason", "say why, in the body as `reason` or as the header Dimmer-Reason");
      const correlationId = readCorrelation(request.headers["dimmer-correlation"]);
      const actor = actorOf(key as ApiKey, { roles: ["admin"], what: "the clock", reason, correlationId });
      const targetMs = await targetOf(service, advance);
      if (walking.has(service)) throw new Refusal(problemOf("unavailable", "the clock is on its way already"));
      walking.add(service);
      try {
        const before = clock.now();
        await service.store.transact((queries) =>
          writeLedger(
            queries,
            actor,
            { action: "dev.clock", subject: "clock:dev", before: isoOf(before), after: isoOf(targetMs) },
            before,
          ),
        );
        const walked = await walkClock(targetMs, { clock, store: service.store, wake: () => wakeAll(service) });
        return Response.json({ ...showClock(clock), ...walked });
      } finally {
        walking.delete(service);
      }
    },
  }),
];

function clockOf({ devClock }: Service): DevClock {
  if (devClock !== undefined) return devClock;
  throw new Refusal(
    problemOf("not_found", "this authority was started without --dev-clock: its clock is the machine's"),
  );
}

function showClock(clock: DevClock): Record<string, unknown> {
  return { now: isoOf(clock.now()), offsetMs: clock.offsetMs };
}

async function targetOf({ store, now }: Service, advance: Parameters<typeof advanceTarget>[0]): Promise<number> {
  const row = await activePolicy(store.db);
  if (row === undefined) throw new Error("no policy is active");
  try {
    return advanceTarget(advance, JSON.parse(row.document) as PolicyDocument, now());
  } catch (error) {
    if (error instanceof TypeError) throw malformed(advance.to === undefined ? "advance" : "to", error.message);
    throw error;
  }
}

function wakeAll(service: Service): void {
  service.wakeCases();
  service.wake();
}
