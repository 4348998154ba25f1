import { isName, type PolicyDocument } from "@dimmer/core";
import { callerMistake, shown } from "../connect/caller-mistake.ts";
import { lintNamesAt, type RouteFinding } from "../routes/lint-routes.ts";
import { PROTECTED_FIELDS } from "../routes/protected-routes.ts";
import { type Classification, checkFields, OPEN } from "../routes/route-table.ts";
import type { FieldRule, GraphqlGuardOptions, ProtectedFields } from "./options.ts";

const ROOT_FIELD = /^(?:query|mutation|subscription)\.[_A-Za-z][_0-9A-Za-z]*$/;
const FIELD_FIX = 'name it by kind of operation and field, as in "mutation.createNote"';

/** What fields that no line names ask for, by kind of operation. */
const UNLISTED: Readonly<Record<string, Classification>> = {
  query: Object.freeze({ capability: "view", route: "unlisted query" }),
  mutation: Object.freeze({ capability: "create", route: "unlisted mutation" }),
  subscription: Object.freeze({ capability: "view", route: "unlisted subscription" }),
};

/** What root fields ask for, ready to be looked up. */
export class FieldTable {
  readonly #fields = new Map<string, Classification>();

  /** @throws {TypeError} where a line is malformed, a protected capability is missing, or the two contradict each other */
  constructor(fields: GraphqlGuardOptions<never>["fields"], protectedFields: ProtectedFields) {
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
      throw callerMistake("guard: fields", shown(fields), `give an object; ${FIELD_FIX}`);
    }
    for (const [field, rule] of Object.entries(fields)) this.#fields.set(field, compileField("fields", field, rule));
    this.#protect(protectedFields);
  }

  /** What a root field asks for. Never throws. */
  of(operation: string, field: string): Classification {
    return this.#fields.get(`${operation}.${field}`) ?? (UNLISTED[operation] as Classification);
  }

  /** Finds the names that a policy does not have. Never throws. */
  lintNames(policy: PolicyDocument): RouteFinding[] {
    const named = [...this.#fields].map(([field, asked]) => [`fields["${field}"]`, asked] as const);
    const unlisted = Object.values(UNLISTED).map((asked) => ["fields", asked] as const);
    return [...named, ...unlisted].flatMap(([place, asked]) => lintNamesAt(place, asked, policy));
  }

  #protect(protectedFields: ProtectedFields): void {
    checkFields("guard: protected", protectedFields ?? {}, PROTECTED_FIELDS);
    const missing = PROTECTED_FIELDS.filter((capability) => protectedFields?.[capability] === undefined);
    if (missing.length > 0) {
      const fix =
        'say for each where it lives, as a list of root fields or "elsewhere"; a guard must never close the way back';
      throw callerMistake("guard: protected", `does not name ${missing.join(", ")}`, fix);
    }
    for (const capability of PROTECTED_FIELDS) {
      const named = protectedFields[capability];
      if (named !== "elsewhere") this.#protectFields(capability, named);
    }
  }

  #protectFields(capability: string, named: readonly string[]): void {
    const place = `protected.${capability}`;
    if (!Array.isArray(named) || named.length === 0) {
      const given = Array.isArray(named) ? "is an empty list" : shown(named);
      throw callerMistake(`guard: ${place}`, given, 'give its root fields, or "elsewhere"');
    }
    for (const field of named as readonly string[]) {
      const known = this.#fields.get(field);
      if (known !== undefined && (known.capability !== capability || known.feature !== undefined)) {
        const given = `names ${field}, which leads to "${known.capability}" already`;
        throw callerMistake(`guard: ${place}`, given, "name it in one place");
      }
      this.#fields.set(field, compileField(place, field, capability));
    }
  }
}

function compileField(place: string, field: string, rule: FieldRule): Classification {
  if (!ROOT_FIELD.test(field)) throw callerMistake(`guard: ${place}`, `names ${shown(field).slice(3)}`, FIELD_FIX);
  const at = `guard: ${place}["${field}"]`;
  const asked = typeof rule === "object" ? rule : { capability: rule };
  checkFields(at, asked, ["capability", "feature"]);
  const { capability, feature } = asked as { readonly capability: string; readonly feature?: string };
  if (!isName(capability)) throw callerMistake(at, shown(capability), 'give a capability of the policy, or "open"');
  if (feature !== undefined && !isName(feature))
    throw callerMistake(at, shown(feature), "give a feature of the policy");
  if (feature !== undefined && capability === OPEN) {
    throw callerMistake(at, "asks for a feature and is open", "an open field asks for nothing; leave the feature out");
  }
  return Object.freeze({ capability, ...(feature === undefined ? {} : { feature }), route: field });
}
