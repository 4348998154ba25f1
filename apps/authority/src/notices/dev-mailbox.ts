import type { Queries } from "../store/open-store.ts";
import { escapeHtml } from "./render-notice.ts";

/** A mail that was kept. */
export interface KeptMail {
  readonly id: string;
  readonly notice: string;
  readonly tenant: string;
  readonly case: string;
  readonly template: string;
  readonly to: string;
  readonly locale: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** ISO 8601. */
  readonly at: string;
}

const MAX_SHOWN = 200;

/** The newest mails that were kept, newest first: at most 200, of one tenant where it is named. */
export async function readMailbox(queries: Queries, tenant?: string): Promise<readonly KeptMail[]> {
  let select = queries
    .selectFrom("notice_delivery")
    .innerJoin("notice", "notice.id", "notice_delivery.notice_id")
    .select(["notice_delivery.id", "notice_delivery.address", "notice_delivery.updated_ms", "notice.id as notice"])
    .select(["notice.tenant_id", "notice.case_id", "notice.template", "notice.locale", "notice.subject"])
    .select(["notice.text", "notice.html"])
    .where("notice_delivery.channel", "=", "mail")
    .where("notice_delivery.attempts", ">", 0)
    .where("notice_delivery.address", "<>", "none")
    .orderBy("notice.created_ms", "desc")
    .orderBy("notice_delivery.id")
    .limit(MAX_SHOWN);
  if (tenant !== undefined) select = select.where("notice.tenant_id", "=", tenant);
  const rows = await select.execute();
  return rows.map((row) => ({
    id: row.id,
    notice: row.notice,
    tenant: row.tenant_id,
    case: row.case_id,
    template: row.template,
    to: row.address,
    locale: row.locale,
    subject: row.subject,
    text: row.text,
    html: row.html,
    at: new Date(row.updated_ms).toISOString(),
  }));
}

/** The page of the mailbox: plain, without scripts, each mail behind its subject. Never throws. */
export function mailboxPage(mails: readonly KeptMail[]): string {
  const items = mails.map(({ id, tenant, to, locale, subject, text, at, template }) => {
    const head = `<summary><span lang="${locale}">${escapeHtml(subject)}</span></summary>`;
    const about = [
      ["To", to],
      ["Tenant", tenant],
      ["Template", template],
      ["Sent", at],
    ].map(([name = "", value = ""]) => `<dt>${name}</dt><dd>${escapeHtml(value)}</dd>`);
    return `<li id="${id}"><details>${head}
<dl>${about.join("")}</dl>
<pre lang="${locale}">${escapeHtml(text)}</pre>
</details></li>`;
  });
  const list = mails.length === 0 ? "<p>No mail yet.</p>" : `<ol>\n${items.join("\n")}\n</ol>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Development mailbox</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 50em; margin: 0 auto; padding: 1em; color: #1a1a1a; background: #fff }
ol { list-style: none; padding: 0 }
li { border-top: 1px solid #767676; padding: 0.5em 0 }
summary { cursor: pointer; font-weight: 600 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1em }
dd { margin: 0 }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; border-left: 3px solid #767676; padding-left: 1em }
</style>
</head>
<body>
<main>
<h1>Development mailbox</h1>
<p>Mails are kept here and sent to nobody. Newest first; reload to see more.</p>
${list}
</main>
</body>
</html>
`;
}
