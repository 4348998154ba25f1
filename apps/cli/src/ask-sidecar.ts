import { type IncomingMessage, request } from "node:http";
import { createInterface } from "node:readline";
import { CommandFailure, EXIT, environmentFailure, toFailure, usageFailure } from "./failure.ts";

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 4 * 1024 * 1024;

/** An answer of a sidecar: its status and its JSON. */
export interface SidecarAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/**
 * Asks a sidecar over HTTP, once.
 *
 * @param sidecar `unix:/path.sock` or `http://host:port`
 * @param body sent as JSON by POST; a GET without it
 * @param onProgress told, where the sidecar tells it, how far its work is; what is silent for 5 s has still failed
 * @throws {CommandFailure} where nobody answers there, or with something else than JSON
 */
export async function askSidecar(
  sidecar: string,
  path: string,
  body?: unknown,
  onProgress?: (done: number) => void,
): Promise<SidecarAnswer> {
  const where = addressOf(sidecar);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const { promise, resolve, reject } = Promise.withResolvers<SidecarAnswer>();
  const question = request({
    ...where,
    path,
    method: text === undefined ? "GET" : "POST",
    headers: {
      host: "localhost",
      ...(onProgress === undefined ? {} : { accept: "application/x-ndjson, application/json" }),
      ...(text === undefined ? {} : { "content-type": "application/json", "content-length": Buffer.byteLength(text) }),
    },
    agent: false,
    timeout: TIMEOUT_MS,
  });
  question.on("timeout", () => question.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
  question.on("error", (error) =>
    reject(environmentFailure("unreachable", `sidecar ${sidecar}: ${toFailure(error).message}`)),
  );
  question.on("response", (response) => {
    if (response.headers["content-type"] === "application/x-ndjson") return readLines(response);
    const parts: Buffer[] = [];
    let length = 0;
    response.on("data", (part: Buffer) => {
      length += part.length;
      if (length > MAX_BYTES) question.destroy(new Error("answers with far too much"));
      parts.push(part);
    });
    response.on("end", () => {
      try {
        const parsed = JSON.parse(Buffer.concat(parts).toString("utf8")) as SidecarAnswer["body"];
        resolve({ status: response.statusCode ?? 0, body: parsed });
      } catch {
        reject(
          environmentFailure(
            "unreachable",
            `sidecar ${sidecar}: what answers there is no sidecar (status ${response.statusCode})`,
          ),
        );
      }
    });
  });
  const readLines = (response: IncomingMessage): void => {
    let last: SidecarAnswer["body"] = {};
    const lines = createInterface({ input: response });
    // Where the connection is cut there is no end, but an error.
    response.on("error", () => lines.close());
    lines.on("error", () => lines.close());
    lines.on("line", (line) => {
      last = readLine(line);
      if (typeof last["done"] === "number") onProgress?.(last["done"]);
    });
    lines.on("close", () => {
      const isDone = last["count"] !== undefined;
      const detail = last["error"] ?? "it went away before it was done";
      resolve(isDone ? { status: 200, body: last } : { status: 503, body: { detail } });
    });
  };
  question.end(text);
  return await promise;
}

/** A line of work that is told; one that was cut says nothing. Never throws. */
function readLine(line: string): SidecarAnswer["body"] {
  try {
    return JSON.parse(line) as SidecarAnswer["body"];
  } catch {
    return {};
  }
}

/** The failure that a problem document of a sidecar means. Never throws. */
export function failureOf({ status, body }: SidecarAnswer): CommandFailure {
  const { detail: told } = body;
  const detail = typeof told === "string" ? told : `status ${status}`;
  if (status >= 400 && status < 500) return usageFailure(detail);
  return new CommandFailure(EXIT.environment, "sidecar_failed", `the sidecar answered ${status}: ${detail}`);
}

function addressOf(sidecar: string): { socketPath: string } | { host: string; port: number } {
  if (sidecar.startsWith("unix:")) return { socketPath: sidecar.slice("unix:".length) };
  const url = URL.parse(sidecar);
  if (url?.protocol !== "http:") {
    throw usageFailure(`--sidecar ${JSON.stringify(sidecar)}: must be unix:/path.sock or http://host:port`);
  }
  return { host: url.hostname, port: Number(url.port || 80) };
}
