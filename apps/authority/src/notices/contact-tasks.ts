import { randomUUID } from "node:crypto";
import type { Transaction } from "kysely";
import type { CaseFileTable, NoticeDeliveryTable, NoticeTable, Tables, TaskTable } from "../store/schema.ts";
import type { NoticeChannel } from "./notice-addresses.ts";

/** Channels that are a person's to use, and how long that may take. */
const BY_PERSON = {
  sms: { title: "Send an SMS", withinMs: 24 * 3_600_000 },
  phone: { title: "Call", withinMs: 24 * 3_600_000 },
  registered_mail: { title: "Send a registered letter", withinMs: 48 * 3_600_000 },
} as const satisfies Partial<Record<NoticeChannel, unknown>>;
type PersonalChannel = keyof typeof BY_PERSON;

/** What the tasks of a notice are opened from. */
export interface ContactTasks {
  readonly file: Pick<CaseFileTable, "id">;
  readonly notice: NoticeTable;
  readonly deliveries: readonly NoticeDeliveryTable[];
  /** Empty where there is none. */
  readonly links: { readonly pay: string; readonly support: string };
  readonly nowMs: number;
}

/** Opens a task for each delivery that a person makes: whom to reach, and what to say. Their outcome is the evidence. */
export async function openContactTasks(
  queries: Transaction<Tables>,
  { file, notice, deliveries, links, nowMs }: ContactTasks,
): Promise<void> {
  const rows = deliveries.flatMap(({ id, channel, address }): TaskTable[] => {
    if (!isPersonal(channel)) return [];
    const { title, withinMs } = BY_PERSON[channel];
    const say = channel === "sms" ? { message: smsOf(notice, links) } : { subject: notice.subject, text: notice.text };
    return [
      {
        id: `task_${randomUUID()}`,
        case_id: file.id,
        tenant_id: notice.tenant_id,
        kind: `contact.${channel}`,
        role: "cs",
        title: `${title}: ${notice.subject}`,
        body: JSON.stringify({ notice: notice.id, delivery: id, channel, address, ...say }),
        state: "open",
        due_ms: nowMs + withinMs,
        alerted_ms: null,
        created_ms: nowMs,
        done_ms: null,
        done_by: null,
      },
    ];
  });
  if (rows.length > 0) await queries.insertInto("task").values(rows).execute();
}

function isPersonal(channel: NoticeChannel): channel is PersonalChannel {
  return Object.hasOwn(BY_PERSON, channel);
}

/** The least that says what it is about: no name and no amount, for whoever sees the screen. */
function smsOf({ locale }: NoticeTable, { pay, support }: ContactTasks["links"]): string {
  const isOwing = pay !== "";
  const lead =
    locale === "ja"
      ? isOwing
        ? "お支払いの確認ができていないご請求があります。"
        : "ご契約について大切なお知らせをメールでお送りしました。"
      : isOwing
        ? "An invoice of your organisation is open."
        : "We have sent you an important mail about your account.";
  const words = locale === "ja" ? { pay: "お支払い", support: "お問い合わせ" } : { pay: "Pay", support: "Contact" };
  return [lead, isOwing ? `${words.pay}: ${pay}` : "", support === "" ? "" : `${words.support}: ${support}`]
    .filter((part) => part !== "")
    .join(" ");
}
