import { connect, type Socket } from "node:net";
import { parseVersion, type Version } from "@dimmer/statement";
import { Arrivals } from "./crew.ts";

/** Bare connections that watch a feed and verify nothing. `node streams-process.ts URL TRUST TOKEN COUNT` */
const [url = "", , token = "", count = ""] = process.argv.slice(2);
const { hostname, port } = new URL(url);
/** Connections that are opened at once. */
const WAVE = 100;
const arrivals = new Arrivals(Number(count));
const head = await fetch(`${url}/v1/feed/head`, { headers: { authorization: `Bearer ${token}` } });
const payload = Buffer.from((await head.text()).split(".")[1] ?? "", "base64url").toString();
const { epoch, seq } = JSON.parse(payload) as { epoch: number; seq: number };
const request =
  `GET /v1/feed/watch?epoch=${epoch}&seq=${seq} HTTP/1.1\r\nhost: ${hostname}\r\n` +
  `authorization: Bearer ${token}\r\naccept: text/event-stream\r\n\r\n`;
const sockets: Socket[] = [];

/** Opens one; resolves at its first heartbeat. */
function open(): Promise<void> {
  return new Promise((done, fail) => {
    const socket = connect({ host: hostname, port: Number(port) });
    const follower = sockets.push(socket) - 1;
    let rest = "";
    socket.setEncoding("latin1");
    socket.on("error", fail);
    socket.on("close", () => process.exit(1));
    socket.write(request);
    socket.on("data", (piece: string) => {
      const text = rest + piece;
      if (text.includes(": hb\n")) done();
      for (const [, id = ""] of text.matchAll(/\nid: (\d+\.\d+)\ndata: \S+\n\n/g)) {
        arrivals.note(follower, parseVersion(id) as Version);
      }
      // A frame may come in two pieces: what stands after the last whole one is looked at again.
      const end = text.lastIndexOf("\n\n");
      rest = end === -1 ? text : text.slice(end + 1);
    });
  });
}

process.on("SIGTERM", () => process.exit(0));
for (let opened = 0; opened < Number(count); opened += WAVE) {
  await Promise.all(Array.from({ length: Math.min(WAVE, Number(count) - opened) }, open));
}
arrivals.ready();
