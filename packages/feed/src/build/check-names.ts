import {
  CLOSED_MODE,
  type CompiledPolicy,
  DimmerError,
  type FeatureValue,
  featureValueFault,
  PROTECTED_CAPABILITIES,
  unknownNames,
} from "@dimmer/core";
import { isTombstone, termsFromWire, type WireEntitlement, type WireLock, type WireTombstone } from "@dimmer/statement";

/**
 * Refuses an entitlement that names a plan, mode, feature or capability that the policy does not know, or that gives a
 * feature a value of another type than the policy says. A replica would put such a tenant in quarantine (F3), or hold a
 * limit that it cannot compare: at the build a person still reads the message. Refuses as well a step that denies what
 * stays open to admins in every mode but `closed` (D5).
 *
 * @throws {DimmerError} `entitlement_invalid`, whose message begins with the path of the field
 */
export function checkEntitlementNames(policy: CompiledPolicy, checked: WireEntitlement | WireTombstone): void {
  if (isTombstone(checked)) return;
  refuseProtected(checked);
  const [unknown] = unknownNames(policy, termsFromWire(checked));
  if (unknown === undefined) return;
  const place = placeOf(checked, unknown);
  const name = nameIn(unknown);
  const fault = unknown.startsWith(VALUE) ? faultOfValue(policy, name, checked.features?.[name]) : undefined;
  throw refusal(place, fault ?? `${unknown} is not in the policy; ${known(policy, unknown)}`);
}

/** `decide` would obey a step that closes the way to the data, to the payment or out; so nothing of ours signs one. */
function refuseProtected({ restrictions = [] }: WireEntitlement): void {
  for (const [i, { steps }] of restrictions.entries()) {
    for (const [j, { mode, deny = [] }] of steps.entries()) {
      const at = deny.findIndex((item) => (PROTECTED_CAPABILITIES as readonly string[]).includes(item));
      if (at === -1 || mode === CLOSED_MODE) continue;
      const place = `restrictions[${i}].steps[${j}].deny[${at}]`;
      throw refusal(place, `"${deny[at]}" stays open in every mode but ${CLOSED_MODE}; take it out of the list`);
    }
  }
}

/**
 * Refuses a lock whose `allow` names a capability that the policy does not know: it would allow nothing.
 *
 * @throws {DimmerError} `entitlement_invalid`, whose message begins with the path of the field
 */
export function checkLockNames(policy: CompiledPolicy, lock: WireLock): void {
  for (const [i, capability] of lock.allow.entries()) {
    if (policy.bits.has(capability)) continue;
    throw refusal(`lock.allow[${i}]`, `"${capability}" is not in the policy; ${known(policy, "capability")}`);
  }
}

const VALUE = "value of ";

function nameIn(unknown: string): string {
  return unknown.slice(unknown.indexOf('"') + 1, -1);
}

function faultOfValue(policy: CompiledPolicy, name: string, value: FeatureValue | undefined): string | undefined {
  const type = policy.features.get(name)?.type;
  const fault = type === undefined ? undefined : featureValueFault(type, value);
  return fault && `${JSON.stringify(value)} is ${fault.problem}; write ${fault.expected}`;
}

/** The field that names what is unknown: where it stands first. */
function placeOf({ plan, features = {}, restrictions = [] }: WireEntitlement, unknown: string): string {
  const name = nameIn(unknown);
  if (unknown.startsWith("plan ") && name === plan) return "plan";
  if (unknown.includes("feature ") && Object.hasOwn(features, name)) return `features.${name}`;
  for (const [i, { steps, exception }] of restrictions.entries()) {
    for (const [j, { mode, deny = [] }] of steps.entries()) {
      const place = `restrictions[${i}].steps[${j}]`;
      if (unknown.startsWith("mode ") && mode === name) return `${place}.mode`;
      const denied = deny.indexOf(name);
      if (unknown.startsWith("denied ") && denied !== -1) return `${place}.deny[${denied}]`;
    }
    if (exception?.floor === name) return `restrictions[${i}].exception.floor`;
  }
  return "restrictions";
}

function known(policy: CompiledPolicy, unknown: string): string {
  if (unknown.startsWith("plan")) return `known are ${list(policy.plans.keys())}`;
  if (unknown.startsWith("feature")) return `known are ${list(policy.features.keys())}`;
  if (unknown.startsWith("mode")) return `known are ${list(policy.modes.keys())}`;
  const capabilities = `known are ${list(policy.bits.keys())}`;
  return unknown.startsWith("denied") ? `${capabilities}, and feature:NAME` : capabilities;
}

function list(names: Iterable<string>): string {
  return [...names].join(", ");
}

function refusal(path: string, message: string): DimmerError {
  return new DimmerError("entitlement_invalid", `${path}: ${message}`);
}
