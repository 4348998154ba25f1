import { secondsToWire, type WireException } from "@dimmer/statement";
import { lockRow } from "../sequencer/lease.ts";
import type { RestrictionTable } from "../store/schema.ts";
import { Fault } from "./fault.ts";
import { putRestriction } from "./restrictions.ts";
import type { TenantWrite, Written } from "./tenants.ts";

/** The case that an exception is granted under. */
export interface ExceptionPlace {
  readonly tenant: string;
  readonly case: string;
}

/**
 * Grants a dated floor under a case of nonpayment, or changes the one that is there: while it lasts, what its mode opens
 * stays open whatever the steps say. The steps stay as they are.
 *
 * @throws {Fault} `missing`; `invalid` naming the field, also where it would be over already; `outdated`
 */
export async function grantException(
  write: TenantWrite,
  place: ExceptionPlace,
  exception: WireException,
): Promise<Written<RestrictionTable>> {
  const row = await openCase(write, place);
  if (exception.until <= secondsToWire(write.nowMs)) {
    throw new Fault("invalid", "until: must lie ahead: an exception that is over opens nothing", "until");
  }
  if (!write.policy.document.modes.some(({ name }) => name === exception.floor)) {
    throw new Fault("invalid", `floor: the active policy has no mode ${JSON.stringify(exception.floor)}`, "floor");
  }
  return await putRestriction(write, { ...inputOf(row), exception });
}

/**
 * Ends an exception: from now on the steps alone say what is open. It counts as what it narrows.
 *
 * @throws {Fault} `missing` where there is none; `outdated`
 */
export async function endException(write: TenantWrite, place: ExceptionPlace): Promise<Written<RestrictionTable>> {
  const row = await openCase(write, place);
  if (row.exception === null) throw new Fault("missing", `case ${place.case} has no exception`);
  return await putRestriction(write, inputOf(row));
}

async function openCase({ store, queries }: TenantWrite, place: ExceptionPlace): Promise<RestrictionTable> {
  const row = await lockRow(store, queries.selectFrom("restriction").selectAll().where("id", "=", place.case));
  if (row === undefined || row.tenant_id !== place.tenant || row.cleared_ms !== null) {
    throw new Fault("missing", `tenant ${place.tenant} has no open case ${place.case}`);
  }
  return row;
}

function inputOf({ tenant_id, id, cause, steps }: RestrictionTable) {
  return { tenant: tenant_id, case: id, cause, steps: JSON.parse(steps) as unknown[] };
}
