// The controls of the bar and of More, as options of the API.

const $ = (id) => document.getElementById(id);
const [size, low, high, seed, score, detail] = ["eye_size", "low", "high", "seed", "min_score", "detail"].map($);

/** Return the options as they are set. Without a seed the pupils are random. */
export function options() {
  return {
    eye_size: Number(size.value), pupil_size_range: [Number(low.value), Number(high.value)],
    min_score: Number(score.value), detail: detail.value, ...(seed.value && { seed: Number(seed.value) }),
  };
}

/** Return options as fields of a form. */
export function fieldsOf(values) {
  return { ...values, pupil_size_range: values.pupil_size_range.join("-") };
}

/** Call on.look() for other sizes of the eyes, on.seed() for other pupils, and on.search() for another search. */
export function onChange(on) {
  size.addEventListener("input", on.look);
  low.addEventListener("input", () => (high.value = Math.max(high.value, low.value), on.look()));
  high.addEventListener("input", () => (low.value = Math.min(high.value, low.value), on.look()));
  seed.addEventListener("change", () => {
    if (!seed.reportValidity()) seed.value = "";
    else if (seed.value) on.seed();
  });
  for (const input of [score, detail]) input.addEventListener("change", on.search);
  $("more").addEventListener("submit", (event) => event.preventDefault());
  $("more").addEventListener("reset", () => {
    const before = [score.value, detail.value];
    setTimeout(() => {
      on.look();
      if (`${before}` !== `${[score.value, detail.value]}`) on.search();
    });
  });
}
