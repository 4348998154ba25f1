import type { Classification } from "../routes/route-table.ts";
import type { GuardCounts, RouteCount } from "./options.ts";

type Counted = { -readonly [K in keyof RouteCount]: RouteCount[K] };

/** Plain counters by route, read when somebody asks. Bounded: classifications are those of a table and the defaults. */
export class RouteCounters {
  ambiguous = 0;
  readonly #byRoute = new Map<Classification, Counted>();

  of(classification: Classification): Counted {
    const known = this.#byRoute.get(classification);
    if (known !== undefined) return known;
    const counted = { route: classification.route, allowed: 0, denied: 0, open: 0, withoutTenant: 0 };
    this.#byRoute.set(classification, counted);
    return counted;
  }

  read(): GuardCounts {
    return { ambiguous: this.ambiguous, routes: [...this.#byRoute.values()].map((counted) => ({ ...counted })) };
  }
}
