"""docs/accuracy.md and its curves, from the figures that `make accuracy` measured. No figure is typed by hand."""

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
    "retinaface one look": ("#9a9a9a", "--", "one look at 640 px"),
    "retinaface fast": ("#7fb2e5", "-", "RetinaFace, fast"),
    "retinaface auto": ("#1f5fa8", "-", "RetinaFace, auto"),
    "retinaface high": ("#0b2545", ":", "RetinaFace, high"),
    "mtcnn fast": ("#f2b27a", "-", "MTCNN, fast"),
    "mtcnn auto": ("#d1661c", "-", "MTCNN, auto"),
    "mtcnn high": ("#7a3205", ":", "MTCNN, high"),
}
ONE_LOOK, AUTO, MTCNN = "retinaface one look", "retinaface auto", "mtcnn auto"
PACKAGE = "package"  # the section on what MTCNN's own package finds
# Sections with a curve: what is along the x axis, and whether its scale is logarithmic.
SWEPT = {
    "size": ("height of the face, pixels of a photo of 1280 x 960", True),
    "light": ("share of the light", True),
    "noise": ("noise, standard deviation in levels of 255", False),
    "quality": ("JPEG quality", True),
    "skin": ("Monk skin tone, lightest to darkest", False),
}

INTRODUCTION = (
    "# Who is found, and what it costs",
    "",
    "Made by `make accuracy`, every figure and curve; the figures alone are in [accuracy.json](accuracy.json).",
    "A face is found where both its eyes are within half an eye distance of where they are (in photographs: the",
    "middle between them); all else that scores 0.9 is a false face. An eye's error is the worse eye's, over the",
    "distance between the two, in faces of 80 pixels and more. A cost of 1 is one look of RetinaFace at 640 pixels on",
    "the same photo, on one core. Drawn people have a fixed seed; real photographs were looked through by a person,",
    "are not part of this project, and are counted apart.",
)
ABOUT_PHOTOGRAPHS = (
    "In `crowd.jpg` 26 people can be seen well enough to say where their eyes are. The last rows are that photo many",
    "times over in one of its own size: real faces, as small as in a real crowd.",
)

Rows = list[dict[str, Any]]
Figures = dict[str, Rows]


def write_page(figures: Figures) -> None:
    """Write the page and its curves."""
    CURVES.mkdir(exist_ok=True)
    for name, picture in curves(figures).items():
        (CURVES / name).write_text(picture)
    PAGE.write_text(page(figures))


def page(figures: Figures) -> str:
    """The page as Markdown."""
    people = sum(row["people"] for row in figures["crowds"] if row["method"] == AUTO)
    pictures = len(_at(figures["crowds"]))
    sizes = [f"{row['from']}-{row['to']}: {row['people']}" for row in figures["crowd_sizes"] if row["people"]]
    return "\n".join(
        [
            *INTRODUCTION,
            "",
            *_labelled_section(figures.get("labelled", [])),
            "## What is to be reached",
            "",
            "| | target | reached |",
            "|---|---|---|",
            *(
                f"| {what} | {target} | {'' if met else '**not met:** '}{reached} |"
                for what, target, reached, met in targets(figures)
            ),
            "",
            "## Crowds, drawn",
            "",
            f"{people} people in {pictures} pictures of 1600 x 1200. By the height of their faces, in",
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
            "## MTCNN and its package",
            "",
            *_package_table(figures),
            "",
            "## Nobody there",
            "",
            "What it costs to be sure that there is nobody. The last two are photographs: a cat, a cup.",
            "",
            *_table_each(figures["nobody"]),
            "",
            "## Tilt",
            "",
            "Of the faces that are found upright, how many are found when the whole picture is turned. Drawn ones: all",
            "scenes for one look and RetinaFace's auto, a few for the rest, which take long.",
            "",
            "![Faces found over tilt](accuracy/tilt.svg)",
            "",
            "![Eye error over tilt](accuracy/tilt-error.svg)",
            "",
            *_tilt_table(figures["tilt"]),
            "",
            "## One turned",
            "",
            "Four people stand, and one between them is turned: of all five, in twelve pictures.",
            "",
            *_swept_table("degrees", figures["one_turned"]),
            *(line for name in SWEPT for line in _swept_section(name, figures[name])),
            "",
        ]
    )


