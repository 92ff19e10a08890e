"""Write docs/accuracy.md and its curves from the figures of `make accuracy`. No figure is typed by hand."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

DOCS = Path(__file__).parent.parent / "docs"
PAGE, FIGURES, CURVES = DOCS / "accuracy.md", DOCS / "accuracy.json", DOCS / "accuracy"
STYLE = {
    "retinaface one pass": ("#9a9a9a", "--", "one pass at 640 px"),
    "retinaface fast": ("#7fb2e5", "-", "RetinaFace, fast"),
    "retinaface auto": ("#1f5fa8", "-", "RetinaFace, auto"),
    "retinaface high": ("#0b2545", ":", "RetinaFace, high"),
    "mtcnn fast": ("#f2b27a", "-", "MTCNN, fast"),
    "mtcnn auto": ("#d1661c", "-", "MTCNN, auto"),
    "mtcnn high": ("#7a3205", ":", "MTCNN, high"),
}
BASELINE, AUTO, MTCNN = "retinaface one pass", "retinaface auto", "mtcnn auto"
PACKAGE = "package"  # the section on the package `mtcnn`
# Sections with a curve -> label of the x axis, True for a logarithmic scale.
SWEEPS = {
    "size": ("height of the face, pixels of a photo of 1280 x 960", True),
    "light": ("share of the light", True),
    "noise": ("noise, standard deviation in levels of 255", False),
    "quality": ("JPEG quality", True),
    "skin": ("Monk skin tone, lightest to darkest", False),
}

INTRODUCTION = (
    "# Detection rates and costs",
    "",
    "`make accuracy` writes this page. All figures are in [accuracy.json](accuracy.json).",
    "",
    "- **Found**: both eyes (in photographs: their midpoint) are within half an eye distance of the true position.",
    "- **False**: any other detection with a score of at least 0.9.",
    "- **Eye error**: the larger error of the two eyes, divided by the eye distance, in faces of 80 pixels and more.",
    "- **Cost**: time on one core. The unit is one pass of RetinaFace at 640 pixels on the same photo.",
    "",
    "Drawn people have a fixed seed. The real photographs are not part of this project. A person labelled them, and",
    "they are counted separately.",
)
ABOUT_PHOTOGRAPHS = (
    "In `crowd.jpg` the eyes of 26 people can be located. The last rows are sheets: copies of that photo, scaled down",
    "and put side by side in one image of the same size. Their faces are real and as small as in a large crowd.",
)

Rows = list[dict[str, Any]]
Figures = dict[str, Rows]


def write_page(figures: Figures) -> None:
    """Write the page and its curves."""
    CURVES.mkdir(exist_ok=True)
    for name, svg in curves(figures).items():
        (CURVES / name).write_text(svg)
    PAGE.write_text(page(figures))


def page(figures: Figures) -> str:
    """Return the page as Markdown."""
    people = sum(row["people"] for row in figures["crowds"] if row["method"] == AUTO)
    images = len(_values(figures["crowds"]))
    sizes = [f"{row['from']}-{row['to']}: {row['people']}" for row in figures["crowd_sizes"] if row["people"]]
    return "\n".join(
        [
            *INTRODUCTION,
            "",
            *_labelled_section(figures.get("labelled", [])),
            "## Targets",
            "",
            "| | target | reached |",
            "|---|---|---|",
            *(
                f"| {name} | {target} | {'' if met else '**not met:** '}{reached} |"
                for name, target, reached, met in targets(figures)
            ),
            "",
            "## Drawn crowds",
            "",
            f"{people} people in {images} images of 1600 x 1200. Number of people by face height in",
            f"pixels: {', '.join(sizes)}.",
            "",
            *_table(figures["crowds"]),
            "",
            "## Photographs",
            "",
            *ABOUT_PHOTOGRAPHS,
            "",
            *_table_each(figures["photos"]),
            "",
            "## MTCNN and the package `mtcnn`",
            "",
            *_package_table(figures),
            "",
            "## Photos without people",
            "",
            "False faces and costs without any face. The last two rows are photographs of a cat and of a cup.",
            "",
            *_table_each(figures["nobody"]),
            "",
            "## Rotation",
            "",
            "The whole image is rotated. Each cell: faces found, of those that are found without rotation. One pass",
            "and RetinaFace, auto are measured on all drawn scenes, the other methods, for their time, on a few.",
            "",
            "![Faces found over rotation](accuracy/rotation.svg)",
            "",
            "![Eye error over rotation](accuracy/rotation-error.svg)",
            "",
            *_rotation_table(figures["rotation"]),
            "",
            "## One rotated person",
            "",
            "Four upright people and one rotated person in each of twelve images. Each cell: found, of all five.",
            "",
            *_sweep_table("degrees", figures["one_turned"]),
            *(line for name in SWEEPS for line in _sweep_section(name, figures[name])),
            "",
        ]
    )


def curves(figures: Figures) -> dict[str, str]:
    """Return the SVGs by file name."""
    drawn = [row for row in figures["rotation"] if row["kind"] == "drawn" and row["at"] <= 180]
    found = {"rotation.svg": _draw_curve(drawn, "rotation, degrees", _share_of_upright)}
    errors = {
        "rotation-error.svg": _draw_curve(
            [row for row in drawn if row["eye_error"]], "rotation, degrees", _eye_error, y_label="eye error, %"
        )
    }
    sweeps = {
        f"{name}.svg": _draw_curve(_numbered(name, figures[name]), x_label, _share, logarithmic=logarithmic)
        for name, (x_label, logarithmic) in SWEEPS.items()
    }
    return found | errors | sweeps


def targets(figures: Figures) -> list[tuple[str, str, str, bool]]:
    """Return rows of name, target, result, and True if the target is met."""
    rows = []
    for title, section, crowded in (
        ("drawn crowds", figures["crowds"], lambda _: True),
        ("photographs of people", _without_sheets(figures["photos"]), lambda name: name == "crowd.jpg"),
        ("photographs in sheets", _sheets(figures["photos"]), lambda _: True),
    ):
        rows += _crowd_targets(title, section, crowded)
    for title, rotations, least in (
        ("15 to 45", (15, 30, 45), 99),
        ("60", (60,), 97),
        ("90, 180 and 270", (90, 180, 270), 99),
    ):
        rotated = [row for row in figures["rotation"] if row["method"] == AUTO and row["at"] in rotations]
        each = [
            sum(row["still"] for row in rotated if row["at"] == rotation)
            / sum(row["upright"] for row in rotated if row["at"] == rotation)
            for rotation in rotations
        ]
        upright = min(sum(row["upright"] for row in rotated if row["at"] == rotation) for rotation in rotations)
        percent = 100 * min(each)
        rows.append(
            (
                f"found in images rotated by {title} degrees, of {upright} found upright",
                f"{least} %",
                f"{percent:.1f} %",
                percent >= least,
            )
        )
    errors = [
        row["eye_error"]
        for row in figures["rotation"]
        if row["method"] == AUTO and row["kind"] == "drawn" and row["at"] <= 60
    ]
    rows.append(
        ("greatest median eye error at rotations up to 60 degrees", "5.5 %", f"{max(errors):.1f} %", max(errors) <= 5.5)
    )
    pairs = _pairs_with_package(figures)
    for name, worse in (
        (
            "MTCNN: photographs in which the package finds more people",
            [at for at, own, package in pairs if own["found"] < package["found"]],
        ),
        (
            "MTCNN: photographs in which the package has fewer false faces",
            [at for at, own, package in pairs if own["false"] > package["false"]],
        ),
    ):
        if pairs:
            rows.append((name, "none", ", ".join(worse) or "none", not worse))
    return rows


def _crowd_targets(title: str, rows: Rows, crowded: Callable[[str], bool]) -> list[tuple[str, str, str, bool]]:
    one, auto = ({row["at"]: row for row in rows if row["method"] == method} for method in (BASELINE, AUTO))
    ratio = sum(auto[name]["found"] for name in auto if crowded(name)) / sum(
        one[name]["found"] for name in one if crowded(name)
    )
    fewer = [name for name in auto if auto[name]["found"] < one[name]["found"]]
    false = [sum(row["false"] for row in each.values()) for each in (auto, one)]
    cost = sum(row["passes"] for row in auto.values()) / len(auto)
    allowed = 4 + cost - sum(row["passes_less_faces"] for row in auto.values()) / len(auto)
    return [
        (
            f"{title}: people found by auto, divided by those of one pass, in crowds",
            "1.7",
            f"{ratio:.2f}",
            ratio >= 1.7,
        ),
        (
            f"{title}: images in which auto finds fewer faces than one pass does",
            "none",
            ", ".join(fewer) or "none",
            not fewer,
        ),
        (
            f"{title}: false faces of auto and of one pass",
            "no more than one pass",
            f"{false[0]}, {false[1]}",
            false[0] <= false[1],
        ),
        (
            f"{title}: mean cost of auto",
            f"{allowed:.1f} (4 passes, and 3 ms per face)",
            f"{cost:.1f}",
            cost <= allowed,
        ),
    ]


def _labelled_section(rows: Rows) -> list[str]:
    """Return the lines of the section on the labelled photographs; no lines if they were not measured."""
    if not rows:
        return []
    lines = [
        "## Labelled photographs",
        "",
        f"{rows[0]['photographs']} photographs in which every face and visible eye is labelled by hand.",
        "Misplaced: faces with an eye error above 0.15 of the eye distance. Hidden: drawn eyes that are not visible.",
        "The eye error is the median over eyes that were placed by hand, in faces of 40 pixels and more.",
        "",
        "| | found | false | misplaced | hidden | eye error |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {STYLE[row['method']][2]} | {row['found']} of {row['faces']} | {row['false']} | {row['misplaced']} "
        f"| {row['hidden']} | {row['eye_error']:.1f} % |"
        for row in rows
    ]
    return [*lines, ""]


def _table(rows: Rows) -> list[str]:
    """Return a table with one row per method, over all images."""
    lines = ["| | found | false | eye error | cost |", "|---|---|---|---|---|"]
    for method, (_, _, name) in STYLE.items():
        own = [row for row in rows if row["method"] == method]
        error = sorted(row["eye_error"] for row in own if row["eye_error"] is not None)
        lines.append(
            f"| {name} | {sum(row['found'] for row in own)} of {sum(row['people'] for row in own)} "
            f"| {sum(row['false'] for row in own)} | {f'{error[len(error) // 2]:.1f} %' if error else ''} "
            f"| {sum(row['passes'] for row in own) / len(own):.1f} |"
        )
    return [*lines, "", "The eye error is the median of the images' medians."]


def _table_each(rows: Rows) -> list[str]:
    """Return a table with one row per image: found, false faces and cost of each method."""
    lines = [
        "| | people | " + " | ".join(name for _, _, name in STYLE.values()) + " |",
        "|---" * (len(STYLE) + 2) + "|",
    ]
    for at in _values(rows):
        own = {row["method"]: row for row in rows if row["at"] == at}
        cells = [_cell(own[method]) for method in STYLE]
        lines.append(f"| {at} | {own[AUTO]['people']} | " + " | ".join(cells) + " |")
    lines += ["", "Each cell: found, + false faces (if any) / cost."]
    return lines


def _cell(row: dict[str, Any]) -> str:
    return f"{_with_false(row['found'], row)} / {row['passes']:.1f}"


def _with_false(found: object, row: dict[str, Any]) -> str:
    return f"{found} + {row['false']}" if row["false"] else f"{found}"


def _pairs_with_package(figures: Figures) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return rows of photograph, this project's figures and the package's; no rows if the package was not measured."""
    own = {row["at"]: row for row in figures["photos"] + figures["nobody"] if row["method"] == MTCNN}
    return [(row["at"], own[row["at"]], row) for row in figures.get(PACKAGE, ())]


