import { DimmerError } from "@dimmer/core";
import type { Settings } from "../config/options.ts";
import { EventSender } from "../events/event-sender.ts";
import { type Courier, keepingCourier, smtpCourier } from "./courier.ts";
import { NoticeSender, type NoticeSenderOptions } from "./notice-sender.ts";

/** What goes out of one authority. */
export interface Senders {
  /** Ends after what is under way. Never rejects. */
  readonly stop: () => Promise<void>;
}

/** How mails leave by the settings: over SMTP, kept for the development mailbox, or not at all. */
type MailSettings = Pick<Settings, "smtpUrl" | "smtpPassword" | "mailFrom" | "mailReplyTo" | "devMailbox" | "host">;

/**
 * Chooses how mails leave; `undefined` where nothing is configured: they wait then, and so does what they announce.
 *
 * @throws {DimmerError} `options_invalid` for settings that contradict each other
 */
export function courierOf(settings: MailSettings): Courier | undefined {
  const { smtpUrl, smtpPassword, mailFrom, mailReplyTo, devMailbox, host } = settings;
  if (devMailbox === true) {
    if (smtpUrl !== undefined) throw invalid("--dev-mailbox: keeps mails and sends none; leave out --smtp-url");
    // Whoever reaches the page reads every mail.
    if (!/^(?:127\.|::1$)/.test(host)) throw invalid("--dev-mailbox: is for development, with --host 127.0.0.1");
    return keepingCourier;
  }
  if (smtpUrl === undefined) return undefined;
  if (mailFrom === undefined) throw invalid("--mail-from: is missing; name the sender of mails beside --smtp-url");
  return smtpCourier({ url: smtpUrl, password: smtpPassword, from: mailFrom, replyTo: mailReplyTo });
}

function invalid(message: string): DimmerError {
  return new DimmerError("options_invalid", message);
}

/** Starts the senders of notices and of events. */
export function startSenders(options: NoticeSenderOptions): Senders {
  const notices = new NoticeSender(options);
  const events = new EventSender(options);
  if (options.courier === undefined) {
    options.log.warn(
      {},
      "no mail server is configured (--smtp-url): notices by mail wait, and nothing they announce happens",
    );
  }
  notices.start();
  events.start();
  return {
    stop: async () => {
      await Promise.all([notices.stop(), events.stop()]);
    },
  };
}
