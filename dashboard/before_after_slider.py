"""A comparison of two images of one size, with a line that the mouse, a finger or the arrow keys move."""

import base64

import streamlit as st

HTML = """
<div class="pair">
  <img class="after" alt="with googly eyes"><img class="before" alt="original photo"><img class="over" alt="">
  <div class="line"></div><span class="tag left">before</span><span class="tag right">after</span>
  <input type="range" min="0" max="100" step="0.5" value="0" aria-label="share of the original photo">
</div>
"""
CSS = """
.pair { --at: 0%; position: relative; margin: 0 auto; border-radius: .6rem; overflow: hidden; line-height: 0;
        width: min(100%, calc(64vh * var(--ratio))); aspect-ratio: var(--ratio); background: #8882; }
.pair img { position: absolute; inset: 0; width: 100%; height: 100%; }
.before { clip-path: inset(0 calc(100% - var(--at)) 0 0); }
.line { position: absolute; top: 0; bottom: 0; left: var(--at); width: 3px; margin-left: -1.5px; background: #fff;
        box-shadow: 0 0 6px #0008; }
.line::after { content: "\\2039\\00a0\\203a"; position: absolute; bottom: .5rem; left: 50%; width: 2.2rem;
        height: 2.2rem; margin-left: -1.1rem; border-radius: 50%; background: #fff; color: #1e1b2e;
        box-shadow: 0 1px 6px #0006; font: 700 1.15rem/2rem sans-serif; text-align: center; }
.tag { position: absolute; bottom: .6rem; padding: .5em .7em; border-radius: 1em; background: #1e1b2ec0; color: #fff;
        font: 500 .8rem/1 sans-serif; }
.pair .tag[hidden] { display: none; }
.left { left: .6rem; }
.right { right: .6rem; }
input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize;
        touch-action: pan-y; }
.pair:has(input:focus-visible) .line::after { outline: 3px solid #5b5bd6; }
"""
JS = """
export default function ({ data, parentElement }) {
  const find = (name) => parentElement.querySelector(name);
  const pair = find(".pair"), input = find("input");
  pair.style.setProperty("--ratio", data.width / data.height);
  for (const name of ["before", "after", "over"]) {
    find("." + name).hidden = !data[name];
    if (data[name] && find("." + name).src !== data[name]) find("." + name).src = data[name];
  }
  const move = () => {
    pair.style.setProperty("--at", input.value + "%");
    find(".left").hidden = input.value < 10;
    find(".right").hidden = input.value > 90;
  };
  input.oninput = move;
  move();
}
"""

_component = st.components.v2.component("googly.compare", html=HTML, css=CSS, js=JS)


def before_after_slider(before: bytes, after: bytes, over: str | None, *, width: int, height: int, key: str) -> None:
    """Show two JPEGs of `width` x `height` pixels, and the SVG `over` on top of both unless it is None."""
    _component(
        key=key,
        data={
            "before": _data_url("image/jpeg", before),
            "after": _data_url("image/jpeg", after),
            "over": over and _data_url("image/svg+xml", over.encode()),
            "width": width,
            "height": height,
        },
    )


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
