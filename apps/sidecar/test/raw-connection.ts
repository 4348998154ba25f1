import { once } from "node:events";
import { connect, type NetConnectOpts, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A connection on which a test writes what bytes it likes. */
export interface RawConnection {
  readonly socket: Socket;
  /** All bytes received so far. */
  received(): string;
  /** Resolves when this text has come. Rejects where the connection ends before. */
  until(text: string): Promise<void>;
  /** Resolves with all that was received when the other side has closed. */
  closed(): Promise<string>;
}

/** Connects, to a socket or a port. */
export async function rawConnection(target: NetConnectOpts): Promise<RawConnection> {
  const socket = connect(target);
  onTestFinished(() => void socket.destroy());
  let received = "";
  const isClosed = new Promise<void>((resolve) => void socket.once("close", () => resolve()));
  socket.on("data", (bytes: Buffer) => {
    received += bytes.toString("latin1");
  });
  // A reset is one way to be closed.
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return {
    socket,
    received: () => received,
    until: async (text) => {
      while (!received.includes(text)) {
        if (socket.closed) throw new Error(`closed before ${JSON.stringify(text)} came: ${JSON.stringify(received)}`);
        await Promise.race([once(socket, "data"), isClosed]);
      }
    },
    closed: async () => {
      await isClosed;
      return received;
    },
  };
}
