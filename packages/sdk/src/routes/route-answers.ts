import {
  type CompiledPolicy,
  compilePolicy,
  type Decision,
  type FeatureValue,
  type Moment,
  type PolicyDocument,
  PRINCIPALS,
  type Principal,
  Profile,
  type Terms,
} from "@dimmer/core";
import { UNMATCHED } from "./classify.ts";
import { judgeClassified } from "./judge-request.ts";
import { type Classification, OPEN, type RouteTable } from "./route-table.ts";

/** Who asks, in the order of the answers: the classes of principal, and none stated. */
export const ASKERS: readonly (Principal | "unstated")[] = [...PRINCIPALS, "unstated"];

/** What one route answers in one mode: a decision per asker; `"open"` where nothing is asked. */
export interface RouteAnswer {
  /** The rule's method and path, or `"unmatched POST"`. */
  readonly route: string;
  readonly capability: string;
  readonly feature?: string;
  /** A mode of the policy. */
  readonly mode: string;
  readonly answers: Readonly<Record<Principal | "unstated", Decision | "open">>;
}

const NOW: Moment = { nowMs: 1, horizonMs: 1, freshness: "fresh" };

/**
 * Works out what every route answers in every mode, to every class of principal: rules in the order of the table, then
 * the defaults of the methods, each with the modes mildest first. It takes a tenant that nonpayment has brought into the
 * mode and whose plan has every feature on; locks, exceptions and limits are not looked at. Costs microseconds per cell.
 *
 * @throws {DimmerError} `policy_invalid` where the policy does not lint
 */
export function routeAnswers(table: RouteTable, policy: PolicyDocument): RouteAnswer[] {
  const compiled = compilePolicy(policy);
  const profiles = policy.modes.map(({ name }) => ({ mode: name, profile: profileIn(compiled, name) }));
  const classifications = [...table.rules.map(({ classification }) => classification), ...UNMATCHED.values()];
  return classifications.flatMap((classification) =>
    profiles.map(({ mode, profile }) => ({
      route: classification.route,
      capability: classification.capability,
      ...(classification.feature === undefined ? {} : { feature: classification.feature }),
      mode,
      answers: Object.fromEntries(
        ASKERS.map((asker) => [asker, answerOf(profile, classification, asker)]),
      ) as RouteAnswer["answers"],
    })),
  );
}

function answerOf(profile: Profile, classification: Classification, asker: Principal | "unstated"): Decision | "open" {
  if (classification.capability === OPEN) return "open";
  const principal = asker === "unstated" ? undefined : asker;
  return judgeClassified({ ask: (_, ask) => profile.answer(ask, NOW) }, classification, { tenant: "any", principal });
}

function profileIn(policy: CompiledPolicy, mode: string): Profile {
  const [plan = ""] = policy.plans.keys();
  const features: Record<string, FeatureValue> = {};
  for (const [name, { type }] of policy.features) features[name] = ON[type];
  const terms: Terms = { plan, features, restrictions: [{ cause: "nonpayment", steps: [{ atMs: 0, mode }] }] };
  return new Profile({ policy, held: true, terms });
}

/** A value that is on, by the type of the feature. */
const ON = { boolean: true, limit: null, string: "on", json: {} } as const satisfies Record<string, FeatureValue>;
