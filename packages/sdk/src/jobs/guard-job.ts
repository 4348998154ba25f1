import type { Decision, Principal } from "@dimmer/core";
import { callerMistake, shown } from "../connect/caller-mistake.ts";
import { checkFields } from "../connect/check-option.ts";
import { checkSignalSource, decisionOf, deniedBy, type SignalSource } from "./once-denied.ts";
import { signalOf } from "./signal-of.ts";

/** Whose job it is, and what it asks for. */
export interface JobOptions<Capability extends string = string, Feature extends string = string> {
  /** From the job's own record, where the product wrote it: never from what a client put into it. */
  readonly tenant: string;
  /** Default `job`. */
  readonly capability?: Capability;
  /** A feature that it needs besides. */
  readonly feature?: Feature;
  /**
   * For whom the job runs, where that is known. With `admin`, `billing` and `member` it needs `login` too, and stops where that
   * class may not sign in any longer; what goes on by itself is a `service`. Default: nobody is stated.
   */
  readonly principal?: Principal;
  /**
   * Rejects instead of resolving to an outcome that is not `done`: with the `AbortError` whose `cause` is the decision, for
   * queues that know only success and failure. Such a queue counts it as a failed attempt. Default `false`.
   */
  readonly throwsWhenDenied?: boolean;
}

/**
 * What became of a job. `denied`: it was not begun. `stopped`: it was begun, and ended because it was told to stop
 * by its signal, or was denied something on the way. A job that ends well although it was told to stop is `done`.
 */
export type JobOutcome<T> =
  | { readonly outcome: "done"; readonly value: T }
  | { readonly outcome: "denied" | "stopped"; readonly decision: Decision };

const FIELDS = ["tenant", "capability", "feature", "principal", "throwsWhenDenied"] as const;

/**
 * Runs a job of a tenant if the tenant may: `guardJob(dimmer, "acme", async (signal) => …)`. The signal aborts when the
 * capability ends, by a step, a lock or a new generation; a job that does not look at it runs to its end. A denial is an
 * outcome and not an exception: put the job back for later, or hold it until the tenant's next `change`.
 *
 * It starts no job again and keeps none: that is the queue's affair.
 *
 * @param whose the tenant's id, or whose job it is and what it asks for
 * @throws {TypeError} where an option is none; what `job` throws, unless it stops because of its signal
 */
export async function guardJob<T, Capability extends string = string, Feature extends string = string>(
  dimmer: SignalSource<Capability, Feature>,
  whose: string | JobOptions<NoInfer<Capability>, NoInfer<Feature>>,
  job: (signal: AbortSignal) => T | PromiseLike<T>,
): Promise<JobOutcome<T>> {
  const options: JobOptions = typeof whose === "string" ? { tenant: whose } : whose;
  checkSignalSource("guardJob", dimmer as SignalSource);
  checkJob(options, job);
  const { capability = "job", throwsWhenDenied = false } = options;
  const signal = await signalOf(dimmer as SignalSource, { ...options, capability });
  const end = (outcome: "denied" | "stopped"): JobOutcome<T> => {
    if (throwsWhenDenied) throw signal.reason;
    return { outcome, decision: decisionOf(signal) };
  };
  if (signal.aborted) return end("denied");
  let value: T;
  try {
    value = await job(signal);
  } catch (error) {
    if (signal.aborted && isStopping(error, signal)) return end("stopped");
    // Such as a call that `guardEgress` did not let out.
    const decision = deniedBy(error);
    if (decision === undefined || throwsWhenDenied) throw error;
    return { outcome: "stopped", decision };
  }
  return { outcome: "done", value };
}

/** Whether a job failed because it was told to stop: with the signal's own reason, or as what listens to it does. */
function isStopping(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}

function checkJob(options: JobOptions, job: unknown): void {
  checkFields("guardJob", options, FIELDS);
  if (typeof options.tenant !== "string") {
    throw callerMistake("guardJob: tenant", shown(options.tenant), "give the id of the tenant whose job it is");
  }
  if (typeof job !== "function") throw callerMistake("guardJob: job", shown(job), "give a function of a signal");
}
