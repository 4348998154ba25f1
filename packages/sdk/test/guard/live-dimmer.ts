import type { Principal } from "@dimmer/core";
import { Signals } from "../../src/connect/signals.ts";
import { type KnownTenant, MemoryDimmer } from "./memory-dimmer.ts";

/** A `MemoryDimmer` with the signals of a replica: they abort when a test changes a tenant. */
export class LiveDimmer extends MemoryDimmer {
  readonly #signals = new Signals((tenant, capability, principal) => this.check(tenant, capability, principal));

  override change(tenant: string, known: KnownTenant): void {
    super.change(tenant, known);
    this.#signals.recheck(tenant);
  }

  signal(tenant: string, capability: string, principal?: Principal): AbortSignal {
    return this.#signals.of(tenant, capability, principal);
  }
}
