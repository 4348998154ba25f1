import { malformed, problemOf, Refusal } from "../api/problem.ts";

const MAX_LINE_BYTES = 65_536;
const LF = 0x0a;

/**
 * Cuts a stream of bytes into lines of UTF-8, without their ends, holding one line at a time. A line may be empty.
 *
 * @throws {Refusal} `too_large` for a line over 64 KiB; `malformed` for bytes that are no UTF-8, naming the line
 */
export async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  let number = 0;
  const take = (tail: Uint8Array): string => {
    number++;
    const line = rest.length === 0 ? tail : Buffer.concat([...rest, tail]);
    rest = [];
    restBytes = 0;
    if (line.length > MAX_LINE_BYTES) throw tooLong(number);
    try {
      return decoder.decode(line.at(-1) === 0x0d ? line.subarray(0, -1) : line);
    } catch {
      throw malformed(`line ${number}`, "is not UTF-8");
    }
  };
  for await (const chunk of unbroken(bytes)) {
    let start = 0;
    for (let end = chunk.indexOf(LF); end !== -1; end = chunk.indexOf(LF, start)) {
      yield take(chunk.subarray(start, end));
      start = end + 1;
    }
    const tail = chunk.subarray(start);
    if (tail.length === 0) continue;
    rest.push(tail);
    restBytes += tail.length;
    if (restBytes > MAX_LINE_BYTES) throw tooLong(number + 1);
  }
  if (restBytes > 0) yield take(new Uint8Array());
}

/** The bytes as they come; that they broke off is said as what it is. */
async function* unbroken(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch {
    throw malformed("body", "broke off");
  }
}

function tooLong(number: number): Refusal {
  return new Refusal(
    problemOf("too_large", `line ${number} has more than ${MAX_LINE_BYTES} bytes`, { field: `line ${number}` }),
  );
}
