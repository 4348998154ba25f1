import { problemOf, problemResponse } from "../problem.ts";

/** The answer where a path names a tenant by an id that none can have. Never throws. */
export function illFormedTenant(): Response {
  return problemResponse(
    problemOf(
      "malformed_question",
      "a tenant id is 1 to 128 characters of A–Z a–z 0–9 . _ : -, the first a letter, a digit or _",
      { field: "tenant" },
    ),
  );
}
