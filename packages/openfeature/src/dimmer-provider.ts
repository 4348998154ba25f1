import type { Dimmer } from "@dimmer/sdk";
import {
  type EvaluationContext,
  type JsonValue,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderEvents,
  ProviderNotReadyError,
  type ResolutionDetails,
} from "@openfeature/server-sdk";
import { ChangeTeller, type ToldChange } from "./change-teller.ts";
import { flagsOf } from "./flags.ts";
import { resolveFlag } from "./resolve-flag.ts";

/** How a provider is made. */
export interface DimmerProviderOptions {
  /** What `connect()` gives. It stays the product's own: the provider does not close it. */
  readonly dimmer: Dimmer;
  /**
   * Milliseconds that `initialize` waits for verified data, from 0. Past it the provider is in error until there is data,
   * and evaluations give the caller's default with `PROVIDER_NOT_READY`. Default 2,000.
   */
  readonly waitMs?: number;
}

const DEFAULT_WAIT_MS = 2_000;

/**
 * Dimmer as a server provider of OpenFeature: features are flags by their names, capabilities are boolean flags
 * `can.<capability>`, `targetingKey` is the tenant. Evaluations are answered from memory, as `check` is.
 *
 * It is STALE while the head is older than it promised to be, though it goes on answering from the last known state, and
 * tells CONFIGURATION_CHANGED once for all that a new version or a signed step changed. `flagsChanged` names every flag of
 * the policy: which of them changed differs by tenant.
 *
 * @example
 * await OpenFeature.setProviderAndWait(new DimmerProvider({ dimmer }));
 * await client.getBooleanValue("can.create", true, { targetingKey: "acme", principal: "member" });
 */
export class DimmerProvider implements Provider {
  readonly metadata = { name: "dimmer" } as const;
  readonly runsOn = "server" as const;
  readonly events: OpenFeatureEventEmitter = new OpenFeatureEventEmitter();
  readonly #dimmer: Dimmer;
  readonly #waitMs: number;
  readonly #changes: ChangeTeller;
  #version: string;
  #subscriptions: (() => void)[] = [];

  /** @throws {TypeError} where `dimmer` is none that `connect()` gives, or `waitMs` no number of 0 or more */
  constructor({ dimmer, waitMs = DEFAULT_WAIT_MS }: DimmerProviderOptions) {
    if (typeof dimmer?.on !== "function" || typeof dimmer.ask !== "function") {
      throw new TypeError("DimmerProvider: dimmer is none: give what connect() resolves to");
    }
    if (!(waitMs >= 0)) throw new TypeError(`DimmerProvider: waitMs is ${waitMs}: give milliseconds from 0`);
    this.#dimmer = dimmer;
    this.#waitMs = waitMs;
    this.#changes = new ChangeTeller((change) => this.#tellChange(change));
    const { version } = dimmer.status();
    this.#version = version === undefined ? "" : `${version.epoch}.${version.seq}`;
  }

  /**
   * Waits for verified data and begins to listen. Called by the SDK.
   *
   * @throws {ProviderNotReadyError} where there is none in time; it is READY by itself as soon as there is
   */
  async initialize(): Promise<void> {
    this.#listen();
    if (this.#dimmer.isReady) return this.#tellIfStale();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#waitMs);
    const stop = this.#dimmer.on("ready", () => resolve());
    await promise;
    clearTimeout(timer);
    stop();
    if (this.#dimmer.isReady) return;
    const tellReady = (): void => this.events.emit(ProviderEvents.Ready, { message: "verified data is held" });
    this.#subscriptions.push(this.#dimmer.on("ready", tellReady));
    throw new ProviderNotReadyError(`no verified data within ${this.#waitMs} ms`);
  }

  /** Stops listening. The Dimmer goes on. Called by the SDK. */
  async onClose(): Promise<void> {
    for (const stop of this.#subscriptions.splice(0)) stop();
  }

  /** @see resolveFlag */
  async resolveBooleanEvaluation(
    key: string,
    otherwise: boolean,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<boolean>> {
    return resolveFlag(this.#desk(), { key, type: "boolean", otherwise, context });
  }

  /** @see resolveFlag */
  async resolveStringEvaluation(
    key: string,
    otherwise: string,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<string>> {
    return resolveFlag(this.#desk(), { key, type: "string", otherwise, context });
  }

  /** A limit. Unlimited is 9007199254740991, with `unlimited: true` in the metadata. @see resolveFlag */
  async resolveNumberEvaluation(
    key: string,
    otherwise: number,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<number>> {
    return resolveFlag(this.#desk(), { key, type: "limit", otherwise, context });
  }

  /** @see resolveFlag */
  async resolveObjectEvaluation<T extends JsonValue>(
    key: string,
    otherwise: T,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<T>> {
    return resolveFlag(this.#desk(), { key, type: "json", otherwise, context });
  }

  #desk(): { readonly dimmer: Dimmer; readonly version: string } {
    return { dimmer: this.#dimmer, version: this.#version };
  }

  #listen(): void {
    if (this.#subscriptions.length > 0) return;
    const dimmer = this.#dimmer;
    this.#subscriptions = [
      dimmer.on("update", ({ version, tenants }) => {
        this.#version = version;
        this.#changes.note(tenants);
      }),
      dimmer.on("change", ({ tenant }) => this.#changes.note([tenant])),
      dimmer.on("stale", () => this.#tellIfStale()),
      dimmer.on("fresh", () => this.events.emit(ProviderEvents.Ready, { message: "the feed is fresh again" })),
      dimmer.on("refused", ({ message }) => {
        // What is refused later disturbs nothing: the last good state is in force.
        if (!dimmer.isReady) this.events.emit(ProviderEvents.Error, { message });
      }),
    ];
  }

  #tellIfStale(): void {
    if (this.#dimmer.status().freshness !== "stale") return;
    // After the SDK has told READY for `initialize`, which would otherwise come last.
    const message = "the feed is older than it promised to be: answers rest on the last known state";
    setImmediate(() => this.events.emit(ProviderEvents.Stale, { message })).unref();
  }

  #tellChange({ tenants, tenant }: ToldChange): void {
    const { policy } = this.#dimmer;
    if (this.#subscriptions.length === 0 || policy === undefined) return;
    const metadata = {
      version: this.#version,
      ...(Number.isFinite(tenants) ? { tenants } : {}),
      ...(tenant && { tenant }),
    };
    this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: flagsOf(policy), metadata });
  }
}
