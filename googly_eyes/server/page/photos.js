// The photos on the page: sent to the server three at a time, and edited here.

import { drawn, findEyes, Problem } from "./api.js";
import { addCard, setState } from "./card.js";
import { eyeFrom, eyesAt, resize } from "./eyes.js";
import { fileOf, save, withDistinctNames } from "./files.js";
import { logo } from "./logo.js";
import { askForSensors, asksForSensors, onSensors } from "./motion.js";
import { fieldsOf, onChange, options } from "./settings.js";
import { zip } from "./zip.js";

const AT_ONCE = 3;
const SLOW_MS = 6000;
const TOAST_MS = 9000;
const SHAKE = 16; // radii per second
const $ = (id) => document.getElementById(id);
const photos = [];
const waiting = [];
const undos = [];
let running = 0;
let toastTimer;

/** Add files as photos, and send them to the server. */
export function add(files) {
  for (const file of files) {
    const photo = { file, name: file.name || "photo", pairs: [], order: [], removed: [] };
    photos.push(photo);
    addCard(photo, { remove: removePair, add: addPair, close, retry: search });
    show(photo, file);
    search(photo);
  }
  arrange();
}

// ---- requests ----

/** Find the faces of a photo. Pairs that were added or removed by hand stay so. */
function search(photo) {
  enqueue(photo, async (used, ...rest) => {
    const preview = photo.shown.then((shown) => shown || showFromServer(photo, rest[0]));
    preview.catch(() => {}); // the search tells the reason
    const found = pairsOf(await findEyes(photo.file, fieldsOf(used), ...rest), used);
    const added = photo.pairs.filter((pair) => pair.added);
    const kept = found.pairs.filter(({ eyes }) => !photo.removed.some((point) => eyes.some((eye) => isNear(eye, point))));
    const order = found.order.filter((eye) => kept.some((pair) => pair.eyes.includes(eye)));
    Object.assign(photo, { pairs: [...kept, ...added], order: [...order, ...added.flatMap((pair) => pair.eyes)] });
    return preview;
  });
}

/** Draw the pupils again from the seed, for the faces on the page. */
function reseed(photo) {
  enqueue(photo, async (used, ...rest) => {
    const faces = JSON.stringify(photo.pairs.map(faceOf));
    const { pairs, order } = pairsOf(await findEyes(photo.file, { ...fieldsOf(used), faces }, ...rest), used);
    pairs.forEach((pair, index) => (pair.added = photo.pairs[index].added));
    Object.assign(photo, { pairs, order });
    return photo.shown;
  });
}

/** Leave the request of a photo, and forget its edits. */
function stop(photo) {
  photo.abort?.abort();
  undos.splice(0, undos.length, ...undos.filter((each) => each.photo !== photo));
}

function enqueue(photo, task) {
  stop(photo);
  photo.abort = new AbortController();
  setState(photo, "waiting", "Waiting");
  waiting.push({ photo, task, signal: photo.abort.signal });
  next();
}

async function next() {
  if (running >= AT_ONCE || !waiting.length) return;
  const { photo, task, signal } = waiting.shift();
  if (signal.aborted) return next();
  running++;
  next();
  const tell = (text) => signal.aborted || setState(photo, "busy", text);
  tell("Looking for faces…");
  const slow = setTimeout(tell, SLOW_MS, "Still looking. A crowd takes longer.");
  const used = options();
  try {
    const shown = await task(used, signal, () => tell("The server is busy. Waiting for a free place…"));
    signal.throwIfAborted();
    finish(photo, shown);
  } catch (error) {
    if (!signal.aborted) setState(photo, "failed", messageOf(error), error.again);
  }
  clearTimeout(slow);
  running--;
  announce();
  next();
}

function messageOf(error) {
  return error instanceof Problem ? error.message : "This page cannot read the server's response. Load it again.";
}

function finish(photo, shown) {
  setState(photo, "done", countOf(photo) + (shown ? "" : ". This browser cannot show the photo; the download has the eyes."));
  photo.stage.set(photo.pairs, photo.order);
  rescale(photo);
}

function countOf({ pairs, removed }) {
  if (!pairs.length) return `No ${removed.length ? "eyes" : "face found"}. Click both eyes of a face to add a pair.`;
  return pairs.length === 1 ? "1 face" : `${pairs.length} faces`;
}

/** Return the pairs of a response, and their eyes in the order in which they are drawn. */
function pairsOf(found, used) {
  const rest = [];
  const pairs = found.faces.map((face) => {
    const eyes = face.eyes.map((eye) => eyeFrom(eye, used));
    rest.push(...eyes.map((eye, index) => ({ eye, key: JSON.stringify(face.eyes[index].centre) })));
    return { face, eyes };
  });
  const take = ({ centre }) => rest.splice(rest.findIndex(({ key }) => key === JSON.stringify(centre)), 1)[0].eye;
  return { pairs, order: found.eyes.map(take) };
}

function faceOf({ face, eyes }) {
  if (face) return face;
  const [right, left] = eyes.map(({ x, y }) => [x, y]).sort(([one], [other]) => one - other);
  return { landmarks: { right_eye: right, left_eye: left } };
}

