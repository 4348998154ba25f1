import type { IncomingMessage, ServerResponse } from "node:http";
import type { Logger } from "pino";
import type { PreparedAnswer } from "./answer-book.ts";
import { faultOf } from "./app.ts";
import { type CountedDoor, type Counters, countRefusal } from "./counters.ts";
import { type Problem, writeProblem } from "./problem.ts";
import { decodeBody, readBody } from "./request-body.ts";

/** A door of the hot path, straight on `node:http`. It answers every request that it is given and never throws. */
export type HotDoor = (req: IncomingMessage, res: ServerResponse) => void;

/** What makes a hot door. */
export interface HotDoorOptions {
  readonly counted: CountedDoor;
  /** Bytes of the body above which the answer is 413. */
  readonly maxBytes: number;
  /** Answers a body, decoded; what it throws becomes a 500 without detail. */
  readonly answer: (text: string, req: IncomingMessage) => PreparedAnswer | Problem;
  /** Writes a refusal in the form of a protocol of its own. Default: the problem itself. */
  readonly refusal?: (problem: Problem, req: IncomingMessage) => PreparedAnswer;
  readonly counters: Counters;
  readonly log: Logger;
  /** Whether the sidecar is stopping: the connection is then closed behind the answer. */
  readonly isStopping: () => boolean;
}

/**
 * Makes a door that takes a JSON body and answers JSON, without Web requests, middleware and promises: they cost more
 * than the decision.
 *
 * @see docs/adr/0003-hot-doors-on-node-http.md
 */
export function hotDoor(options: HotDoorOptions): HotDoor {
  const { counted, maxBytes, answer, refusal, counters, log, isStopping } = options;
  const answerBytes = (bytes: Buffer | Problem, req: IncomingMessage): PreparedAnswer | Problem => {
    if (!Buffer.isBuffer(bytes)) return bytes;
    const text = decodeBody(bytes, req);
    return typeof text === "string" ? answer(text, req) : text;
  };
  return (req, res) => {
    counters.requests[counted]++;
    readBody(req, maxBytes, (bytes) => {
      let outcome: PreparedAnswer | Problem;
      try {
        outcome = answerBytes(bytes, req);
      } catch (error) {
        outcome = faultOf(error, log);
      }
      if (isStopping()) res.setHeader("connection", "close");
      if ("title" in outcome) {
        countRefusal(counters, outcome.status);
        // What is too large was not read to its end: nothing more can be read from that connection.
        if (outcome.status === 413) res.setHeader("connection", "close");
        if (refusal === undefined) return writeProblem(res, outcome);
        const { head, text, encoding } = refusal(outcome, req);
        res.writeHead(outcome.status, head as string[]);
        res.end(text, encoding);
        return;
      }
      res.writeHead(outcome.status ?? 200, outcome.head as string[]);
      res.end(outcome.text, outcome.encoding);
    });
  };
}
