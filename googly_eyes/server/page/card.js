// The card of one photo: the stage, its name and state, and its buttons.

import { Problem } from "./api.js";
import { canCopy, canShare, copy, fileOf, save, share } from "./files.js";
import { Stage } from "./stage.js";

/** Add the card of a photo to the page. `on` has the actions remove, add (a pair), close and retry. */
export function addCard(photo, on) {
  const element = document.getElementById("card").content.firstElementChild.cloneNode(true);
  const part = (name) => element.querySelector(`.${name}`);
  const stage = new Stage(part("stage"), {
    remove: (pair) => on.remove(photo, pair), add: (one, other) => on.add(photo, one, other),
    hint: (text) => announce(photo, text || photo.text),
  });
  Object.assign(photo, { element, stage });
  part("name").textContent = part("name").title = stage.element.ariaLabel = stage.image.alt = photo.name;
  part("close").ariaLabel = `Remove ${photo.name}`;
  part("copy").hidden = !canCopy();
  part("share").hidden = !canShare();
  part("retry").addEventListener("click", () => on.retry(photo));
  part("close").addEventListener("click", () => on.close(photo));
  part("add").addEventListener("click", () => stage.aim());
  const actions = {
    download: async () => {
      const file = await fileOf(photo);
      save(file, file.name);
    },
    copy: async () => announce(photo, (await copy(photo)) ?? "Copied."),
    share: async () => (await share(photo)) || announce(photo, "The file is ready. Press Share again."),
  };
  for (const [name, act] of Object.entries(actions)) part(name).addEventListener("click", () => perform(photo, part(name), act));
  document.getElementById("photos").append(element);
}

/** Set the state (waiting, busy, done or failed) and its text; `again` offers another attempt. */
export function setState(photo, state, text, again = false) {
  Object.assign(photo, { state, text });
  photo.element.dataset.state = state;
  photo.stage.ready = state === "done" || (state === "failed" && photo.order.length > 0);
  photo.element.querySelector(".retry").hidden = !again;
  for (const button of photo.element.querySelectorAll(".edit")) button.disabled = !photo.stage.ready;
  say(photo, text);
}

function say(photo, text) {
  photo.element.querySelector(".state").textContent = text;
}

/** Say it to screen readers, too. */
function announce(photo, text) {
  say(photo, text);
  document.getElementById("status").textContent = text;
}

async function perform(photo, button, act) {
  if (button.ariaBusy === "true") return;
  button.ariaBusy = "true";
  try {
    await act();
  } catch (error) {
    announce(photo, error instanceof Problem ? error.message : "The browser does not allow this.");
  }
  button.ariaBusy = "false";
}
