// The contracts of the wire as schemas: a door of its own, as their library comes with them and following needs neither.
export {
  deltaPayloadSchema,
  entitlementTokenPayloadSchema,
  headPayloadSchema,
  indexPayloadSchema,
  keysetPayloadSchema,
  locksPayloadSchema,
  policyPayloadSchema,
} from "./payload-schemas.ts";
export { wireEntitlementSchema, wireLockSchema, wireTombstoneSchema } from "./wire-schemas.ts";
