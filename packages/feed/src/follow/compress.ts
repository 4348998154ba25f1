/** Lines of a chunk are much alike: deflate makes a tenth of them, at about 100 MB/s. */
const FORMAT = "deflate-raw";

/** Compresses bytes. */
export async function compress(bytes: Uint8Array): Promise<Uint8Array> {
  return await pass(bytes, new CompressionStream(FORMAT));
}

/** Gives back what `compress` was given. */
export async function decompress(bytes: Uint8Array): Promise<Uint8Array> {
  return await pass(bytes, new DecompressionStream(FORMAT));
}

/** By writer and reader: through `Blob` and `Response` a thousand chunks leave 50 MB behind for the garbage collector. */
async function pass(bytes: Uint8Array, through: CompressionStream | DecompressionStream): Promise<Uint8Array> {
  const writer = through.writable.getWriter();
  const written = writer.write(bytes as Uint8Array<ArrayBuffer>).then(() => writer.close());
  // Where reading fails, writing does as well, and is not waited for.
  written.catch(() => undefined);
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader = through.readable.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    pieces.push(read.value);
    size += read.value.length;
  }
  await written;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