def _package_table(figures: Figures) -> list[str]:
    pairs = _pairs_with_package(figures)
    if not pairs:
        return ["Not measured: `MTCNN_PYTHON` named no Python with the package and TensorFlow."]
    lines = ["| | people | MTCNN, auto | the package `mtcnn`, score 0.9 |", "|---|---|---|---|"]
    lines += [
        f"| {at} | {own['people']} | {_with_false(own['found'], own)} | {_with_false(package['found'], package)} |"
        for at, own, package in pairs
    ]
    return [*lines, "", "Each cell: found, + false faces (if any)."]


def _rotation_table(rows: Rows) -> list[str]:
    lines = []
    for kind in ("drawn", "photographs"):
        own = [row for row in rows if row["kind"] == kind]
        rotations = _values(own)
        lines += [f"| {kind}: degrees | " + " | ".join(map(str, rotations)) + " |", "|---" * (len(rotations) + 1) + "|"]
        for method, (_, _, name) in STYLE.items():
            cells = [_with_false(f"{row['still']}/{row['upright']}", row) for row in own if row["method"] == method]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines[:-1]


def _sweep_section(name: str, rows: Rows) -> list[str]:
    lines = ["", f"## {name.capitalize()}", "", f"![Faces found over {name}](accuracy/{name}.svg)", ""]
    return lines + _sweep_table(SWEEPS[name][0], rows)


