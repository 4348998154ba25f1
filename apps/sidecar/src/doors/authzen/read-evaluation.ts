import { isTenantId, PRINCIPALS, type Principal } from "@dimmer/core";
import { type Question, QuestionFault, readQuestion } from "../../question.ts";

/** A request of AuthZEN that is well-formed but about somebody who is nobody here: denied, and said why. */
export class UnknownSubject {
  readonly type: string;
  constructor(type: string) {
    this.type = type;
  }
}

/** What one evaluation asks. */
export type Asked = Question | UnknownSubject;

/** The entities of a request, unread. */
export interface Entities {
  readonly subject?: unknown;
  readonly action?: unknown;
  readonly resource?: unknown;
  readonly context?: unknown;
}

/** Who is asked about. */
type Subject = Pick<Question, "tenant" | "principal">;

type Members = Readonly<Record<string, unknown>>;

const FEATURE = "feature:";

/**
 * Reads one evaluation as a question: the subject is a tenant, or a principal that names its tenant; the action is a
 * capability or `feature:<name>`, its properties may add `feature` and `usage`; any resource will do. What entities say
 * besides is left alone, as the protocol wants it, but for `principal`: where it stands it counts. Never throws.
 *
 * @see OpenID AuthZEN Authorization API 1.0, "Access Evaluation API"
 */
export function readEvaluation({ subject, action, resource, context }: Entities): Asked | QuestionFault {
  const who = readSubject(subject);
  if (who instanceof QuestionFault) return who;
  if (!isObject(action)) return missing("action", '{"name": "create"}');
  if (typeof action["name"] !== "string" || action["name"] === "") return mustBeString("action.name");
  const fault = faultOfProperties("action", action) ?? faultOfResource(resource) ?? faultOfContext(context);
  if (fault !== undefined) return fault;
  if (who instanceof UnknownSubject) return who;
  const { feature, usage } = (action["properties"] ?? {}) as Members;
  const name = action["name"];
  const about = name.startsWith(FEATURE)
    ? { feature: name.slice(FEATURE.length) }
    : { capability: name, ...(feature === undefined ? {} : { feature }) };
  const question = readQuestion({ ...who, ...about, ...(usage === undefined ? {} : { usage }) });
  return question instanceof QuestionFault ? inProtocolWords(question) : question;
}

/** Reads the subject and resource of a search, which has no action. Never throws. */
export function readSearch({ subject, resource, context }: Entities): Subject | UnknownSubject | QuestionFault {
  const who = readSubject(subject);
  if (who instanceof QuestionFault) return who;
  return faultOfResource(resource) ?? faultOfContext(context) ?? who;
}

function readSubject(subject: unknown): Subject | UnknownSubject | QuestionFault {
  if (!isObject(subject)) return missing("subject", '{"type": "tenant", "id": "acme"}');
  const { type, id } = subject;
  if (typeof type !== "string" || type === "") return mustBeString("subject.type");
  if (typeof id !== "string" || id === "") return mustBeString("subject.id");
  const fault = faultOfProperties("subject", subject);
  if (fault !== undefined) return fault;
  const { tenant, principal } = (subject["properties"] ?? {}) as Members;
  if (type !== "tenant" && type !== "principal") return new UnknownSubject(type);
  if (type === "principal" && principal === undefined) {
    return new QuestionFault("subject.properties.principal", "is missing: a subject of type principal says its class");
  }
  const who = { tenant: type === "tenant" ? id : tenant, ...(principal === undefined ? {} : { principal }) };
  if (isTenantId(who.tenant) && (principal === undefined || PRINCIPALS.includes(principal as Principal))) {
    return who as Subject;
  }
  // One of the two is at fault: which, and why, is said as of any question, with a capability that nobody looks up here.
  const { field, detail } = readQuestion({ ...who, capability: "" }) as QuestionFault;
  return new QuestionFault(
    field === "tenant" && type === "tenant" ? "subject.id" : `subject.properties.${field}`,
    detail,
  );
}

function faultOfResource(resource: unknown): QuestionFault | undefined {
  if (!isObject(resource)) return missing("resource", '{"type": "note", "id": "1"}; any will do');
  if (typeof resource["type"] !== "string" || resource["type"] === "") return mustBeString("resource.type");
  if (typeof resource["id"] !== "string" || resource["id"] === "") return mustBeString("resource.id");
  return faultOfProperties("resource", resource);
}

function faultOfContext(context: unknown): QuestionFault | undefined {
  return context === undefined || isObject(context) ? undefined : new QuestionFault("context", "must be an object");
}

function faultOfProperties(entity: string, { properties }: Members): QuestionFault | undefined {
  if (properties === undefined || isObject(properties)) return undefined;
  return new QuestionFault(`${entity}.properties`, "must be an object");
}

/** A fault of the question under the name that the caller gave the field. */
function inProtocolWords({ field, detail }: QuestionFault): QuestionFault {
  return new QuestionFault(field === "capability" ? "action.name" : `action.properties.${field}`, detail);
}

function missing(field: string, example: string): QuestionFault {
  return new QuestionFault(field, `must be an object such as ${example}`);
}

function mustBeString(field: string): QuestionFault {
  return new QuestionFault(field, "must be a string that is not empty");
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
