import { connect } from "node:net";

/** How long an answer is waited for that does not come: a gateway may wait for the rest of a body. */
const BOUND_MS = 2_000;

/**
 * Sends bytes as they are, as Latin-1; what came back until the other side closed, or until nothing came for a while: for its
 * first byte, as long as is said.
 */
export function exchange(port: number, bytes: string, firstByteWithinMs: number = BOUND_MS): Promise<string> {
  return new Promise((done) => {
    const socket = connect({ host: "127.0.0.1", port });
    let received = "";
    socket.setTimeout(firstByteWithinMs, () => socket.destroy());
    socket.setEncoding("latin1").on("data", (piece: string) => {
      if (received === "") socket.setTimeout(BOUND_MS);
      received += piece;
    });
    // A reset is one way to be refused.
    socket.on("error", () => undefined);
    socket.once("close", () => done(received));
    socket.write(bytes, "latin1");
  });
}

/** The statuses of the answers in what came back, in order. */
export function statusesIn(received: string): number[] {
  return [...received.matchAll(/(?:^|\n)?HTTP\/1\.[01] (\d{3})/g)].map(([, status]) => Number(status));
}

/** Does something about each item, so many at a time. */
export async function eachOf<T>(items: readonly T[], atOnce: number, act: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of waiting) await act(item);
    }),
  );
}
