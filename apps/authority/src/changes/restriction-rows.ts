import type { WireRestriction } from "@dimmer/statement";
import type { Transaction } from "kysely";
import type { RestrictionTable, Tables } from "../store/schema.ts";

/** A tenant's restrictions that are not cleared. @param except a case to leave out */
export function restrictionsInForce(
  queries: Transaction<Tables>,
  tenant: string,
  except = "",
): Promise<RestrictionTable[]> {
  return queries
    .selectFrom("restriction")
    .selectAll()
    .where("tenant_id", "=", tenant)
    .where("id", "!=", except)
    .where("cleared_ms", "is", null)
    .execute();
}

/** A restriction as the feed has it. @throws {SyntaxError} where its row holds no JSON */
export function wireRestriction({ cause, id, steps, exception }: RestrictionTable): WireRestriction {
  return {
    cause,
    case: id,
    steps: JSON.parse(steps) as WireRestriction["steps"],
    ...(exception === null ? {} : { exception: JSON.parse(exception) as NonNullable<WireRestriction["exception"]> }),
  } as WireRestriction;
}