def _sweep_table(x_label: str, rows: Rows) -> list[str]:
    values = _values(rows)
    lines = [f"| {x_label} | " + " | ".join(map(str, values)) + " |", "|---" * (len(values) + 1) + "|"]
    for method, (_, _, title) in STYLE.items():
        own = [row for row in rows if row["method"] == method]
        if own:
            lines.append(
                f"| {title} | " + " | ".join(_with_false(f"{row['found']}/{row['people']}", row) for row in own) + " |"
            )
    return lines


def _draw_curve(
    rows: Rows,
    x_label: str,
    value: Callable[[dict[str, Any]], float],
    *,
    y_label: str = "found, %",
    logarithmic: bool = False,
) -> str:
    with mpl.rc_context({"svg.hashsalt": "googly", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=(7.6, 3.2), layout="constrained")
        axes = figure.subplots()
        for method, (colour, line, title) in STYLE.items():
            own = [row for row in rows if row["method"] == method]
            if own:
                axes.plot(
                    [row["at"] for row in own], [value(row) for row in own], color=colour, linestyle=line, label=title
                )
        if logarithmic:
            ticks = _values(rows)
            axes.set_xscale("log")
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        axes.set(xlabel=x_label, ylabel=y_label, ylim=(0, None))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
        svg = io.StringIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return "".join(f"{line.rstrip()}\n" for line in svg.getvalue().splitlines())


def _numbered(name: str, rows: Rows) -> Rows:
    """Return the rows with skins as numbers from 1; other sections as they are."""
    if name != "skin":
        return rows
    return [{**row, "at": _values(rows).index(row["at"]) + 1} for row in rows]


def _values(rows: Rows) -> list[Any]:
    return list(dict.fromkeys(row["at"] for row in rows))


def _share(row: dict[str, Any]) -> float:
    return 100 * row["found"] / row["people"]


def _share_of_upright(row: dict[str, Any]) -> float:
    return 100 * row["still"] / row["upright"] if row["upright"] else 0.0


def _eye_error(row: dict[str, Any]) -> float:
    return float(row["eye_error"])


def _sheets(rows: Rows) -> Rows:
    return [row for row in rows if "times" in row["at"]]


def _without_sheets(rows: Rows) -> Rows:
    return [row for row in rows if "times" not in row["at"]]


if __name__ == "__main__":
    write_page(json.loads(FIGURES.read_text()))
