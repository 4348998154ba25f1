import { randomUUID } from "node:crypto";
import { CommandFailure, EXIT, environmentFailure, toFailure, usageFailure } from "../failure.ts";

/** A JSON object as the authority answers it. */
export type Body = Readonly<Record<string, unknown>>;

/** What a write says besides its body. */
export interface WriteOptions {
  /** Why, for the ledger. */
  readonly reason: string;
  readonly body?: Body;
  /** The revision that was read: another one in the store refuses the write. 0: only where there is none. */
  readonly ifRevision?: number;
}

/** What became of a write. */
export interface Written {
  readonly body: Body;
  /** The version of the feed that carries it; `undefined` where it is not published yet. */
  readonly version: string | undefined;
  /** The change set in which it waits for a second person. */
  readonly changeSet: string | undefined;
}

/** A body that is sent as it is read. */
export interface Upload {
  readonly type: string;
  readonly bytes: ReadableStream<Uint8Array>;
  readonly reason: string;
}

/** Talks to the API of one authority, as the owner of one key. */
export interface AuthorityClient {
  readonly url: string;
  /** @throws {CommandFailure} with what the authority says, or that it does not answer */
  get(path: string): Promise<Body>;
  /** As `get`; `undefined` for 404. */
  find(path: string): Promise<Body | undefined>;
  /** The items of a list, page by page. */
  items(path: string): AsyncGenerator<Body>;
  /** Writes once, also where it has to be sent twice. Waits, as the authority does, up to 5 s for the version. */
  write(method: "PUT" | "POST" | "DELETE", path: string, options: WriteOptions): Promise<Written>;
  /** Sends a long body. Not repeated. */
  upload(path: string, upload: Upload): Promise<Body>;
}

const TIMEOUT_MS = 30_000;
const PAGE = 500;
const TRIES = 4;
const MOST_WAIT_MS = 5_000;

/** Makes a client. It connects nowhere yet. Never throws. */
export function createAuthorityClient({ url, apiKey }: { url: string; apiKey: string }): AuthorityClient {
  const ask = async (method: string, path: string, init: RequestInit & { duplex?: "half" } = {}): Promise<Response> => {
    const headers = { authorization: `Bearer ${apiKey}`, ...(init.headers as Record<string, string>) };
    // A body that is a stream can be sent once.
    const tries = init.duplex === undefined ? TRIES : 1;
    for (let tried = 1; ; tried++) {
      const signal = init.duplex === undefined ? { signal: AbortSignal.timeout(TIMEOUT_MS) } : {};
      const response = await fetch(`${url}${path}`, { redirect: "error", ...init, ...signal, method, headers }).catch(
        (cause: unknown) => {
          const failure = unreachable(url, cause);
          if (tried < tries && failure.code === "econnreset") return undefined;
          throw failure;
        },
      );
      if (response !== undefined && (tried >= tries || (response.status !== 429 && response.status !== 503))) {
        return response;
      }
      await response?.body?.cancel();
      const seconds = Number(response?.headers.get("retry-after") ?? 0.2);
      await new Promise((done) => setTimeout(done, Math.min(MOST_WAIT_MS, Math.max(0.1, seconds || 0.2) * 1_000)));
    }
  };
  const get = async (path: string): Promise<Body> => await bodyOf(url, await ask("GET", path));
  return {
    url,
    get,
    find: async (path) => {
      const response = await ask("GET", path);
      if (response.status !== 404) return await bodyOf(url, response);
      await response.body?.cancel();
      return undefined;
    },
    items: async function* (path) {
      const join = path.includes("?") ? "&" : "?";
      let cursor = "";
      do {
        const { items, next } = await get(`${path}${join}limit=${PAGE}${cursor}`);
        yield* items as Body[];
        cursor = typeof next === "string" ? `&cursor=${next}` : "";
      } while (cursor !== "");
    },
    write: async (method, path, { reason, body, ifRevision }) => {
      const headers = {
        "idempotency-key": randomUUID(),
        // A header is bytes, and a reason may be in any language.
        "dimmer-reason": Buffer.from(reason, "utf8").toString("latin1"),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(ifRevision === undefined ? {} : conditionOf(ifRevision)),
      };
      const init = { headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const answer = await bodyOf(url, await ask(method, path, init));
      const { version, changeSet } = answer;
      return {
        body: answer,
        version: typeof version === "string" ? version : undefined,
        changeSet: typeof changeSet === "string" ? changeSet : undefined,
      };
    },
    upload: async (path, { type, bytes, reason }) => {
      const headers = {
        "content-type": type,
        "dimmer-reason": Buffer.from(reason, "utf8").toString("latin1"),
        "idempotency-key": randomUUID(),
      };
      return await bodyOf(url, await ask("POST", path, { headers, body: bytes, duplex: "half" }));
    },
  };
}

function conditionOf(revision: number): Record<string, string> {
  return revision === 0 ? { "if-none-match": "*" } : { "if-match": `"r${revision}"` };
}

async function bodyOf(url: string, response: Response): Promise<Body> {
  const text = await response.text().catch((cause: unknown) => {
    throw unreachable(url, cause);
  });
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    const what = `what answers there is no authority (status ${response.status})`;
    throw environmentFailure("unreachable", `authority ${url}: ${what}`);
  }
  if (response.ok) return body as Body;
  throw refusalOf(url, response.status, body as Body);
}

/** A problem document of the authority as a failure of the command. */
function refusalOf(url: string, status: number, { detail, title, findings }: Body): CommandFailure {
  const told = typeof detail === "string" ? detail : typeof title === "string" ? title : `status ${status}`;
  const more = Array.isArray(findings) && findings.length > 1 ? ` (and ${findings.length - 1} more findings)` : "";
  if (status === 403) return new CommandFailure(EXIT.no, "forbidden", `${told}${more}`);
  if (status === 412) return new CommandFailure(EXIT.usage, "outdated", told);
  if (status === 409) return new CommandFailure(EXIT.usage, "conflict", told);
  if (status >= 400 && status < 500 && status !== 429) return usageFailure(`${told}${more}`);
  return environmentFailure("authority_failed", `authority ${url} answers ${status}: ${told}`);
}

function unreachable(url: string, thrown: unknown): CommandFailure {
  if (thrown instanceof CommandFailure) return thrown;
  const cause = (thrown as { cause?: unknown }).cause ?? thrown;
  const { name, code } = cause as { name?: string; code?: string };
  if (name === "TimeoutError") {
    return environmentFailure("unreachable", `authority ${url}: no answer within ${TIMEOUT_MS / 1_000} s`);
  }
  const wasCut = code === "ECONNRESET" || code === "UND_ERR_SOCKET";
  const { message } = toFailure(cause);
  return environmentFailure(wasCut ? "econnreset" : "unreachable", `authority ${url}: ${message}`);
}
