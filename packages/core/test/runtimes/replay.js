/**
 * Replays questions with a built core, in whatever runtime this is. Plain JavaScript, and JSON in and out: it is loaded
 * beside the build, where nothing strips types.
 *
 * @param {typeof import("@dimmer/core")} core
 * @param {string} input files of `{ policy, questions: [{ state, ask, moment }] }` as JSON
 * @returns {string} per file and question the decision of `decide`, that of a profile, and the denial, as JSON
 */
export function replay(core, input) {
  const answers = JSON.parse(input).map(({ policy, questions }) => {
    const compiled = core.compilePolicy(policy);
    return questions.map(({ state, ask, moment }) => {
      const known = { ...state, policy: compiled };
      const decision = core.decide(known, ask, moment);
      const profile = new core.Profile(known);
      const context = { tenant: "acme", cases: [], acceptLanguage: "ja" };
      const denial = decision.allowed ? undefined : core.denialOf(decision, profile.standing(moment), context);
      return { decision, answered: profile.answer(ask, moment), denial };
    });
  });
  return JSON.stringify(answers);
}
