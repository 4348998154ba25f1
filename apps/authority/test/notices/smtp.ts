import { SMTPServer } from "smtp-server";

/** A mail as a real server took it. */
export interface TakenMail {
  readonly from: string;
  readonly to: string;
  /** The whole message. */
  readonly raw: string;
  /** A header, unfolded. */
  header(name: string): string | undefined;
  /** The text of a part, decoded. */
  part(type: "text/plain" | "text/html"): string;
}

/** A real SMTP server on a free port. */
export interface TestSmtp {
  readonly url: string;
  readonly mails: TakenMail[];
  /** What it says to a recipient; left out, or nothing: 250. */
  refuse: (to: string) => { readonly code: number; readonly text: string } | undefined;
  stop(): Promise<void>;
}

/** Starts it. With a password it wants one. */
export async function startSmtp(password?: string): Promise<TestSmtp> {
  const mails: TakenMail[] = [];
  const server = new SMTPServer({
    disabledCommands: ["STARTTLS"],
    authOptional: password === undefined,
    allowInsecureAuth: true,
    onAuth: (auth, _session, done) => {
      if (auth.password === password) done(null, { user: "dimmer" });
      else done(Object.assign(new Error("who are you"), { responseCode: 535 }));
    },
    onRcptTo: ({ address }, _session, done) => {
      const refusal = smtp.refuse(address);
      if (refusal === undefined) done();
      else done(Object.assign(new Error(refusal.text), { responseCode: refusal.code }));
    },
    onData: (stream, { envelope }, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const raw = Buffer.concat(chunks).toString("latin1");
        const from = envelope.mailFrom === false ? "" : envelope.mailFrom.address;
        mails.push(mailOf(from, envelope.rcptTo[0]?.address ?? "", raw));
        done();
      });
    },
  });
  server.on("error", () => undefined);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = server.server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const smtp: TestSmtp = {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    refuse: () => undefined,
    stop: () => new Promise((done) => server.close(() => done())),
  };
  return smtp;
}

function mailOf(from: string, to: string, raw: string): TakenMail {
  const headersEnd = raw.indexOf("\r\n\r\n");
  const unfolded = raw.slice(0, headersEnd).replaceAll(/\r\n[ \t]+/g, " ");
  return {
    from,
    to,
    raw,
    header: (name) => new RegExp(`^${name}: (.*)$`, "im").exec(unfolded)?.[1],
    part: (type) => {
      const start = raw.indexOf(`Content-Type: ${type}`);
      const part = raw.slice(start);
      const [head = "", ...rest] = part.split("\r\n\r\n");
      const body = rest.join("\r\n\r\n").split("\r\n--")[0] ?? "";
      if (/base64/i.test(head)) return Buffer.from(body, "base64").toString("utf8");
      if (!/quoted-printable/i.test(head)) return body;
      const bytes = body
        .replaceAll("=\r\n", "")
        .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      return Buffer.from(bytes, "latin1").toString("utf8");
    },
  };
}
