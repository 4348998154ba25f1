import { z } from "zod";
import { mailboxPage, readMailbox } from "../../notices/dev-mailbox.ts";
import { answers, type Operation, type RawCall } from "../operation.ts";
import { problemOf, Refusal } from "../problem.ts";

const HEADERS = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  // Nothing is loaded and nothing runs; a mail's own styles stand in its elements.
  "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
};

const query = z.strictObject({ tenant: z.string().max(128).optional() });

/** The development mailbox: mails that were kept, not sent. There is none without `--dev-mailbox`. */
export const mailboxOperations: readonly Operation[] = [
  answers({
    name: "devMailbox",
    tag: "Development",
    method: "GET",
    path: "/dev/mailbox",
    summary: "The mails that were kept, newest first, for a person to read",
    access: "public",
    query,
    answers: { 200: { description: "A page.", type: "text/html" }, 404: { description: "There is no mailbox." } },
    answer: async (call) => {
      const page = mailboxPage(await mailsOf(call));
      return new Response(page, { headers: { ...HEADERS, "content-type": "text/html; charset=utf-8" } });
    },
  }),
  answers({
    name: "devMailboxJson",
    tag: "Development",
    method: "GET",
    path: "/dev/mailbox.json",
    summary: "The mails that were kept, newest first",
    access: "public",
    query,
    answers: {
      200: { description: "Mails.", schema: z.looseObject({ items: z.array(z.looseObject({})) }) },
      404: { description: "There is no mailbox." },
    },
    answer: async (call) =>
      new Response(JSON.stringify({ items: await mailsOf(call) }), {
        headers: { ...HEADERS, "content-type": "application/json" },
      }),
  }),
];

function mailsOf({ service, query: asked }: RawCall): ReturnType<typeof readMailbox> {
  if (!service.isMailboxShown) {
    const detail = "there is no mailbox here: start the authority with --dev-mailbox, in development";
    throw new Refusal(problemOf("not_found", detail));
  }
  return readMailbox(service.store.db, (asked as { readonly tenant?: string }).tenant);
}
