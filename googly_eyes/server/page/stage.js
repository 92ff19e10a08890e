// One photo on the page: the picture, a canvas with its eyes over it, and the gestures on both.

import { draw, OUTLINE, push, roll } from "./eyes.js";
import { animate, isStill, mouseSpeed } from "./motion.js";

// In CSS pixels:
const DRAG_FROM = 6; // a shorter movement is a click
const REACH = 60; // that a dragged photo moves at most
const FAST = 700; // per second, of a mouse that stirs the pupils
const STEP = 12; // of the dot that the arrow keys move
const HOLD_MS = 350;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
// Stiffness and damping of the spring that moves the photo, per second squared and per second.
const HELD = [700, 30];
const FREE = [160, 7];

const stages = new WeakMap(); // by element
const observe = (entries) => {
  for (const { target, isIntersecting } of entries) stages.get(target).fit(isIntersecting);
};
// One of each for all stages, because Chromium keeps a disconnected observer and all that it refers to.
const observers = [new IntersectionObserver(observe), new ResizeObserver(observe)];

/** The stage calls on.remove(pair), on.add(point, point), and on.hint(text) with the next step of the user. */
export class Stage {
  constructor(element, on) {
    Object.assign(this, { element, on, order: [], buttons: new Map(), shift: { x: 0, y: 0, vx: 0, vy: 0 } });
    [this.image, this.canvas] = element.children;
    stages.set(element, this);
    for (const observer of observers) observer.observe(element);
    const events = {
      pointerdown: this.press, pointermove: this.moved, pointerup: this.release, pointercancel: this.release,
      keydown: this.key, contextmenu: (event) => event.pointerType === "touch" && event.preventDefault(),
    };
    for (const [name, react] of Object.entries(events)) element.addEventListener(name, react.bind(this));
    element.addEventListener("click", (event) => this.click(event));
  }

  close() {
    for (const observer of observers) observer.unobserve(this.element);
  }

  /** Use these pairs, each { eyes }; `order` has their eyes in the order in which they are drawn. */
  set(pairs, order) {
    this.order = order;
    for (const [pair, button] of this.buttons) if (!pairs.includes(pair)) button.remove();
    this.buttons = new Map(pairs.map((pair) => [pair, this.buttons.get(pair) ?? this.append("button", "pair")]));
    this.place();
  }

  /** Put the buttons over the eyes, and draw. */
  place() {
    let number = 0;
    for (const [{ eyes }, button] of this.buttons) {
      const edge = (side, axis) => eyes.map((eye) => eye[axis] + side * eye.radius * (1 + OUTLINE));
      const [left, top] = [Math.min(...edge(-1, "x")), Math.min(...edge(-1, "y"))];
      this.put(button, left, top);
      button.style.width = `${(100 * (Math.max(...edge(1, "x")) - left)) / this.image.naturalWidth}%`;
      button.style.height = `${(100 * (Math.max(...edge(1, "y")) - top)) / this.image.naturalHeight}%`;
      button.ariaLabel = `Remove the eyes of face ${++number}`;
    }
    this.draw();
  }

  /** Give each pupil two pushes of `speed` radii per second in random directions. */
  shake(speed, vx = 0, vy = 0) {
    for (const eye of this.order) {
      const angle = 2 * Math.PI * Math.random();
      push(eye, vx + speed * Math.sin(angle), vy + speed * Math.cos(angle));
    }
    if (!isStill()) return animate(this);
    for (let time = 0; time < 20 && this.awake(); time += 0.1) roll(this.order, 0.1);
    this.draw();
  }

  awake() {
    return this.order.some((eye) => eye.awake);
  }

  /** Move the photo and its pupils; return false at rest. */
  tick(seconds) {
    const { shift, target } = this;
    const [stiffness, damping] = target ? HELD : FREE;
    const scale = this.scale();
    const pull = {};
    for (const axis of ["x", "y"]) {
      const force = stiffness * ((target?.[axis] ?? 0) - shift[axis]) - damping * shift[`v${axis}`];
      shift[`v${axis}`] += force * seconds;
      shift[axis] += shift[`v${axis}`] * seconds;
      pull[axis] = force * scale;
    }
    const still = !target && Math.hypot(shift.x, shift.y) < 0.3 && Math.hypot(shift.vx, shift.vy) < 6;
    if (still) Object.assign(shift, { x: 0, y: 0, vx: 0, vy: 0 });
    this.element.style.translate = still ? "" : `${shift.x}px ${shift.y}px`;
    roll(this.order, seconds, still ? undefined : pull);
    this.draw();
    return !still || this.awake();
  }

  /** Give the canvas the pixels of the screen that it covers; none while it is not visible. */
  fit(visible = this.visible) {
    this.visible = visible;
    const ratio = this.visible ? devicePixelRatio : 0;
    this.canvas.width = Math.round(this.element.clientWidth * ratio);
    this.canvas.height = Math.round(this.element.clientHeight * ratio);
    this.draw();
  }

