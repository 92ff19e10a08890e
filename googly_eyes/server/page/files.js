// The files that the server writes: names, download, clipboard and share sheet.

import { drawn } from "./api.js";
import { eyeTo } from "./eyes.js";

const EXTENSION = /\.[a-z0-9]{1,5}$/i;
const HEIC = /\.(heic|heif|hif)$/i; // comes back as JPEG

/** Return the file of a photo with its eyes as they are now: photo.googly.jpg for photo.jpg. */
export async function fileOf({ file, name, order }) {
  const blob = await drawn(file, order.map(eyeTo));
  const [extension = ""] = EXTENSION.exec(name) ?? [];
  const written = extension && !HEIC.test(name) ? extension : `.${blob.type.slice(6).replace("jpeg", "jpg")}`;
  return new File([blob], `${name.slice(0, name.length - extension.length)}.googly${written}`, { type: blob.type });
}

/** Return pairs of name and file; the second photo.googly.jpg becomes photo.googly (2).jpg. */
export function withDistinctNames(files) {
  const taken = new Set();
  return files.map((file) => {
    let { name } = file;
    for (let number = 2; taken.has(name.toLowerCase()); number++) name = file.name.replace(EXTENSION, ` (${number})$&`);
    taken.add(name.toLowerCase());
    return [name, file];
  });
}

/** Download a blob under this name. */
export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser may ask for the folder first
}

export const canCopy = () => Boolean(globalThis.ClipboardItem && navigator.clipboard?.write);

/** Put the photo on the clipboard, as PNG: browsers accept no other format. Call it from a click. */
export function copy(photo) {
  return navigator.clipboard.write([new ClipboardItem({ "image/png": fileOf(photo).then(asPng) })]);
}

async function asPng(file) {
  if (file.type === "image/png") return file;
  const bitmap = await createImageBitmap(file);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/png" });
}

export const canShare = () => Boolean(navigator.canShare?.({ files: [new File(["x"], "x.jpg", { type: "image/jpeg" })] }));

/** Open the share sheet. Return false if the browser wants another click; the file is kept for it. */
export async function share(photo) {
  const eyes = JSON.stringify(photo.order.map(eyeTo));
  if (photo.shared?.eyes !== eyes) photo.shared = { eyes, file: await fileOf(photo) };
  try {
    await navigator.share({ files: [photo.shared.file] });
  } catch (error) {
    if (error.name === "NotAllowedError") return false;
    if (error.name !== "AbortError") throw error; // the user closed the sheet
  }
  photo.shared = undefined;
  return true;
}
