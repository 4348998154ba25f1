import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { duplicateKeys } from "../src/json-members.ts";
import { readPlainBatch, readPlainQuestion } from "../src/plain-question.ts";
import { QuestionFault, readQuestion } from "../src/question.ts";
import { arbitraryQuestion } from "./arbitrary-question.ts";

/** Texts that are plain questions but for one character put in, taken out or replaced. */
const nearlyPlain = fc
  .tuple(
    fc.constantFrom(
      '{"tenant":"acme","capability":"view"}',
      '{"tenant": "acme", "capability": "api.write", "principal": "member"}',
    ),
    fc.nat(70),
    fc.nat(2),
    fc.constantFrom('"', "\\", "{", "}", ",", ":", " ", "\n", "\0", "é", "x", "\u2028", '","tenant":"other'),
  )
  .map(([text, at, removed, inserted]) => text.slice(0, at) + inserted + text.slice(at + removed));

const texts = fc.oneof(
  arbitraryQuestion.map((value) => JSON.stringify(value)),
  nearlyPlain,
  fc.string(),
);

describe("readPlainQuestion", () => {
  it.each([
    ['{"tenant":"acme","capability":"view"}', { tenant: "acme", capability: "view" }],
    ['{"tenant": "a-1", "capability": "api.write"}', { tenant: "a-1", capability: "api.write" }],
    [
      '{"tenant":"acme","capability":"view","principal":"admin"}',
      { tenant: "acme", capability: "view", principal: "admin" },
    ],
  ])("reads %s", (text, question) => {
    expect(readPlainQuestion(text)).toEqual(question);
  });

  it.each([
    ' {"tenant":"acme","capability":"view"}',
    '{"tenant":"acme","capability":"view"}\n',
    '{"tenant":"acme","capability":"view"}{}',
    '{"capability":"view","tenant":"acme"}',
    '{"tenant":"acme","capability":"view","principal":"owner"}',
    '{"tenant":"acme","capability":"view","capability":"view"}',
    '{"tenant":"..","capability":"view"}',
    '{"tenant":"\\u0061","capability":"view"}',
    `{"tenant":"${"a".repeat(129)}","capability":"view"}`,
  ])("leaves %s to the reader of everything", (text) => {
    expect(readPlainQuestion(text)).toBeUndefined();
  });

  it("reads nothing but what is well-formed, and reads it as it means", () => {
    fc.assert(
      fc.property(texts, (text) => {
        const plain = readPlainQuestion(text);
        if (plain === undefined) return;
        const value = JSON.parse(text) as unknown;
        expect(readQuestion(value)).not.toBeInstanceOf(QuestionFault);
        expect(plain).toEqual(value);
        expect(duplicateKeys(text)).toEqual([]);
      }),
      { numRuns: 5_000 },
    );
  });
});

describe("readPlainBatch", () => {
  it("reads what a serialiser makes of plain questions, in order", () => {
    const checks = [
      { tenant: "acme", capability: "view" },
      { tenant: "b", capability: "pay", principal: "billing" },
    ];
    expect(readPlainBatch(JSON.stringify({ checks }), 2)).toEqual(checks);
    expect(
      readPlainBatch('{"checks": [{"tenant": "a", "capability": "b"}, {"tenant": "c", "capability": "d"}]}', 9),
    ).toEqual([
      { tenant: "a", capability: "b" },
      { tenant: "c", capability: "d" },
    ]);
  });

  it("leaves batches of other questions, of too many and of none to the reader of everything", () => {
    const plain = '{"tenant":"a","capability":"b"}';
    for (const text of [
      '{"checks":[]}',
      `{"checks":[${plain},]}`,
      `{"checks":[${plain}]`,
      `{"checks":[${plain}]} `,
      `{"checks":[${plain}],"checks":[]}`,
      `{"checks":[${plain},{"tenant":"a","feature":"b"}]}`,
      `{"checks":[${plain},${plain},${plain}]}`,
      `[${plain}]`,
    ]) {
      expect(readPlainBatch(text, 2), text).toBeUndefined();
    }
  });

  it("reads questions in a row that differ in the tenant alone, and none that is nearly so", () => {
    const tenant = fc.oneof(
      { weight: 20, arbitrary: fc.constantFrom("acme", "b", "a-1", "x".repeat(128)) },
      { weight: 1, arbitrary: fc.constantFrom("x".repeat(129), "..", "", 'a","x":"', "\u00e9") },
    );
    const form = fc.constantFrom('","capability":"view"}', '", "capability": "view", "principal": "member"}', '"}');
    const batches = fc
      .tuple(form, fc.array(tenant, { minLength: 2, maxLength: 6 }), fc.option(fc.tuple(fc.nat(300), nearlyPlain)))
      .map(([rest, tenants, change]) => {
        const text = `{"checks":[${tenants.map((id) => `{"tenant":"${id}${rest}`).join(",")}]}`;
        return change === null ? text : text.slice(0, change[0]) + change[1].slice(0, 1) + text.slice(change[0] + 1);
      });
    let read = 0;
    fc.assert(
      fc.property(batches, (text) => {
        const plain = readPlainBatch(text, 10);
        if (plain === undefined) return;
        read++;
        const value = JSON.parse(text) as { checks: unknown[] };
        expect({ checks: plain }).toEqual(value);
        for (const question of value.checks) expect(readQuestion(question)).not.toBeInstanceOf(QuestionFault);
        expect(duplicateKeys(text)).toEqual([]);
      }),
      { numRuns: 5_000 },
    );
    expect(read).toBeGreaterThan(50);
  });

  it("reads nothing but what is well-formed, and reads it as it means", () => {
    const batches = fc
      .array(texts, { maxLength: 4 })
      .chain((items) => fc.constantFrom(",", ", ", " ,", "").map((comma) => `{"checks":[${items.join(comma)}]}`));
    fc.assert(
      fc.property(batches, (text) => {
        const plain = readPlainBatch(text, 10);
        if (plain === undefined) return;
        expect({ checks: plain }).toEqual(JSON.parse(text));
        expect(duplicateKeys(text)).toEqual([]);
      }),
      { numRuns: 5_000 },
    );
  });
});
