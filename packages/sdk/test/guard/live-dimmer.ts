import type { Principal } from "@dimmer/core";
import { type SignalAsk, Signals, signalAskOf } from "../../src/connect/signals.ts";
import { type KnownTenant, MemoryDimmer } from "./memory-dimmer.ts";

/** A `MemoryDimmer` with the signals of a replica: they abort when a test changes a tenant. */
export class LiveDimmer extends MemoryDimmer {
  readonly #signals = new Signals((tenant, ask) => this.ask(tenant, ask));

  override change(tenant: string, known: KnownTenant): void {
    super.change(tenant, known);
    this.#signals.recheck(tenant);
  }

  signal(tenant: string, asked: string | SignalAsk, principal?: Principal): AbortSignal {
    return this.#signals.of(tenant, signalAskOf(asked, principal));
  }
}
