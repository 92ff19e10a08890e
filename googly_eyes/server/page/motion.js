// The animation loop while something moves, and the direction of gravity on the screen.

const MAX_FRAME = 0.05; // seconds; after a longer pause, as in another tab, the motion continues from there
const TILT = 0.12; // change of gravity that pupils feel; below is the noise of the sensor
const JOLT = 6; // m/s² of a shaken phone
const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const moving = new Set();
let last;

/** Gravity along the screen; 1 is the earth's. */
export const gravity = { x: 0, y: 1 };

/** Return true if the user prefers no motion. */
export const isStill = () => reduced.matches;

/** Call body.tick(seconds) in each frame until it returns false. */
export function animate(body) {
  if (!moving.size) {
    last = performance.now();
    requestAnimationFrame(frame);
  }
  moving.add(body);
}

function frame(now) {
  const seconds = Math.max(0, Math.min(MAX_FRAME, (now - last) / 1000));
  last = now;
  for (const body of moving) if (!body.tick(seconds)) moving.delete(body);
  if (moving.size) requestAnimationFrame(frame);
}

/** Return the speed of the mouse between two events, in CSS pixels per second; 0 if the user prefers no motion. */
export function mouseSpeed(event, before) {
  const seconds = (event.timeStamp - before?.timeStamp) / 1000;
  if (event.pointerType !== "mouse" || isStill() || !(seconds > 0 && seconds < 0.1)) return [0, 0];
  return [(event.clientX - before.clientX) / seconds, (event.clientY - before.clientY) / seconds];
}

/** True for a phone that may ask its user before a page can use the sensors. */
export const asksForSensors =
  matchMedia("(pointer: coarse)").matches && Boolean(globalThis.DeviceOrientationEvent?.requestPermission);

/** Ask the user for the sensors; call this from a click. */
export function askForSensors() {
  for (const name of ["DeviceOrientationEvent", "DeviceMotionEvent"]) globalThis[name].requestPermission().catch(() => {});
}

/** Call feel(vx, vy) when the phone is tilted (0, 0) or shaken, with a push in radii per second. */
export function onSensors(feel) {
  addEventListener("deviceorientation", ({ beta, gamma }) => {
    if (beta === null || gamma === null || isStill()) return;
    const [front, side] = [(beta * Math.PI) / 180, (gamma * Math.PI) / 180];
    const [x, y] = onScreen(Math.sin(side) * Math.cos(front), Math.sin(front));
    if (Math.hypot(x - gravity.x, y - gravity.y) < TILT) return;
    Object.assign(gravity, { x, y });
    feel(0, 0);
  });
  addEventListener("devicemotion", ({ acceleration }) => {
    if (!acceleration?.x || isStill()) return;
    const [x, y] = onScreen(acceleration.x, -acceleration.y);
    if (Math.hypot(x, y) > JOLT) feel(-x / 4, -y / 4);
  });
}

function onScreen(x, y) {
  const turn = (-(screen.orientation?.angle ?? 0) * Math.PI) / 180;
  return [x * Math.cos(turn) - y * Math.sin(turn), x * Math.sin(turn) + y * Math.cos(turn)];
}
