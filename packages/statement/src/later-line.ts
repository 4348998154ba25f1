import { canonicalLine } from "./entitlement-line.ts";
import type { WireEntitlement, WireTombstone } from "./wire.ts";
import { isRecord } from "./wire-values.ts";

/** An object of an entitlement: the fields that this version knows, and the objects that stand in some of them. */
interface Known {
  readonly fields: readonly string[];
  readonly within: Readonly<Record<string, Known>>;
}

const STEP: Known = { fields: ["at", "mode", "deny"], within: {} };
const EXCEPTION: Known = { fields: ["floor", "from", "until"], within: {} };
const RESTRICTION: Known = {
  fields: ["cause", "case", "steps", "exception"],
  within: { steps: STEP, exception: EXCEPTION },
};
const ENTITLEMENT: Known = {
  fields: ["tenant", "plan", "gone", "features", "restrictions"],
  within: { restrictions: RESTRICTION },
};

/**
 * Tells whether a line of a chunk is in the one spelling that it may have. Fields of a later version, which mean nothing
 * here, may stand in each object behind those that are known, as `JSON.stringify` writes them. Costs what `canonicalLine`
 * does, and a few times that for a line with such fields. Never throws.
 *
 * @param checked what `checkWireEntitlement` returned for the line
 */
export function isCanonicalLine(line: string, checked: WireEntitlement | WireTombstone): boolean {
  const canonical = canonicalLine(checked);
  return canonical === line || JSON.stringify(spelled(JSON.parse(canonical), checked, ENTITLEMENT)) === line;
}

/** The canonical spelling of what is known, with what is not known behind it in each object. */
function spelled(canonical: unknown, received: unknown, known: Known): unknown {
  if (Array.isArray(canonical) && Array.isArray(received)) {
    return canonical.map((item, i) => spelled(item, received[i] as unknown, known));
  }
  if (!isRecord(canonical) || !isRecord(received)) return canonical;
  const fields = Object.entries(canonical).map(([name, value]) => {
    const within = known.within[name];
    return [name, within === undefined ? value : spelled(value, received[name], within)] as const;
  });
  const unknown = Object.entries(received).filter(([name]) => !known.fields.includes(name));
  return Object.fromEntries([...fields, ...unknown]);
}