function isNear(eye, { x, y }) {
  return Math.hypot(eye.x - x, eye.y - y) < eye.unit;
}

// ---- pictures ----

/** Show a file; photo.shown resolves to false if the browser cannot. */
function show(photo, blob) {
  const { image } = photo.stage;
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(blob);
  photo.shown = new Promise((resolve) => {
    image.onload = () => resolve(true);
    image.onerror = () => resolve(false);
  });
  photo.shown.then((shown) => photo.element.classList.toggle("unshown", !shown));
  return photo.shown;
}

/** Show a photo whose format the browser does not have, as the server writes it without eyes. */
async function showFromServer(photo, signal) {
  return show(photo, await drawn(photo.file, [], signal));
}

// ---- edits ----

function removePair(photo, pair) {
  remember(photo, "The eyes of a face are removed.");
  if (!pair.added) photo.removed = [...photo.removed, pair.eyes[0]];
  change(photo, photo.pairs.filter((other) => other !== pair), photo.order.filter((eye) => !pair.eyes.includes(eye)));
  photo.stage.element.focus();
}

function addPair(photo, ...points) {
  remember(photo, "A pair of eyes is added.");
  const eyes = eyesAt(points, options());
  change(photo, [...photo.pairs, { eyes, added: true }], [...photo.order, ...eyes]);
}

function change(photo, pairs, order) {
  Object.assign(photo, { pairs, order });
  photo.stage.set(pairs, order);
  setState(photo, "done", countOf(photo));
}

function remember(photo, text) {
  undos.push({ photo, pairs: photo.pairs, order: photo.order, removed: photo.removed });
  toast(text);
}

function undo() {
  $("toast").hidden = true;
  const { photo, pairs, order, removed } = undos.pop() ?? {};
  if (!photo) return;
  photo.removed = removed;
  change(photo, pairs, order);
  rescale(photo);
  $("status").textContent = "Undone.";
}

function toast(text) {
  $("toast").firstElementChild.textContent = $("status").textContent = text;
  $("toast").lastElementChild.hidden = !undos.length;
  $("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => ($("toast").hidden = true), TOAST_MS);
}

/** Apply the sizes of eyes and pupils on the page. */
function rescale(photo) {
  for (const eye of photo.order) resize(eye, options());
  photo.stage.place();
}

function close(photo) {
  stop(photo);
  photo.stage.close();
  URL.revokeObjectURL(photo.stage.image.src);
  photo.element.remove();
  photos.splice(photos.indexOf(photo), 1);
  arrange();
  $("choose").focus();
}

// ---- all photos ----

function arrange() {
  document.body.className = ["first", "single"][photos.length] ?? "";
  $("choose").textContent = photos.length ? "Add photos" : "Choose photos";
  $("bar").hidden = $("keys").hidden = !photos.length;
  announce();
}

const ready = () => photos.filter(({ stage }) => stage.ready);

function announce() {
  const count = (state) => photos.filter((photo) => photo.state === state).length;
  const [done, failed] = [count("done"), count("failed")];
  const open = photos.length > done + failed;
  $("download_all").hidden = ready().length < 2;
  $("progress").textContent = open && photos.length > 1 ? `${done + failed} of ${photos.length}` : "";
  if (photos.length === 1) $("status").textContent = `${photos[0].name}: ${photos[0].text}`;
  else if (!open) $("status").textContent = `Photos done: ${done}${failed ? `, failed: ${failed}` : ""}.`;
}

async function downloadAll() {
  const button = $("download_all");
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  const chosen = ready();
  const files = [];
  let [begun, done] = [0, 0];
  const work = async () => {
    while (begun < chosen.length) {
      const index = begun++;
      files[index] = await fileOf(chosen[index]);
      button.textContent = `${++done} of ${chosen.length}`;
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    save(await zip(withDistinctNames(files)), "googly eyes.zip");
  } catch (error) {
    toast(error instanceof RangeError ? "These are too many photos for one file." : messageOf(error));
  }
  button.ariaBusy = "false";
  button.textContent = "Download all";
}

function shakeAll(speed, vx, vy) {
  for (const { stage } of photos) stage.shake(speed, vx, vy);
  logo.shake(speed);
}

$("shake").addEventListener("click", () => shakeAll(SHAKE));
$("download_all").addEventListener("click", downloadAll);
$("toast").lastElementChild.addEventListener("click", undo);
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !event.target.matches("input")) undo();
  if (event.key !== " " || event.target.matches("input, select, button") || !photos.length) return;
  event.preventDefault();
  $("photos").classList.add("original");
});
for (const name of ["keyup", "blur"]) addEventListener(name, () => $("photos").classList.remove("original"));
onChange({
  look: () => photos.forEach((photo) => photo.stage.ready && rescale(photo)),
  seed: () => photos.forEach((photo) => (photo.state === "done" ? reseed : search)(photo)),
  search: () => photos.forEach(search),
});
$("tilt").hidden = !asksForSensors;
$("tilt").addEventListener("click", askForSensors);
onSensors((vx, vy) => {
  $("tilt").hidden = true;
  shakeAll(0, vx, vy);
});
