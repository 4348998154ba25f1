import { randomUUID } from "node:crypto";
import type { Fact } from "@dimmer/lifecycle";
import { Fault } from "../changes/fault.ts";
import type { ActionBodies, ActionCall, ActionOutcome } from "./case-action.ts";
import { personalFactId } from "./record-fact.ts";
import { planOf, refuseQuarantined } from "./record-judged.ts";
import { openTask } from "./tasks.ts";

type Granted = Extract<Fact, { kind: "exception_granted" }>;

/** A request as its task keeps it. */
type Request = Omit<Granted, "approvedBy" | "by" | "atMs" | "id" | "kind">;

/**
 * Writes down that somebody asks for an exception: a task for a second person. It is judged already as if it were
 * approved, so that what the policy does not allow is refused now.
 *
 * @throws {Fault} `conflict` with the code of what the policy does not allow
 */
export async function requestException({
  write,
  file,
  body,
}: ActionCall<ActionBodies["except"]>): Promise<ActionOutcome> {
  const { condition, evidence, fromMs = write.nowMs, untilMs, plan, renews } = body;
  const request: Request = {
    exception: `exception_${randomUUID()}`,
    condition,
    evidence,
    requestedBy: write.actor.id,
    fromMs,
    untilMs,
    ...(plan === undefined ? {} : { plan }),
    ...(renews === undefined ? {} : { renews }),
  };
  const granted = grantedOf(request, { id: request.exception, atMs: write.nowMs, by: "another person" });
  refuseQuarantined(await planOf(write, file, [granted]), [granted]);
  const id = await openTask(
    { queries: write.queries, file, actor: write.actor, nowMs: write.nowMs },
    { kind: "approve_exception", role: "collections", title: "Approve the exception, or cancel it", body: request },
  );
  return { shown: { request: id, exception: request.exception } };
}

/**
 * Grants what somebody else asked for (L6).
 *
 * @throws {Fault} `missing` where there is no such open request; `forbidden` where the same person asked
 */
export async function approveException({ write, file }: ActionCall<unknown>, request: string): Promise<ActionOutcome> {
  const task = await write.queries
    .selectFrom("task")
    .selectAll()
    .where("id", "=", request)
    .where("case_id", "=", file.id)
    .where("kind", "=", "approve_exception")
    .where("state", "=", "open")
    .executeTakeFirst();
  if (task === undefined) throw new Fault("missing", `case ${file.id} has no open request ${request}`, "request");
  const asked = JSON.parse(task.body) as Request;
  if (asked.requestedBy === write.actor.id) {
    throw new Fault("forbidden", "who asked for the exception does not approve it: another person does");
  }
  const fact = grantedOf(asked, { id: personalFactId(file), atMs: write.nowMs, by: write.actor.id });
  await write.queries
    .updateTable("task")
    .set({ state: "done", done_ms: write.nowMs, done_by: write.actor.id })
    .where("id", "=", request)
    .execute();
  return { facts: [fact], shown: { exception: asked.exception } };
}

function grantedOf(
  request: Request,
  who: { readonly id: string; readonly atMs: number; readonly by: string },
): Granted {
  return { kind: "exception_granted", ...who, approvedBy: who.by, ...request };
}
