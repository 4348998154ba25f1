export { type CloseFrame, closeFrameOf } from "./close-frame.ts";
export { guardJob, type JobOptions, type JobOutcome } from "./guard-job.ts";
export { deniedBy, type LongLived, onceDenied, type SignalSource } from "./once-denied.ts";
