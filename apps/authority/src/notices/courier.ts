import { DimmerError } from "@dimmer/core";
import { createTransport } from "nodemailer";

/** A mail as it is handed over. */
export interface Mail {
  /** The same for each try: a mail that went out twice is one to whoever reads it. */
  readonly messageId: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly locale: string;
  readonly atMs: number;
}

/** What became of a mail. `failed`: not this time. */
export interface Handover {
  readonly state: "accepted" | "bounced" | "failed";
  /** What the server said. */
  readonly detail: string;
}

/** Hands mails over. */
export interface Courier {
  /** The domain of message ids. */
  readonly domain: string;
  /** Hands one over. Never rejects. */
  hand(mail: Mail): Promise<Handover>;
  close(): void;
}

/** How mails are sent. */
export interface SmtpOptions {
  /** `smtp://user@host:587` or `smtps://user@host`; `?requireTLS=true` sends nothing without STARTTLS. */
  readonly url: string;
  readonly password?: string | undefined;
  /** `ACME Cloud <billing@acme.example>`. */
  readonly from: string;
  readonly replyTo?: string | undefined;
}

const AT_ONCE = 5;
const TIMEOUTS = { connectionTimeout: 15_000, greetingTimeout: 15_000, socketTimeout: 60_000 };

/**
 * Sends mails over SMTP. A 250 to the whole mail is its acceptance; a permanent refusal of the recipient or of the mail is
 * a bounce; whatever is wrong with the way there or with the sender is tried again.
 *
 * @throws {DimmerError} `options_invalid` for a URL or a sender that is none
 */
export function smtpCourier({ url, password = "", from, replyTo }: SmtpOptions): Courier {
  const domain = /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1];
  if (domain === undefined) {
    throw new DimmerError("options_invalid", `--mail-from ${JSON.stringify(from)}: must hold an address`);
  }
  const { protocol, hostname, port, username, searchParams } = parsed(url);
  const isTls = protocol === "smtps:";
  const user = decodeURIComponent(username);
  const transport = createTransport({
    host: hostname,
    port: port === "" ? (isTls ? 465 : 587) : Number(port),
    secure: isTls,
    requireTLS: searchParams.get("requireTLS") === "true",
    ignoreTLS: searchParams.get("ignoreTLS") === "true",
    ...(user === "" ? {} : { auth: { user, pass: password } }),
    pool: true,
    maxConnections: AT_ONCE,
    // What a template holds is text: nothing of it is read from a file or fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
    ...TIMEOUTS,
  });
  return {
    domain,
    hand: async (mail) => {
      try {
        const info = (await transport.sendMail({
          from,
          ...(replyTo === undefined ? {} : { replyTo }),
          to: { name: "", address: mail.to },
          subject: mail.subject,
          text: mail.text,
          html: mail.html,
          messageId: mail.messageId,
          date: new Date(mail.atMs),
          headers: { "Auto-Submitted": "auto-generated", "Content-Language": mail.locale },
        })) as { readonly response?: string };
        return { state: "accepted", detail: info.response ?? "250" };
      } catch (error) {
        return refusalOf(error as SmtpError);
      }
    },
    close: () => transport.close(),
  };
}

interface SmtpError extends Error {
  readonly code?: string;
  readonly command?: string;
  readonly responseCode?: number;
  readonly response?: string;
  readonly rejectedErrors?: readonly SmtpError[];
}

/**
 * Only what is said of the recipient, or of the whole mail, is about the recipient. A server that does not know us, wants a
 * password or refuses the sender says nothing about whether the tenant can be reached.
 */
function refusalOf(error: SmtpError): Handover {
  const { responseCode = 0, command = "", response, message } = error.rejectedErrors?.[0] ?? error;
  const isAboutRecipient = command.startsWith("RCPT") || command.startsWith("DATA");
  const isFinal = responseCode >= 500 && responseCode < 600 && !ABOUT_US.has(responseCode);
  const state = isAboutRecipient && isFinal ? "bounced" : "failed";
  return { state, detail: (response ?? message).slice(0, MAX_DETAIL) };
}

/** Commands out of order, and a password that is wanted. */
const ABOUT_US: ReadonlySet<number> = new Set([503, 530, 534, 535, 538]);
const MAX_DETAIL = 500;

function parsed(url: string): URL {
  // Never the value itself: it may hold a password.
  const fault =
    "--smtp-url: must be such as smtp://mail.example.com:587 or smtps://user@mail.example.com, the password apart in DIMMER_SMTP_PASSWORD";
  if (!URL.canParse(url)) throw new DimmerError("options_invalid", fault);
  const made = new URL(url);
  const isSmtp = made.protocol === "smtp:" || made.protocol === "smtps:";
  if (!isSmtp || made.hostname === "" || made.password !== "") {
    throw new DimmerError("options_invalid", fault);
  }
  return made;
}

/** Keeps every mail where it is: the development mailbox shows what stands in the store. Nothing is sent. */
export const keepingCourier: Courier = {
  domain: "mailbox.invalid",
  hand: () => Promise.resolve({ state: "accepted", detail: "kept in the development mailbox" }),
  close: () => undefined,
};
