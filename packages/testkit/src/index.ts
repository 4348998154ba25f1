export { authorityDoors, type DoorParts, type FetchDoors, sidecarDoors } from "./doors.ts";
export { type DimmerMatchers, dimmerMatchers, type ExpectedDenial, type MatcherResult } from "./matchers.ts";
export { type ServedDoors, serveDoors } from "./serve-doors.ts";
export { TestClock } from "./test-clock.ts";
export { TestDisk } from "./test-disk.ts";
export { TestFeed, type TestFeedOptions } from "./test-feed.ts";
export { type SourceState, TestSource } from "./test-source.ts";
export { inFull, inMode, lockOf, steppingDown, type TestContent } from "./test-tenants.ts";
export { type Chaos, TestWorld, type TestWorldOptions } from "./test-world.ts";
