import { afterEach } from "vitest";

/** Keeps what is to be disposed of when a test ends, the last one first. Call once per file. */
export function keeper(): <T extends AsyncDisposable>(item: T) => T {
  const items: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const item of items.splice(0).reverse()) await item[Symbol.asyncDispose]();
  });
  return (item) => {
    items.push(item);
    return item;
  };
}
