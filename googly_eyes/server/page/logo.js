// The eyes of the logo, which feel the mouse and each shake.

import { push, roll } from "./eyes.js";
import { animate, isStill, mouseSpeed } from "./motion.js";

const SHARE = 0.54; // of the pupil, as in style.css
const PLACES = [[0.4, 0.23], [-0.1, 0.44]]; // of the pupils at first, also as in style.css
const eyes = [...document.querySelectorAll(".logo i")].map((pupil, index) => {
  const [px, py] = PLACES[index];
  return { pupil, radius: 1, share: SHARE, px, py, vx: 0, vy: 0 };
});
let before;

export const logo = {
  shake(speed) {
    for (const eye of eyes) push(eye, speed * (Math.random() - 0.5), speed * (Math.random() - 0.5));
    if (!isStill()) animate(logo);
  },

  tick(seconds) {
    roll(eyes, seconds);
    for (const { pupil, px, py } of eyes) pupil.style.translate = `${(50 * px) / SHARE}% ${(50 * py) / SHARE}%`;
    return eyes.some((eye) => eye.awake);
  },
};

addEventListener("pointermove", (event) => {
  const [vx, vy] = mouseSpeed(event, before);
  before = event;
  if (!vx && !vy) return;
  for (const eye of eyes) push(eye, vx / 300, vy / 300);
  animate(logo);
});
