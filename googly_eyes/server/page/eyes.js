// One googly eye: its place on the photo, the motion of its pupil, and its drawing.
//
// An eye has x, y and radius in pixels of the photo. Its pupil has a position (px, py), a velocity (vx, vy) and a radius
// (share) in units of the eye's radius, so that all eyes move alike. `unit` is the radius for an eye_size of 1, and `part`
// the place of the share in the range of the pupils' sizes.

import { gravity } from "./motion.js";

export const OUTLINE = 0.08; // width outside the radius, as the server draws it
// In radii and seconds:
const GRAVITY = 26;
const MAX_FORCE = 220;
const MAX_SPEED = 16;
const SLOW = 0.35; // below, friction can hold the pupil
const BOUNCE = 0.5; // part of the speed that is left after the pupil hits the edge
const DAMPING = 1.6;
const STEP = 1 / 240;

/** Return the eye that a response describes, for the options of the request. */
export function eyeFrom(found, { eye_size: size, pupil_size_range: [low, high] }) {
  const { centre: [x, y], radius, pupil } = found;
  const share = found.pupil_radius / radius;
  const part = high > low ? (share - low) / (high - low) : Math.random();
  const [px, py] = [(pupil[0] - x) / radius, (pupil[1] - y) / radius];
  return { x, y, radius, unit: radius / size, share, part, px, py, vx: 0, vy: 0 };
}

/** Return the eye as a request of the API describes it, rounded as in responses. */
export function eyeTo({ x, y, radius, share, px, py }) {
  const [cx, cy, r, pupilX, pupilY, pupilRadius] = [x, y, radius, x + px * radius, y + py * radius, share * radius].map(
    (value) => Math.round(value * 100) / 100,
  );
  return { centre: [cx, cy], radius: r, pupil: [pupilX, pupilY], pupil_radius: pupilRadius };
}

/** Return eyes at two points of the photo, with random pupils. */
export function eyesAt(points, { eye_size: size, pupil_size_range: [low, high] }) {
  const [one, other] = points;
  const unit = Math.hypot(one.x - other.x, one.y - other.y) / 2;
  return points.map(({ x, y }) => {
    const part = Math.random();
    const share = low + (high - low) * part;
    const angle = 2 * Math.PI * Math.random();
    const [px, py] = [(1 - share) * Math.sin(angle), (1 - share) * Math.cos(angle)];
    return { x, y, unit, radius: unit * size, share, part, px, py, vx: 0, vy: 0 };
  });
}

/** Give an eye and its pupil the sizes of these options; a pupil at the edge stays there. */
export function resize(eye, { eye_size: size, pupil_size_range: [low, high] }) {
  const share = low + (high - low) * eye.part;
  const radius = eye.unit * size;
  if (Math.abs(share - eye.share) + Math.abs(radius - eye.radius) < 0.001) return;
  const scale = eye.share < 1 ? (1 - share) / Math.max(1 - eye.share, Math.hypot(eye.px, eye.py)) : 0;
  Object.assign(eye, { radius, share, px: eye.px * scale, py: eye.py * scale });
}

/** Give the pupil a push, in radii per second, and let it move. */
export function push(eye, vx, vy) {
  const slower = Math.min(1, MAX_SPEED / Math.hypot(vx, vy));
  eye.vx += vx * slower || 0;
  eye.vy += vy * slower || 0;
  // Random friction, so that the pupil does not always end at the lowest point.
  if (!eye.awake) eye.grip = (vx || vy ? 0.5 : 0.2) + 0.6 * Math.random();
  eye.awake = true;
}

/**
 * Move the pupils for some time, by gravity and by the acceleration of the photo, in its pixels per second squared.
 * A pupil comes to rest where friction can hold it.
 */
export function roll(eyes, seconds, acceleration = { x: 0, y: 0 }) {
  for (const eye of eyes) {
    const limit = (force) => Math.max(-MAX_FORCE, Math.min(MAX_FORCE, force));
    const fx = limit(gravity.x * GRAVITY - acceleration.x / eye.radius);
    const fy = limit(gravity.y * GRAVITY - acceleration.y / eye.radius);
    if (Math.hypot(acceleration.x, acceleration.y) > eye.radius * GRAVITY) push(eye, 0, 0);
    for (let time = 0; time < seconds && eye.awake; time += STEP) step(eye, fx, fy);
  }
}

function step(eye, fx, fy) {
  const damping = Math.exp(-DAMPING * STEP);
  eye.vx = (eye.vx + fx * STEP) * damping;
  eye.vy = (eye.vy + fy * STEP) * damping;
  eye.px += eye.vx * STEP;
  eye.py += eye.vy * STEP;
  const reach = 1 - eye.share;
  const distance = Math.hypot(eye.px, eye.py);
  let pressure = 0;
  let [nx, ny] = [0, 0];
  if (distance > reach) {
    [nx, ny] = [eye.px / distance, eye.py / distance];
    const outward = eye.vx * nx + eye.vy * ny;
    const change = Math.max(0, outward) * (outward > 4 * SLOW ? 1 + BOUNCE : 1);
    pressure = Math.max(0, fx * nx + fy * ny);
    Object.assign(eye, { px: nx * reach, py: ny * reach, vx: eye.vx - change * nx, vy: eye.vy - change * ny });
  }
  const pull = Math.hypot(fx - pressure * nx, fy - pressure * ny);
  const held = pull < eye.grip * GRAVITY && Math.hypot(eye.vx, eye.vy) < SLOW;
  if (reach <= 0 || held) Object.assign(eye, { vx: 0, vy: 0, awake: false });
}

/** Draw an eye as googly_eyes/draw.py does, in pixels of the photo. */
export function draw(context, { x, y, radius, share, px, py }) {
  const discs = [[x, y, 1 + OUTLINE, "#000"], [x, y, 1, "#fff"], [x + px * radius, y + py * radius, share, "#000"]];
  for (const [centreX, centreY, size, colour] of discs) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(centreX, centreY, size * radius, 0, 2 * Math.PI);
    context.fill();
  }
}
