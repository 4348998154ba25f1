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

const MESSAGES = {
  ready: "verified data is held, and the feed is fresh",
  stale: "the feed is older than it promised to be: answers rest on the last known state",
} as const;

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
  /** What the SDK was told last. */
  #told: "ready" | "stale" | "error" = "error";
  #isDue = false;
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
    if (!this.#dimmer.isReady) await this.#waitUntilReady();
    if (!this.#dimmer.isReady) throw new ProviderNotReadyError(`no verified data within ${this.#waitMs} ms`);
    // The SDK tells READY for what resolves here.
    this.#told = "ready";
    this.#tellStateSoon();
  }

  async #waitUntilReady(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#waitMs);
    const stop = this.#dimmer.on("ready", () => resolve());
    await promise;
    clearTimeout(timer);
    stop();
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
      dimmer.on("ready", () => this.#tellStateSoon()),
      dimmer.on("stale", () => this.#tellStateSoon()),
      dimmer.on("fresh", () => this.#tellStateSoon()),
      dimmer.on("refused", ({ message }) => {
        // What is refused later disturbs nothing: the last good state is in force.
        if (dimmer.isReady) return;
        this.#told = "error";
        this.events.emit(ProviderEvents.Error, { message });
      }),
    ];
  }

  /**
   * Tells the state that holds once this turn is over, where it is another than was told: what comes and goes within one
   * turn is told of nobody, and READY, which the SDK tells for `initialize`, never comes last over a feed that is stale.
   */
  #tellStateSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      if (this.#subscriptions.length === 0 || !this.#dimmer.isReady) return;
      const state = this.#dimmer.status().freshness === "stale" ? "stale" : "ready";
      if (state === this.#told) return;
      this.#told = state;
      this.events.emit(state === "stale" ? ProviderEvents.Stale : ProviderEvents.Ready, { message: MESSAGES[state] });
    }).unref();
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