def curves(figures: Figures) -> dict[str, str]:
    """SVGs by the names of their files."""
    drawn = [row for row in figures["tilt"] if row["kind"] == "drawn" and row["at"] <= 180]
    found = {"tilt.svg": _curve(drawn, "tilt, degrees", _share_of_upright)}
    errors = {
        "tilt-error.svg": _curve(
            [row for row in drawn if row["eye_error"]], "tilt, degrees", _eye_error, y="eye error, %"
        )
    }
    sweeps = {
        f"{name}.svg": _curve(_numbered(name, figures[name]), along, _share, logarithmic=logarithmic)
        for name, (along, logarithmic) in SWEPT.items()
    }
    return found | errors | sweeps


def targets(figures: Figures) -> list[tuple[str, str, str, bool]]:
    """What, the target, what was reached, and whether that is enough."""
    rows = []
    for title, section, crowded in (
        ("drawn crowds", figures["crowds"], lambda _: True),
        ("photographs of people", _without_sheets(figures["photos"]), lambda name: name == "crowd.jpg"),
        ("photographs in sheets", _sheets(figures["photos"]), lambda _: True),
    ):
        rows += _crowd_targets(title, section, crowded)
    for title, tilts, least in (
        ("15 to 45", (15, 30, 45), 99),
        ("60", (60,), 97),
        ("90, 180 and 270", (90, 180, 270), 99),
    ):
        tilted = [row for row in figures["tilt"] if row["method"] == AUTO and row["at"] in tilts]
        each = [
            sum(row["still"] for row in tilted if row["at"] == tilt)
            / sum(row["upright"] for row in tilted if row["at"] == tilt)
            for tilt in tilts
        ]
        upright = min(sum(row["upright"] for row in tilted if row["at"] == tilt) for tilt in tilts)
        percent = 100 * min(each)
        rows.append(
            (
                f"found in pictures turned by {title} degrees, of {upright} found upright",
                f"{least} %",
                f"{percent:.1f} %",
                percent >= least,
            )
        )
    errors = [
        row["eye_error"]
        for row in figures["tilt"]
        if row["method"] == AUTO and row["kind"] == "drawn" and row["at"] <= 60
    ]
    rows.append(("median eye error at any tilt up to 60 degrees", "5.5 %", f"{max(errors):.1f} %", max(errors) <= 5.5))
    pairs = _beside_package(figures)
    for what, worse in (
        (
            "MTCNN: photographs in which its package finds more",
            [at for at, own, its in pairs if own["found"] < its["found"]],
        ),
        (
            "MTCNN: photographs in which its package has fewer false faces",
            [at for at, own, its in pairs if own["false"] > its["false"]],
        ),
    ):
        if pairs:
            rows.append((what, "none", ", ".join(worse) or "none", not worse))
    return rows


def _crowd_targets(title: str, rows: Rows, crowded: Callable[[str], bool]) -> list[tuple[str, str, str, bool]]:
    one, auto = ({row["at"]: row for row in rows if row["method"] == method} for method in (ONE_LOOK, AUTO))
    ratio = sum(auto[name]["found"] for name in auto if crowded(name)) / sum(
        one[name]["found"] for name in one if crowded(name)
    )
    fewer = [name for name in auto if auto[name]["found"] < one[name]["found"]]
    false = [sum(row["false"] for row in each.values()) for each in (auto, one)]
    cost = sum(row["looks"] for row in auto.values()) / len(auto)
    allowed = 4 + cost - sum(row["looks_less_faces"] for row in auto.values()) / len(auto)
    return [
        (f"{title}: found by auto, over one look, where it is crowded", "1.7", f"{ratio:.2f}", ratio >= 1.7),
        (f"{title}: where auto finds fewer than one look", "none", ", ".join(fewer) or "none", not fewer),
        (f"{title}: false faces of auto, and of one look", "no more", f"{false[0]}, {false[1]}", false[0] <= false[1]),
        (
            f"{title}: looks that auto costs on average",
            f"{allowed:.1f} (4, and 3 ms a face)",
            f"{cost:.1f}",
            cost <= allowed,
        ),
    ]


