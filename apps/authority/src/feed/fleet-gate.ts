import type { ServerResponse } from "node:http";
import { type FleetCredential, findFleetCredential } from "../credentials/fleet-credentials.ts";
import { hashSecret } from "../credentials/secret.ts";
import type { Store } from "../store/open-store.ts";

interface Admitted {
  readonly credential: FleetCredential;
  readonly untilMs: number;
}

/** A credential that was revoked is believed for this long: a list takes a thousand requests. */
const BELIEVED_MS = 5_000;
const MAX_KEPT = 10_000;

/** Lets fleet credentials in, and ends the streams of those that were revoked. */
export class FleetGate {
  readonly #store: Store;
  readonly #admitted = new Map<string, Admitted>();
  readonly #streams = new Map<ServerResponse, string>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** The credential that a secret belongs to; `undefined` where it is unknown or revoked. */
  async admit(secret: string): Promise<FleetCredential | undefined> {
    const hash = hashSecret(secret);
    const known = this.#admitted.get(hash);
    if (known !== undefined && known.untilMs > performance.now()) return known.credential;
    const credential = await findFleetCredential(this.#store.db, secret);
    if (credential === undefined) {
      this.#admitted.delete(hash);
      return undefined;
    }
    if (this.#admitted.size >= MAX_KEPT) this.#admitted.clear();
    this.#admitted.set(hash, { credential, untilMs: performance.now() + BELIEVED_MS });
    return credential;
  }

  /** Remembers whose a stream is. */
  follow(credential: string, response: ServerResponse): void {
    this.#streams.set(response, credential);
    response.once("close", () => this.#streams.delete(response));
  }

  /** Ends the streams of credentials that were revoked. @throws what the store throws */
  async endRevoked(): Promise<void> {
    const open = [...new Set(this.#streams.values())];
    if (open.length === 0) return;
    const rows = await this.#store.db
      .selectFrom("fleet_credential")
      .select("id")
      .where("id", "in", open)
      .where("revoked_ms", "is", null)
      .execute();
    const good = new Set(rows.map(({ id }) => id));
    for (const [response, credential] of this.#streams) if (!good.has(credential)) response.destroy();
  }
}
