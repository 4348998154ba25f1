import type { NoticeTemplate } from "./notice-template.ts";

const ORDER = `Quotation: {quote_no}
Purchase order: {po_no}`;
const OFTEN = "Most often this is an oversight, a new card, or a transfer that is on its way.";
const HELP =
  "If something is wrong with the invoice, or if you need another date or instalments, please tell us. We will find a way: {support_url}";
const EXPORT = "You can export all of your data at any time: {export_url}";
const CONTRACT = "This follows your contract: {clause}.";

/** The standard notices in English. They are read by a person who did nothing wrong. */
export const standardEnglish: Readonly<Record<string, NoticeTemplate>> = {
  payment_failed: {
    subject: "[Important] Your payment of {amount} did not go through",
    text: `Dear {tenant} team,

our attempt to collect {amount} for {period} did not succeed. {error}

{invoices}
${ORDER}

What to do: {error_action}
{pay_url}

Nothing changes for now: everything works as usual. {restore_promise}

We are glad to help: {support_url}`,
  },
  card_expiring: {
    subject: "Your card expires soon ({card_expires})",
    text: `Dear {tenant} team,

the card that pays for your subscription expires: {card_expires}.

Please enter a new card before then, so that the next payment goes through:
{pay_url}

Nothing changes for now: everything works as usual.

We are glad to help: {support_url}`,
  },
  due_day: {
    subject: "[Important] {amount} is due on {due_date}",
    text: `Dear {tenant} team,

the payment of {amount} for {period} is due on {due_date}. If you have paid already, thank you; there is nothing more to do.

{invoices}
${ORDER}

Please pay by {deadline}:
{pay_url}

If the payment has not arrived by then, this pauses on {step_date}:
{effect}

What still works:
{still_works}

{restore_promise}

${HELP}
${CONTRACT}`,
  },
  reminder: {
    subject: "Reminder: {amount} has been open since {due_date}",
    text: `Dear {tenant} team,

we have not yet received the payment of {amount} for {period}, which was due on {due_date}. ${OFTEN} If you have paid in the last days, thank you; please disregard this mail.

{invoices}
${ORDER}

Please pay here:
{pay_url}

The next change of your service, should the invoice stay open: {next_step}

{restore_promise}

${HELP}`,
  },
  warning: {
    subject: "[Important] Please pay by {deadline}: some functions pause after that",
    text: `Dear {tenant} team,

we have not yet received the payment of {amount} for {period}, which was due on {due_date}. ${OFTEN} If you have paid in the last days, thank you; please disregard this mail.

{invoices}
${ORDER}

Please pay by {deadline}:
{pay_url}

If the payment has not arrived by then, this pauses on {step_date}:
{effect}

What still works:
{still_works}

${EXPORT}

{restore_promise}

${HELP}
${CONTRACT}`,
  },
  limited: {
    subject: "[Important] Please pay by {deadline}: after that, {mode}",
    text: `Dear {tenant} team,

the payment of {amount} for {period}, which was due on {due_date}, has still not reached us. If you have paid in the last days, thank you; please disregard this mail.

{invoices}
${ORDER}

Please pay by {deadline}:
{pay_url}

If the payment has not arrived by then, your service changes on {step_date} to "{mode}". This then pauses:
{effect}

What still works:
{still_works}

${EXPORT}
Now is a good time to make a backup; nothing is deleted at this step.

{restore_promise}

${HELP}
${CONTRACT}`,
  },
  suspended: {
    subject: "Your service is now: {mode}",
    text: `Dear {tenant} team,

the payment of {amount} for {period} has not reached us, so your service has changed as we announced. It is now: {mode}. Your data is complete and safe.

{invoices}
${ORDER}

This is paused:
{effect}

What still works:
{still_works}

You can pay here:
{pay_url}

${EXPORT}

{restore_promise}

${HELP}
${CONTRACT}`,
  },
  deletion: {
    subject: "[Important] Your data will be deleted on {deletion_date}",
    text: `Dear {tenant} team,

your data is still complete. On {deletion_date} we will delete it, and after that it cannot be restored. Until {deadline} you can prevent this.

Still open: {amount} for {period}
{invoices}

You have these ways:

Export your data: {export_url}
Pay, and keep your service: {pay_url}
Have your data kept for longer: {extension_price}, for {extension_max} at the most. Please write to us: {support_url}

What still works until then:
{still_works}

Backups are deleted by {backups_until}.

{restore_promise}

We would be sorry to see your data go, and are glad to help: {support_url}
${CONTRACT}`,
  },
  restored: {
    subject: "Thank you: your service is back",
    text: `Dear {tenant} team,

thank you for your payment. Everything that the open invoice had paused works again; you need not do anything.

What works now:
{still_works}

What we ask of you next:
{obligations}

Should anything still be missing, please tell us at once: {support_url}`,
  },
  exception_granted: {
    subject: "Your service goes on until {exception_until}",
    text: `Dear {tenant} team,

as we agreed, these functions go on until {exception_until}, although an invoice is still open:
{still_works}

Condition: {exception_condition}
Open: {amount} for {period}
{invoices}

You can pay at any time:
{pay_url}

{restore_promise}

We are glad to help: {support_url}`,
  },
  exception_ended: {
    subject: "[Important] The arrangement for your service ends on {step_date}",
    text: `Dear {tenant} team,

the arrangement that keeps your service going ends before its time, on {step_date}. An amount of {amount} for {period} is still open. If you have paid in the last days, thank you; please disregard this mail.

{invoices}

Please pay by {deadline}:
{pay_url}

If the payment has not arrived by then, your service is from {step_date}: {mode}. This then pauses:
{effect}

What still works:
{still_works}

${EXPORT}

{restore_promise}

${HELP}`,
  },
  plan_agreed: {
    subject: "Your payment plan",
    text: `Dear {tenant} team,

thank you for agreeing on this payment plan with us:
{instalments}

It covers {amount} for {period}. While it is kept, nothing further changes in your service.

You can pay each instalment here:
{pay_url}

Should one of them become difficult, please tell us before its date; we will find a way: {support_url}`,
  },
  instalment_due: {
    subject: "An instalment of your payment plan is due soon",
    text: `Dear {tenant} team,

a short reminder of your payment plan:
{instalments}

You can pay here:
{pay_url}

Should the date be difficult, please tell us before it; we will find a way: {support_url}`,
  },
  instalment_missed: {
    subject: "[Important] An instalment of your payment plan has not arrived",
    text: `Dear {tenant} team,

an instalment of your payment plan has not reached us, and with that the plan has ended. {amount} for {period} is open. If you have paid in the last days, thank you; please tell us.

{instalments}

Please pay here:
{pay_url}

The next change of your service, should the invoice stay open: {next_step}

{restore_promise}

${HELP}`,
  },
  breach_measure: {
    subject: "[Important] A change of your service on {step_date}",
    text: `Dear {tenant} team,

after a review of the use of your account, this pauses on {step_date}:
{effect}

What still works:
{still_works}

It rests on this clause of your contract: {clause}. Please contact us about what is to be done; as soon as the matter is settled, what is paused comes back.

${EXPORT}

Your contact: {support_url}`,
  },
  offboarding_plan: {
    subject: "The end of your contract: dates and your data",
    text: `Dear {tenant} team,

we have received your request to leave, and thank you for the time with us. This is how it goes on.

From {step_date} your service is: {mode}. This then ends:
{effect}

What still works:
{still_works}

Please export your data; until {deadline} everything works as usual:
{export_url}

After the end, your data is kept until {deletion_date}, and then deleted.

We are glad to help with the move: {support_url}`,
  },
  offboarding_closing: {
    subject: "The end of your contract: from {step_date}, {mode}",
    text: `Dear {tenant} team,

the end of your contract comes closer. From {step_date} your service is: {mode}. This then ends:
{effect}

What still works:
{still_works}

If anything is left to export or to hand over, please do it by {deadline}:
{export_url}

We are glad to help with the move: {support_url}`,
  },
  offboarding_closed: {
    subject: "Your contract ends; your data can be exported",
    text: `Dear {tenant} team,

your contract comes to its end. Until {deadline} everything stays as it is today. From {step_date} your service is: {mode}. This then ends:
{effect}

What still works:
{still_works}

You can fetch your data until {deletion_date}; then it is deleted, and backups by {backups_until}:
{export_url}

Thank you for the time with us. If anything is missing, please write to us: {support_url}`,
  },
};
