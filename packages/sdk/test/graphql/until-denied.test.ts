import { describe, expect, it, vi } from "vitest";
import { untilDenied } from "../../src/graphql/until-denied.ts";

/** A source whose values a test gives, and what listens for its end. */
function world() {
  const waiting: ((result: IteratorResult<number>) => void)[] = [];
  const returned = vi.fn(async () => ({ done: true as const, value: undefined }));
  const stop = vi.fn();
  let end: (last: number) => void = () => {};
  const source = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<IteratorResult<number>>((resolve) => waiting.push(resolve)),
      return: returned,
    }),
  };
  const iterator = untilDenied(source, (given) => {
    end = given;
    return stop;
  });
  const give = (value: number): void => waiting.shift()?.({ done: false, value });
  const finish = (): void => waiting.shift()?.({ done: true, value: undefined });
  return { iterator, give, finish, end: (last: number) => end(last), returned, stop };
}

describe("untilDenied", () => {
  it("is the source where nothing ends it", async () => {
    const { iterator, give, finish, stop } = world();
    const first = iterator.next();
    give(1);
    expect(await first).toEqual({ done: false, value: 1 });
    const last = iterator.next();
    finish();
    expect(await last).toEqual({ done: true, value: undefined });
    expect(stop).toHaveBeenCalledOnce();
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("yields one last value at once while it waits, and lets the source go", async () => {
    const { iterator, end, returned } = world();
    const waiting = iterator.next();
    end(9);
    end(10);
    expect(await waiting).toEqual({ done: false, value: 9 });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect(returned).toHaveBeenCalledOnce();
  });

  it("yields the last value also where it came between two", async () => {
    const { iterator, end } = world();
    end(9);
    expect(await iterator.next()).toEqual({ done: false, value: 9 });
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
  });

  it("returns while it waits, and hears no end after that", async () => {
    const { iterator, end, returned, stop } = world();
    void iterator.next();
    expect(await iterator.return()).toEqual({ done: true, value: undefined });
    end(9);
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    expect([returned.mock.calls.length, stop.mock.calls.length]).toEqual([1, 1]);
  });

  it("asks before each value where nobody tells of the end", async () => {
    const lasts = [undefined, 9];
    const returned = vi.fn();
    const source = (async function* () {
      try {
        yield* [1, 2, 3];
      } finally {
        returned();
      }
    })();
    const seen: number[] = [];
    for await (const value of untilDenied(
      source,
      () => () => {},
      async () => lasts.shift(),
    ))
      seen.push(value);
    expect(seen).toEqual([1, 9]);
    expect(returned).toHaveBeenCalledOnce();
  });

  it("passes on what the source throws", async () => {
    const broken = new Error("source");
    const stop = vi.fn();
    const source = { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(broken) }) };
    const iterator = untilDenied<number>(source, () => stop);
    await expect(iterator.next()).rejects.toBe(broken);
    expect(stop).toHaveBeenCalledOnce();
  });
});
