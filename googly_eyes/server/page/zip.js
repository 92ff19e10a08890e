// A ZIP file without compression, as photos are compressed already (APPNOTE.TXT 6.3). All its numbers are little-endian,
// as those of Uint16Array on all machines with a browser.

const MAX_BYTES = 2 ** 32 - 1; // larger archives need ZIP64
const UTF8_NAMES = 0x0800;
const VERSION = 20;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

/**
 * Return an archive of [name, blob] pairs. Names must differ. Throws RangeError for an archive of 4 GiB or more.
 * The blobs are read one after the other, and the archive refers to them without a copy.
 */
export async function zip(files, date = new Date()) {
  const parts = [];
  const directory = [];
  let [offset, size] = [0, 0];
  for (const [name, blob] of files) {
    const bytes = new TextEncoder().encode(name);
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    const common = [VERSION, UTF8_NAMES, 0, ...dosTime(date), ...long(crc), ...long(blob.size), ...long(blob.size), bytes.length, 0];
    parts.push(words(0x4b50, 0x0403, ...common), bytes, blob);
    directory.push(words(0x4b50, 0x0201, VERSION, ...common, 0, 0, 0, 0, 0, ...long(offset)), bytes);
    offset += 30 + bytes.length + blob.size;
    size += 46 + bytes.length;
    if (offset > MAX_BYTES) throw new RangeError("the archive is larger than 4 GiB");
  }
  const end = words(0x4b50, 0x0605, 0, 0, files.length, files.length, ...long(size), ...long(offset), 0);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

const words = (...values) => new Uint16Array(values);
const long = (value) => [value & 0xffff, value >>> 16];

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

function dosTime(date) {
  const time = (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
  return [time, ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate()];
}
