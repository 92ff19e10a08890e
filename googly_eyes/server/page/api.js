// Requests to the API, and its errors in the words of this page.

import { isLocal } from "./main.js";

const PAUSE_S = 2; // before a busy server is asked again, unless it names a time
const ATTEMPTS = 15;
const MAX_BYTES = Number(document.documentElement.dataset.maxBytes);

/** A failure to show to the user. `again`: the same request may succeed later. */
export class Problem extends Error {
  constructor(message, again = false) {
    super(message);
    this.again = again;
  }
}

/** Return the faces and the eyes of a photo: the JSON of the API without the photo. */
export async function findEyes(photo, fields, signal, onBusy) {
  return (await ask(photo, { ...fields, answer: "faces" }, "application/json", signal, onBusy)).json();
}

/** Return the photo with exactly these eyes, as a file. */
export async function drawn(photo, eyes, signal, onBusy) {
  return (await ask(photo, { eyes: JSON.stringify(eyes) }, "image/*", signal, onBusy)).blob();
}

async function ask(photo, fields, accept, signal, onBusy = () => {}) {
  if (photo.size > MAX_BYTES) throw tooLarge(photo);
  const form = new FormData();
  form.set("image", photo, photo.name || "photo");
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  for (let attempt = 1; ; attempt++) {
    const response = await send(photo, { method: "POST", body: form, headers: { Accept: accept } }, signal);
    if (response.ok) return response;
    if (response.status !== 503 || attempt === ATTEMPTS) throw await problemOf(response, photo);
    onBusy();
    await new Promise((resolve) => setTimeout(resolve, 1000 * (response.headers.get("Retry-After") || PAUSE_S)));
    signal?.throwIfAborted();
  }
}

async function send(photo, request, signal) {
  try {
    return await fetch("googly_eyes", { ...request, signal });
  } catch {
    signal?.throwIfAborted();
    await photo.slice(0, 1).arrayBuffer().catch(() => {
      throw new Problem("The file cannot be read: it has changed, or is a folder. Choose it again.");
    });
    const remedy = isLocal ? "Start it again with “googly serve”." : "Check the connection.";
    throw new Problem(`The server does not respond. ${remedy}`, true);
  }
}

async function problemOf(response, photo) {
  const { code, message, details } = (await response.json().catch(() => ({}))).error ?? {};
  const texts = {
    400: code === "damaged_photo" ? message : "The file is empty or damaged.",
    415: code === "text" || code === "unknown_format" ? "This file is not a photo." : message,
    422: "These settings are not possible. Press Reset under More.",
    503: "The server has too many photos to work on. Try again in a minute.",
  };
  if (response.status === 413) return tooLarge(photo, details);
  return new Problem(texts[response.status] ?? "The server could not work on this photo.", response.status >= 500);
}

function tooLarge(photo, { max_pixels: maxPixels } = {}) {
  const size = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  if (maxPixels) return new Problem(`The photo has too many pixels; ${Math.floor(maxPixels / 1e6)} million are possible.`);
  if (photo.size <= MAX_BYTES) return new Problem("The photo is too large. Use a smaller copy.");
  return new Problem(`The photo is too large: ${size(photo.size)}, and ${size(MAX_BYTES)} are possible.`);
}
