// The first screen: choose, photograph, drop or paste photos, or take the sample. It loads the other modules.

const $ = (id) => document.getElementById(id);
const SAMPLE = "page/sample.webp";

/** True if the server is on the user's machine. */
export const isLocal = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(location.hostname);

async function add(files) {
  try {
    (await import("./photos.js")).add(files);
  } catch (error) {
    console.error(error);
    $("status").textContent = $("privacy").textContent = "The server does not respond. Start it, and load this page again.";
  }
}

async function addSample() {
  const response = await fetch(SAMPLE).catch(Response.error);
  const files = response.ok ? [new File([await response.blob()], "six friends.webp", { type: "image/webp" })] : undefined;
  add(files);
}

for (const [button, input] of [["choose", "files"], ["camera", "shot"]]) {
  $(button).addEventListener("click", () => $(input).click());
  $(input).addEventListener("change", () => {
    add([...$(input).files]);
    $(input).value = ""; // so that the same file can be chosen again
  });
}
$("sample").addEventListener("click", addSample);

for (const name of ["dragover", "drop", "dragleave", "paste"]) {
  addEventListener(name, (event) => {
    const { files, types } = event.dataTransfer ?? event.clipboardData;
    if (!types.includes("Files")) return;
    $("drop").hidden = name !== "dragover" && (name !== "dragleave" || !event.relatedTarget);
    if (name !== "dragleave") event.preventDefault();
    if (files.length && name !== "dragover") add([...files]);
  });
}

$("privacy").textContent = isLocal ? "Your photos stay on this machine." : `Photos go to ${location.host} and are not stored.`;
new PerformanceObserver(() => {
  import("./photos.js").catch(() => {});
  $("sample").firstElementChild.src = SAMPLE;
}).observe({ type: "paint", buffered: true });
