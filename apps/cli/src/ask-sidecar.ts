import { request } from "node:http";
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
 * @throws {CommandFailure} where nobody answers there, or with something else than JSON
 */
export async function askSidecar(sidecar: string, path: string, body?: unknown): Promise<SidecarAnswer> {
  const where = addressOf(sidecar);
  const text = body === undefined ? undefined : JSON.stringify(body);
  const { promise, resolve, reject } = Promise.withResolvers<SidecarAnswer>();
  const question = request({
    ...where,
    path,
    method: text === undefined ? "GET" : "POST",
    headers: {
      host: "localhost",
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
  question.end(text);
  return await promise;
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
