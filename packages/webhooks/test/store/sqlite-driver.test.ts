import { expect, it } from "vitest";
import { sqliteDriver } from "../../src/store/sqlite-driver.ts";

it("lets all else of the process run between transactions, however many are asked for at once", async () => {
  const driver = sqliteDriver(":memory:");
  let turns = 0;
  let isDone = false;
  const beat = (): void => {
    turns++;
    if (!isDone) setImmediate(beat);
  };
  setImmediate(beat);
  const works = Array.from({ length: 100 }, () =>
    driver.transaction(async (session) => {
      const startedMs = performance.now();
      while (performance.now() - startedMs < 2) await session.all("SELECT 1");
    }),
  );
  await Promise.all(works);
  isDone = true;
  // 200 ms of work at least, in turns of some 10 ms.
  expect(turns).toBeGreaterThanOrEqual(8);
  await driver.close();
});
