/** A header as it goes over HTTP/2: name and value, of any octets (Latin-1). */
export type Field = readonly [name: string, value: string];

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const [DATA, HEADERS, SETTINGS] = [0x0, 0x1, 0x4];
const [END_STREAM, END_HEADERS] = [0x1, 0x4];

/**
 * A connection's first bytes (Latin-1) with one request, written by hand: a client's library would refuse to send what a
 * hostile one does. Every header is a literal that enters no table. Never throws.
 *
 * @see RFC 9113 §4.1, RFC 7541 §6.2.2
 */
export function http2Request(
  fields: readonly Field[],
  { body, trailer }: { readonly body?: string; readonly trailer?: readonly Field[] } = {},
): string {
  const isLast = body === undefined && trailer === undefined;
  return [
    PREFACE,
    frame(SETTINGS, 0, 0, ""),
    frame(HEADERS, END_HEADERS | (isLast ? END_STREAM : 0), 1, fields.map(literal).join("")),
    body === undefined ? "" : frame(DATA, trailer === undefined ? END_STREAM : 0, 1, body),
    trailer === undefined ? "" : frame(HEADERS, END_HEADERS | END_STREAM, 1, trailer.map(literal).join("")),
  ].join("");
}

function frame(type: number, flags: number, stream: number, payload: string): string {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return head.toString("latin1") + payload;
}

function literal([name, value]: Field): string {
  return `\0${text(name)}${text(value)}`;
}

/** A string without Huffman coding: its length, seven bits at first, then seven a byte. */
function text(value: string): string {
  if (value.length < 127) return String.fromCharCode(value.length) + value;
  const bytes = [127];
  let rest = value.length - 127;
  for (; rest >= 128; rest >>>= 7) bytes.push((rest & 127) | 128);
  bytes.push(rest);
  return String.fromCharCode(...bytes) + value;
}
