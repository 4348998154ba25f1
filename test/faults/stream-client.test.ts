import { expect, it } from "vitest";
import { eventReader, type StreamEvent } from "./stream-client.ts";

const text = ": hb\n\nevent: delta\nid: 1.7\ndata: a.b.c\n\nevent: head\ndata: d.e.f\n\n: hb\n\nevent: head\ndata: cut";

it("reads the same events in whatever pieces they come, and none that is not whole", () => {
  for (const size of [1, 2, 3, 7, text.length]) {
    const events: StreamEvent[] = [];
    const read = eventReader((event) => events.push(event));
    for (let at = 0; at < text.length; at += size) read(text.slice(at, at + size));
    expect(events).toEqual([
      { event: "delta", id: "1.7", data: "a.b.c" },
      { event: "head", data: "d.e.f" },
    ]);
  }
});
