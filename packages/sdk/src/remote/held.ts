import { compileReceived, DimmerError } from "@dimmer/core";
import { MAX_TOKEN_BYTES } from "@dimmer/statement/lean";
import { type HeadSeen, type Held, type HeldOptions, type HeldReader, readHeld as read } from "../held/read-held.ts";
import type { Answer, Transport } from "./transport.ts";

const TIMEOUT_MS = 2_000;
const MAX_KEYSETS_BYTES = 4 * 1024 * 1024;

/** Reads what is to be held from now on; a policy that does not lint is refused with all that came with it. @throws as `readHeld` of `held` */
export async function readHeld(
  held: Held | undefined,
  options: HeldOptions,
  seen: HeadSeen | undefined,
): Promise<{ held: Held | undefined; seen: HeadSeen | undefined }> {
  const newest = await read(held, options, seen);
  if (newest.held !== undefined && newest.held.policy !== held?.policy) compileReceived(newest.held.policy);
  return newest;
}

/** Reads what is held here from a sidecar. Each method rejects with `feed_unreachable` where it does not answer. */
export function readerOf(transport: Transport): HeldReader {
  return {
    async head(etag) {
      const answer = await get(transport, "/v1/feed/head", MAX_TOKEN_BYTES["dimmer-head+jwt"], etag);
      return answer.status === 304 ? "unchanged" : { token: answer.body.toString("latin1"), etag: etagOf(answer) };
    },
    async keysets() {
      return (await get(transport, "/v1/feed/keysets", MAX_KEYSETS_BYTES)).body.toString();
    },
    async part(kind, digest) {
      const { body } = await get(transport, `/v1/feed/${kind}/${digest}`, MAX_TOKEN_BYTES[`dimmer-${kind}+jwt`]);
      return body.toString("latin1");
    },
  };
}

async function get(transport: Transport, path: string, maxBytes: number, etag?: string): Promise<Answer> {
  const headers = etag === undefined ? {} : { "if-none-match": etag };
  const answer = await transport.request({ method: "GET", path, headers, timeoutMs: TIMEOUT_MS, maxBytes });
  if (answer.status === 200 || (answer.status === 304 && etag !== undefined)) return answer;
  throw new DimmerError("feed_unreachable", `sidecar: ${path} answered ${answer.status}`, { retryable: true });
}

function etagOf({ headers }: Answer): string | undefined {
  const etag = headers["etag"];
  return typeof etag === "string" ? etag : undefined;
}
