import { PinnedPolicies } from "../../src/cases/pinned-policies.ts";
import { CaseRunner } from "../../src/cases/runner.ts";
import { openStore } from "../../src/store/open-store.ts";

/** A runner as a process of its own, for tests that kill it: a store and an instant in, `begins` and `done` out. */
const [url = "", nowMs = "0", holder = "a"] = process.argv.slice(2);
const store = await openStore(url);
const runner = new CaseRunner({
  store,
  policies: new PinnedPolicies(),
  holder,
  now: () => Number(nowMs),
  newLocks: 10,
  atOnce: 5,
  onPending: () => undefined,
  onError: (error) => {
    throw error;
  },
});
process.stdout.write("begins\n");
await runner.runDue();
process.stdout.write("done\n");
await store.close();
