import type { NoticeLocale } from "./notice-template.ts";

/** What is said of a failed payment: what happened, and what to do. */
export interface PaymentErrorText {
  readonly what: string;
  readonly action: string;
}

/** Codes of payment services by what they have in common for the person who reads about it. */
const GROUPS: Readonly<Record<string, string>> = {
  expired_card: "expired",
  invalid_expiry_month: "expired",
  invalid_expiry_year: "expired",
  insufficient_funds: "funds",
  withdrawal_count_limit_exceeded: "funds",
  card_velocity_exceeded: "funds",
  authentication_required: "confirm",
  authentication_not_handled: "confirm",
  approve_with_id: "confirm",
  incorrect_cvc: "details",
  invalid_cvc: "details",
  incorrect_number: "details",
  invalid_number: "details",
  incorrect_zip: "details",
  invalid_account: "details",
  processing_error: "again",
  try_again_later: "again",
  issuer_not_available: "again",
  reenter_transaction: "again",
};

type Texts = Readonly<Record<"expired" | "funds" | "confirm" | "details" | "again" | "other", PaymentErrorText>>;

const TEXTS: Readonly<Record<NoticeLocale, Texts>> = {
  en: {
    expired: { what: "The card has expired.", action: "Please enter a new card." },
    funds: {
      what: "The card's limit or the account's balance did not suffice.",
      action: "Please use another card, or pay by bank transfer.",
    },
    confirm: {
      what: "The bank asks for a confirmation by the card's holder.",
      action: "Please confirm the payment; it takes a minute.",
    },
    details: { what: "Some details of the card do not match.", action: "Please enter the card again." },
    again: {
      what: "The bank could not be reached for a moment. You need not do anything: we will try again.",
      action: "If you would rather not wait, you can pay here.",
    },
    // A decline is never explained further: the reason is between the holder and the bank.
    other: {
      what: "The bank did not approve the payment and told us no reason.",
      action: "Please use another card, or ask your bank.",
    },
  },
  ja: {
    expired: {
      what: "カードの有効期限が過ぎているようです。",
      action: "新しいカードのご登録をお願いいたします。",
    },
    funds: {
      what: "カードのご利用限度額、または口座の残高が不足しているようです。",
      action: "別のカード、または銀行振込でのお支払いをお願いいたします。",
    },
    confirm: {
      what: "カード会社がご本人様による確認を求めています。",
      action: "お支払いの確認（本人認証）をお願いいたします。1分ほどで完了します。",
    },
    details: {
      what: "カードの登録内容に一致しない項目があるようです。",
      action: "カード情報の再入力をお願いいたします。",
    },
    again: {
      what: "一時的にカード会社と通信できませんでした。改めて決済を行いますので、お手続きは不要です。",
      action: "お急ぎの場合は、こちらからお支払いいただけます。",
    },
    other: {
      what: "カード会社の承認が得られませんでした。理由は当方には開示されておりません。",
      action: "別のカードでのお支払い、またはカード会社へのご確認をお願いいたします。",
    },
  },
};

/** What is said of a payment that failed with a code, a code that nobody knows included. Never throws. */
export function paymentErrorText(code: string, locale: NoticeLocale): PaymentErrorText {
  const group = Object.hasOwn(GROUPS, code) ? (GROUPS[code] as keyof Texts) : "other";
  return TEXTS[locale][group];
}
