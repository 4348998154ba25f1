import { describe, expect, it } from "vitest";
import { canonicalLine, checkWireEntitlement, isCanonicalLine } from "../src/index.ts";

const isCanonical = (line: string): boolean => isCanonicalLine(line, checkWireEntitlement(JSON.parse(line)));

const steps = '"steps":[{"at":1,"mode":"grace"},{"at":2,"mode":"limited","deny":["api.write"]}]';
const exception = '"exception":{"floor":"essential","from":1,"until":2}';
const whole =
  '{"tenant":"acme","plan":"pro","features":{"seats":7,"theme":"dark"},' +
  `"restrictions":[{"cause":"nonpayment","case":"c1",${steps},${exception}}]}`;

describe("a line of a chunk", () => {
  it.each([whole, '{"tenant":"acme","plan":"pro"}', '{"tenant":"acme","gone":5}'])("has one spelling: %s", (line) => {
    expect(canonicalLine(checkWireEntitlement(JSON.parse(line)))).toBe(line);
    expect(isCanonical(line)).toBe(true);
  });

  it.each([
    '{"tenant":"acme","plan":"pro","later":{"b":1,"a":[{}]},"also":null}',
    '{"tenant":"acme","gone":5,"later":true}',
    whole.replace('"deny":["api.write"]', '"deny":["api.write"],"later":1'),
    whole.replace('"until":2}', '"until":2,"later":"x"}'),
    whole.replace(`${exception}}`, `${exception},"later":[]}`),
    whole.replace(/\}$/, ',"mode":"x","until":3,"__proto__":{"plan":"free"}}'),
  ])("may have fields of a later version behind those that are known: %s", (line) => {
    expect(isCanonical(line)).toBe(true);
  });

  it.each([
    '{"later":1,"tenant":"acme","plan":"pro"}',
    '{"tenant":"acme","later":1,"plan":"pro"}',
    '{"plan":"pro","tenant":"acme","later":1}',
    '{"tenant":"acme","plan":"pro","later":1 }',
    '{"tenant":"acme","plan":"pro","later":1,"later":1}',
    '{"tenant":"acme","plan":"pro","later":1.0}',
    '{"tenant":"acme","plan":"pro","features":{},"later":1}',
    '{"tenant":"acme","plan":"pro","restrictions":[],"later":1}',
    '{"tenant":"acme","plan":"pro","features":{"theme":"dark","seats":7},"later":1}',
    whole.replace('{"at":1,', '{"later":1,"at":1,'),
    whole.replace('"deny":["api.write"]', '"deny":[]').replace(/\}$/, ',"later":1}'),
  ])("has no other: %s", (line) => {
    expect(isCanonical(line)).toBe(false);
  });
});
