import { DimmerError } from "@dimmer/core";

/**
 * Answers with how far work is, a line of JSON each (`{"done":1000}`), and at last with what it came to (`{"count":…}`)
 * or that it failed (`{"error":…}`): the status is sent before that is known. Work goes on where the client goes away.
 *
 * @param onFault told what nobody foresaw: an answer that is under way has no status left for it
 */
export function toldResponse(
  work: (onProgress: (done: number) => void) => Promise<number>,
  onFault: (error: unknown) => void,
): Response {
  let isOpen = true;
  const lines = new ReadableStream<string>({
    async start(controller) {
      const tell = (line: object): void => {
        if (isOpen) controller.enqueue(`${JSON.stringify(line)}\n`);
      };
      try {
        tell({ count: await work((done) => tell({ done })) });
      } catch (error) {
        tell({ error: error instanceof DimmerError ? error.message : "the work failed; the log says why" });
        if (!(error instanceof DimmerError)) onFault(error);
      } finally {
        if (isOpen) controller.close();
      }
    },
    cancel() {
      isOpen = false;
    },
  });
  return new Response(lines.pipeThrough(new TextEncoderStream()), {
    headers: { "content-type": "application/x-ndjson", "cache-control": "no-store" },
  });
}
