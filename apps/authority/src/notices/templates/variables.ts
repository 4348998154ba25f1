import type { NoticeLocale } from "./notice-template.ts";

/** A value of a variable: one line, or a list. Empty where there is nothing to say. */
export type NoticeValue = string | readonly string[];

/** The name of a variable. */
export type VariableName =
  | "tenant"
  | "tenant_id"
  | "case"
  | "amount"
  | "period"
  | "invoices"
  | "due_date"
  | "deadline"
  | "step_date"
  | "next_step"
  | "mode"
  | "effect"
  | "still_works"
  | "restore_promise"
  | "pay_url"
  | "export_url"
  | "support_url"
  | "quote_no"
  | "po_no"
  | "clause"
  | "error"
  | "error_action"
  | "card_expires"
  | "deletion_date"
  | "backups_until"
  | "extension_price"
  | "extension_max"
  | "exception_until"
  | "exception_condition"
  | "instalments"
  | "obligations";

/** What a variable says, and an example of it. */
export interface NoticeVariable {
  readonly describe: string;
  /** Whether it is an address, and a link in the HTML part. */
  readonly isLink?: true;
  readonly example: Readonly<Record<NoticeLocale, NoticeValue>>;
}

const link = (describe: string, example: string): NoticeVariable => ({
  describe,
  isLink: true,
  example: { en: example, ja: example },
});
const text = (describe: string, en: NoticeValue, ja: NoticeValue): NoticeVariable => ({
  describe,
  example: { en, ja },
});

/** Every variable of a notice. Each always has a value when a notice is written, be it an empty one. */
export const NOTICE_VARIABLES: Readonly<Record<VariableName, NoticeVariable>> = {
  tenant: text("the tenant's name", "ACME K.K.", "株式会社アクメ"),
  tenant_id: text("the tenant's id", "acme", "acme"),
  case: text("the case's id, for a question to support", "case_01", "case_01"),
  amount: text("what is open, in its currency", "¥55,000", "￥55,000"),
  period: text(
    "what it is for: the invoice's period, else its number",
    "December 2026 (invoice 4711)",
    "2026年12月分（請求書 4711）",
  ),
  invoices: text(
    "list: each open invoice with its amount and due date",
    ["Invoice 4711: ¥55,000, due on Friday 25 December 2026"],
    ["請求書 4711：￥55,000（お支払い期日 2026年12月25日(金)）"],
  ),
  due_date: text("the day from which the ladder counts", "Friday 25 December 2026", "2026年12月25日(金)"),
  deadline: text(
    "the last moment to prevent what is announced: 23:59 in the tenant's zone, on the day before",
    "Wednesday 6 January 2027, 23:59 (GMT+9)",
    "2027年1月6日(水) 23:59（日本標準時）",
  ),
  step_date: text(
    "when the announced step takes effect",
    "Thursday 7 January 2027, 09:00 (GMT+9)",
    "2027年1月7日(木) 9:00（日本標準時）",
  ),
  next_step: text(
    "the next step that is planned, with its date; empty where none is",
    "limited service, Thursday 7 January 2027, 09:00 (GMT+9)",
    "「一部制限」2027年1月7日(木) 9:00（日本標準時）より",
  ),
  mode: text("what the service is then called", "limited service", "一部制限"),
  effect: text(
    "list: what pauses",
    ["creating new items", "adding seats, storage or plans"],
    ["新規作成", "席数・容量・プランの追加"],
  ),
  still_works: text(
    "list: what goes on working, and for whom",
    ["viewing your data", "exporting your data"],
    ["データの閲覧", "データのエクスポート"],
  ),
  restore_promise: text(
    "that everything returns at once on payment, and the policy's promise",
    "As soon as the payment is confirmed, what the open invoice has paused comes back at once and by itself (at the latest within 4 hours).",
    "ご入金を確認でき次第、未払いのために休止していた機能は、お手続きなしでただちに再開いたします（遅くとも4時間以内）。",
  ),
  pay_url: link("where to pay: `links.pay` of the policy", "https://billing.example.com/pay?tenant=acme"),
  export_url: link("the guide to export and backup: `links.export`", "https://app.example.com/export?tenant=acme"),
  support_url: link("the contact: `links.support`", "https://support.example.com/?tenant=acme"),
  quote_no: text("`quote_no` of the tenant's contract", "Q-2026-118", "Q-2026-118"),
  po_no: text("`po_no` of the tenant's contract", "PO-77", "PO-77"),
  clause: text(
    "the clause that it rests on: the tenant's contract, else the policy",
    "Terms of service, section 12.1",
    "利用規約 第12条第1項",
  ),
  error: text(
    "what happened to a payment, by its error code",
    "The card has expired.",
    "カードの有効期限が過ぎているようです。",
  ),
  error_action: text("what to do about it", "Please enter a new card.", "新しいカードのご登録をお願いいたします。"),
  card_expires: text("until when the card is good", "01/2027", "2027年1月"),
  deletion_date: text("when data is deleted", "Monday 22 March 2027", "2027年3月22日(月)"),
  backups_until: text("when the last backup is gone", "Wednesday 22 March 2028", "2028年3月22日(水)"),
  extension_price: text("what it costs to have data kept for longer", "¥100 per GB and day", "1GB・1日あたり￥100"),
  extension_max: text("for how long at the most", "180 days", "180日"),
  exception_until: text("until when an exception holds", "Sunday 31 January 2027", "2027年1月31日(日)"),
  exception_condition: text("what an exception rests on", "prepayment", "前払い"),
  instalments: text(
    "list: the instalments of a plan",
    ["Sunday 31 January 2027: ¥30,000", "Sunday 28 February 2027: ¥25,000"],
    ["2027年1月31日(日)：￥30,000", "2027年2月28日(日)：￥25,000"],
  ),
  obligations: text("list: what is asked for after a return", ["the fee for the resumption"], ["再開手数料のお支払い"]),
};

/** What every variable says in one notice. */
export type NoticeValues = Readonly<Record<VariableName, NoticeValue>>;

/** Whether a template may name it. Never throws. */
export function isVariable(name: string): name is VariableName {
  return Object.hasOwn(NOTICE_VARIABLES, name);
}

/** The examples of all variables: what a preview shows where no case is named. Never throws. */
export function exampleValues(locale: NoticeLocale): NoticeValues {
  const entries = Object.entries(NOTICE_VARIABLES).map(([name, { example }]) => [name, example[locale]]);
  return Object.fromEntries(entries) as NoticeValues;
}