def _labelled_section(rows: Rows) -> list[str]:
    """Return the section on the labelled photographs; nothing if they were not measured."""
    if not rows:
        return []
    lines = [
        "## Labelled photographs",
        "",
        f"{rows[0]['photographs']} photographs in which every face and visible eye is labelled by hand.",
        "False: no face is there.",
        "Misplaced: an eye is off by more than 0.15 of the eye distance. Hidden: eyes drawn where none can be seen.",
        "The eye error is the median of eyes that were placed by hand, in faces of 40 pixels and more.",
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
    """A row a method, over all pictures."""
    lines = ["| | found | false | eye error | cost |", "|---|---|---|---|---|"]
    for method, (_, _, name) in STYLE.items():
        own = [row for row in rows if row["method"] == method]
        error = sorted(row["eye_error"] for row in own if row["eye_error"] is not None)
        lines.append(
            f"| {name} | {sum(row['found'] for row in own)} of {sum(row['people'] for row in own)} "
            f"| {sum(row['false'] for row in own)} | {f'{error[len(error) // 2]:.1f} %' if error else ''} "
            f"| {sum(row['looks'] for row in own) / len(own):.1f} |"
        )
    return [*lines, "", "The eye error is that of the middle picture."]


def _table_each(rows: Rows) -> list[str]:
    """A row a picture: found, false faces if there are any, and cost with each method."""
    lines = [
        "| | people | " + " | ".join(name for _, _, name in STYLE.values()) + " |",
        "|---" * (len(STYLE) + 2) + "|",
    ]
    for at in _at(rows):
        own = {row["method"]: row for row in rows if row["at"] == at}
        cells = [_cell(own[method]) for method in STYLE]
        lines.append(f"| {at} | {own[AUTO]['people']} | " + " | ".join(cells) + " |")
    lines += ["", "In each cell: found, false faces after a + where there are any, and the cost after a slash."]
    return lines


def _cell(row: dict[str, Any]) -> str:
    return f"{_and_false(row['found'], row)} / {row['looks']:.1f}"


def _and_false(found: object, row: dict[str, Any]) -> str:
    return f"{found} + {row['false']}" if row["false"] else f"{found}"


def _beside_package(figures: Figures) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Photographs, with what this MTCNN finds in them and what its package does; none where that was not asked."""
    own = {row["at"]: row for row in figures["photos"] + figures["nobody"] if row["method"] == MTCNN}
    return [(row["at"], own[row["at"]], row) for row in figures.get(PACKAGE, ())]


def _package_table(figures: Figures) -> list[str]:
    pairs = _beside_package(figures)
    if not pairs:
        return ["Not measured: no Python with the package and TensorFlow was named in `MTCNN_PYTHON`."]
    lines = ["| | people | MTCNN, auto | the package `mtcnn`, at 0.9 too |", "|---|---|---|---|"]
    lines += [
        f"| {at} | {own['people']} | {_and_false(own['found'], own)} | {_and_false(its['found'], its)} |"
        for at, own, its in pairs
    ]
    return [*lines, "", "In each cell: found, and false faces after a + where there are any."]


def _tilt_table(rows: Rows) -> list[str]:
    lines = []
    for kind in ("drawn", "photographs"):
        own = [row for row in rows if row["kind"] == kind]
        tilts = _at(own)
        lines += [f"| {kind}: degrees | " + " | ".join(map(str, tilts)) + " |", "|---" * (len(tilts) + 1) + "|"]
        for method, (_, _, name) in STYLE.items():
            cells = [_and_false(f"{row['still']}/{row['upright']}", row) for row in own if row["method"] == method]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines[:-1]


def _swept_section(name: str, rows: Rows) -> list[str]:
    lines = ["", f"## {name.capitalize()}", "", f"![Faces found over {name}](accuracy/{name}.svg)", ""]
    return lines + _swept_table(SWEPT[name][0], rows)


def _swept_table(along: str, rows: Rows) -> list[str]:
    values = _at(rows)
    lines = [f"| {along} | " + " | ".join(map(str, values)) + " |", "|---" * (len(values) + 1) + "|"]
    for method, (_, _, title) in STYLE.items():
        own = [row for row in rows if row["method"] == method]
        if own:
            lines.append(
                f"| {title} | " + " | ".join(_and_false(f"{row['found']}/{row['people']}", row) for row in own) + " |"
            )
    return lines


def _curve(
    rows: Rows, along: str, value: Callable[[dict[str, Any]], float], *, y: str = "found, %", logarithmic: bool = False
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
            ticks = _at(rows)
            axes.set_xscale("log")
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        axes.set(xlabel=along, ylabel=y, ylim=(0, None))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
        picture = io.StringIO()
        figure.savefig(picture, format="svg", metadata={"Date": None})
    return "".join(f"{line.rstrip()}\n" for line in picture.getvalue().splitlines())


def _numbered(name: str, rows: Rows) -> Rows:
    """Skins by their number, everything else by its value."""
    if name != "skin":
        return rows
    return [{**row, "at": _at(rows).index(row["at"]) + 1} for row in rows]


def _at(rows: Rows) -> list[Any]:
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