  draw() {
    const { canvas, image } = this;
    if (!canvas.width || !image.naturalWidth) return;
    const context = canvas.getContext("2d");
    context.resetTransform();
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.scale(canvas.width / image.naturalWidth, canvas.height / image.naturalHeight);
    for (const eye of this.order) draw(context, eye);
  }

  // ---- gestures ----

  press(event) {
    if (event.button || !event.isPrimary) return;
    this.pressed = { x: event.clientX, y: event.clientY };
    this.button = event.target; // the click after the capture goes to the stage
    this.element.setPointerCapture(event.pointerId);
    this.used = false; // by a drag or by holding: the click after it is none
    this.holding = setTimeout(() => {
      this.used = true;
      this.element.classList.add("original");
    }, HOLD_MS);
  }

  moved(event) {
    if (!this.pressed) return this.stir(event);
    const [dx, dy] = [event.clientX - this.pressed.x, event.clientY - this.pressed.y];
    if (!this.target) {
      if (Math.hypot(dx, dy) < DRAG_FROM || this.used) return;
      this.used = true;
      clearTimeout(this.holding);
      if (isStill()) return;
    }
    this.target = { x: REACH * Math.tanh(dx / 2 / REACH), y: REACH * Math.tanh(dy / 2 / REACH) };
    animate(this);
  }

  release() {
    clearTimeout(this.holding);
    this.element.classList.remove("original");
    this.pressed = this.target = undefined;
  }

  /** Push the pupils near a fast mouse. */
  stir(event) {
    const [vx, vy] = mouseSpeed(event, this.mouse);
    this.mouse = event;
    if (Math.hypot(vx, vy) < FAST) return;
    const { x, y } = this.point(event);
    for (const eye of this.order) {
      const radius = eye.radius / this.scale();
      const near = Math.exp(-((Math.hypot(eye.x - x, eye.y - y) / this.scale() / (4 * radius + 40)) ** 2));
      if (near > 0.05) push(eye, (near * vx) / radius / 8, (near * vy) / radius / 8);
    }
    animate(this);
  }

  click(event) {
    if (!this.ready || (event.detail && this.used)) return;
    const target = event.detail ? this.button : event.target;
    const [pair] = [...this.buttons].find(([, button]) => button === target) ?? [];
    if (pair && !this.first) this.on.remove(pair);
    else if (event.detail) this.mark(this.point(event));
  }

  // ---- a pair by hand ----

  /** Use a point as the first or the second eye of a new pair. */
  mark(point) {
    if (!this.image.naturalWidth || !this.ready) return;
    const { first } = this;
    if (!first) {
      this.first = point;
      this.dot = this.append("span", "dot", point);
      return this.on.hint("Now the other eye.");
    }
    this.stop();
    if (Math.hypot(point.x - first.x, point.y - first.y) > DRAG_FROM * this.scale()) this.on.add(first, point);
  }

  /** Show a dot that the arrow keys move, and that Enter uses as an eye. */
  aim() {
    this.stop();
    this.at = { x: this.image.naturalWidth / 2, y: this.image.naturalHeight / 2 };
    this.movable = this.append("span", "dot", this.at);
    this.element.focus();
    this.on.hint("Click both eyes of the face. Or move the dot with the arrow keys, and press Enter on each eye.");
  }

  stop() {
    this.dot?.remove();
    this.movable?.remove();
    this.first = this.movable = undefined;
    this.on.hint("");
  }

  key(event) {
    if (event.key === "Escape") this.stop();
    if (!this.movable || event.target !== this.element) return;
    if (event.key === "Enter") this.mark({ ...this.at });
    if (!ARROWS[event.key]) return;
    event.preventDefault();
    const [dx, dy] = ARROWS[event.key].map((part) => part * this.scale() * (event.shiftKey ? 1 : STEP));
    this.at = this.inside(this.at.x + dx, this.at.y + dy);
    this.put(this.movable, this.at.x, this.at.y);
  }

  // ---- coordinates ----

  /** Return the pixels of the photo in one CSS pixel. */
  scale() {
    return this.image.naturalWidth / this.element.clientWidth;
  }

  /** Return the point of the photo under the pointer. */
  point({ clientX, clientY }) {
    const { left, top } = this.element.getBoundingClientRect();
    return this.inside((clientX - left) * this.scale(), (clientY - top) * this.scale());
  }

  inside(x, y) {
    const { naturalWidth, naturalHeight } = this.image;
    return { x: Math.max(0, Math.min(naturalWidth, x)), y: Math.max(0, Math.min(naturalHeight, y)) };
  }

  append(tag, className, at) {
    const element = Object.assign(document.createElement(tag), { className });
    if (at) this.put(element, at.x, at.y);
    this.element.append(element);
    return element;
  }

  put(element, x, y) {
    element.style.left = `${(100 * x) / this.image.naturalWidth}%`;
    element.style.top = `${(100 * y) / this.image.naturalHeight}%`;
  }
}
