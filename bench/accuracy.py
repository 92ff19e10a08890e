"""`make accuracy`: who is found, who is not, and what it costs; writes docs/accuracy.md, its figures and its curves.

MTCNN is compared with its package where MTCNN_PYTHON names a Python that has it (models/README.md).

A face is found where both its eyes are within half an eye distance of the truth (of a photograph, where only the middle
between the eyes is known: where that is); each person once. Everything else that scores 0.9 is a false face. An eye's
error is the worse of the two, over the distance between them. Costs are times on one core, next to one look at 640
pixels on the same photo.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import hypot
from typing import Any

import numpy as np

from bench import labelled, scenes
from bench.accuracy_page import FIGURES, PACKAGE, write_page
from bench.mtcnn_reference import eyes_of, reference_python, run_reference
from bench.scenes import Person, Scene
from googly_eyes.detection.crops import HIGH_CONFIDENCE
from googly_eyes.detection.detector import Detector
from googly_eyes.detection.finder import find
from googly_eyes.detection.geometry import MAX_UPSCALE
from googly_eyes.detection.mtcnn import Mtcnn
from googly_eyes.detection.retinaface import RetinaFace
from googly_eyes.detection.search import LONG_SIDE
from googly_eyes.errors import SettingError
from googly_eyes.options import DETAILS
from googly_eyes.photo.photo import Photo, open_photo
from googly_eyes.photo.views import small_copy
from googly_eyes.settings import MODELS
from googly_eyes.types import Face, Point
from testing.people import SKINS

ONE_LOOK = "one look"
TILTS = (0, 15, 30, 45, 60, 75, 90, 120, 150, 180, 270)
HEIGHTS = (16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256, 320)
LIGHTS = (0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 1.5, 2.0)
GRAINS = (0, 10, 20, 30, 45, 60, 80)
QUALITIES = (3, 5, 8, 12, 20, 40, 80)
CROWD_BINS = (0, 16, 20, 24, 32, 48, 64, 96, 160)
MANY, FEW = 125, 5  # turnable scenes, of four people each
CROWDS, OF_EACH = 6, 4  # drawn crowds, and scenes for every value of what is swept
ERROR_HEIGHT = 80  # pixels, of the smallest faces whose eyes' error counts
TILTED = 48  # pixels, of the smallest faces that are followed through tilts
ALONE = (0, 45, 60, 90, 180)  # tilts of one among others who stand
FOUND_WITHIN = 0.5  # eye distances
# Real photographs and the scale they are turned at, so that turning them is quick and most faces stay above TILTED.
TURNED_PHOTOS = {"group_of_people.jpg": 0.3, "multiface.jpg": 1, "portrait.jpg": 1, "crowd.jpg": 1, "astronaut.png": 1}
REPEATS = 3  # of what is timed

Eyes = tuple[Point, Point]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Method:
    """A way to look for faces: one look, or the finder with a detector and a detail."""

    detector: str
    detail: str

    @property
    def name(self) -> str:
        return f"{self.detector} {self.detail}"


METHODS = [
    Method("retinaface", ONE_LOOK),
    *(Method(name, detail) for name in ("retinaface", "mtcnn") for detail in DETAILS),
]


@dataclass
class Tally:
    """What came of some scenes with one method."""

    people: int = 0
    found: int = 0
    false: int = 0
    errors: list[float] = field(default_factory=list)

    def count(self, seen: Sequence[Eyes], people: Sequence[Person]) -> list[bool]:
        """Who of the people was found."""
        hits, false, errors = matched(seen, people)
        self.people += len(people)
        self.found += sum(hits)
        self.false += false
        self.errors += errors
        return hits

    def row(self) -> dict[str, Any]:
        error = round(100 * statistics.median(self.errors), 2) if self.errors else None
        return {"people": self.people, "found": self.found, "false": self.false, "eye_error": error}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make accuracy", description="Who is found, and what it costs.")
    parser.add_argument("--quick", action="store_true", help="a few scenes of each kind, printed and not written")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="measure these alone (default: all)")
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    many, few, crowds, of_each = (3, 2, 1, 1) if given.quick else (MANY, FEW, CROWDS, OF_EACH)
    try:
        look = Looker()
    except SettingError as error:
        sys.exit(f"make accuracy compares both detectors. {error.message}")
    photographs = scenes.photographs()
    if missing := set(scenes.KNOWN) - set(photographs):
        parser.error(f"{', '.join(sorted(missing))}: not in the folder of photographs (name one in PHOTOS_DIR)")
    sections = measurements(look, photographs, many=many, few=few, crowds=crowds, of_each=of_each)
    if unknown := set(given.sections) - set(sections):
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(sections)}")
    figures = {name: sections[name]() for name in given.sections or sections}
    if given.quick:
        json.dump(figures, sys.stdout, indent=1)
        return
    if given.sections and FIGURES.is_file():
        figures = json.loads(FIGURES.read_text()) | figures
    FIGURES.write_text(_as_lines(figures))
    if set(sections) <= set(figures):
        write_page(figures)


def measurements(
    look: "Looker", photographs: dict[str, Scene], *, many: int, few: int, crowds: int, of_each: int
) -> dict[str, Callable[[], Rows]]:
    """How to get each section; `many` scenes are turned for the main methods, `few` for the others."""
    sheets = {f"{scenes.CROWDED}, {n} x {n} times": scenes.sheet(photographs[scenes.CROWDED], n, n) for n in (2, 3)}

    def turnable() -> list[Scene]:
        return [scenes.turnable(number) for number in range(many)]

    def drawn_crowds() -> dict[str, Scene]:
        return {f"crowd {number + 1}": scenes.crowd(number) for number in range(crowds)}

    def six(change: Callable[[Scene], Scene]) -> list[Scene]:
        return [change(scenes.six(number)) for number in range(of_each)]

    nobody = dict(scenes.photographed_nobody())
    python = reference_python()
    return {
        "labelled": lambda: by_labels(look),
        "tilt": lambda: tilts(look, turnable(), few, photographs),
        "one_turned": lambda: swept(look, ALONE, lambda tilt: [scenes.one_turned(tilt, n) for n in range(3 * of_each)]),
        "size": lambda: swept(look, HEIGHTS, lambda h: [scenes.of_height(h, n) for n in range(of_each)]),
        "light": lambda: swept(look, LIGHTS, lambda light: six(lambda each: scenes.lit(each, light))),
        "noise": lambda: swept(look, GRAINS, lambda sigma: six(lambda each: scenes.grainy(each, sigma))),
        "quality": lambda: swept(look, QUALITIES, lambda q: six(lambda each: scenes.compressed(each, q))),
        "skin": lambda: swept(look, SKINS, lambda skin: [scenes.six(n, skin) for n in range(of_each)]),
        "crowds": lambda: whole(look, drawn_crowds()),
        "crowd_sizes": lambda: _histogram(one.height for scene in drawn_crowds().values() for one in scene.people),
        "photos": lambda: whole(look, photographs | sheets),
        "nobody": lambda: whole(look, dict(scenes.nobody()) | nobody),
        **({PACKAGE: lambda: by_package(python, photographs | nobody)} if python else {}),
    }


class Looker:
    """The detectors, with one thread each."""

    def __init__(self) -> None:
        self._detectors: dict[str, Detector] = {
            "retinaface": RetinaFace(MODELS / "retinaface.tflite", 1),
            "mtcnn": Mtcnn(MODELS / "mtcnn.tflite", 1),
        }

    def __call__(self, method: Method, scene: Scene) -> tuple[list[Eyes], float]:
        """Whom a method sees in a scene that comes as a file, and the seconds that it looked."""
        with open_photo(scene.file(), max_bytes=10**9, max_pixels=10**8) as photo:
            start = time.perf_counter()
            return self._eyes(method, photo), time.perf_counter() - start

    def faces(self, method: Method, data: bytes) -> Sequence[Face]:
        """Return the faces of a photo that a method with the finder gives."""
        detector = self._detectors[method.detector]
        with open_photo(data, max_bytes=10**9, max_pixels=10**8) as photo:
            return find(photo, detector, min_score=HIGH_CONFIDENCE, detail=method.detail).faces

    def _eyes(self, method: Method, photo: Photo) -> list[Eyes]:
        detector = self._detectors[method.detector]
        if method.detail != ONE_LOOK:
            faces = find(photo, detector, min_score=HIGH_CONFIDENCE, detail=method.detail).faces
            return [(face.right_eye, face.left_eye) for face in faces]
        scale = min(LONG_SIDE / max(photo.width, photo.height), MAX_UPSCALE)
        width, height = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
        seen = detector.scan(small_copy(photo, width, height), HIGH_CONFIDENCE)
        eyes = seen.landmarks[:, :2] * (photo.width / width, photo.height / height)
        return [(Point(*right), Point(*left)) for right, left in eyes.tolist()]


def matched(seen: Sequence[Eyes], people: Sequence[Person]) -> tuple[list[bool], int, list[float]]:
    """Who of the people is seen, how much that is seen is nobody, and the eyes' errors of those of ERROR_HEIGHT."""
    misses = np.array([[_miss(eyes, person) for eyes in seen] for person in people]).reshape(len(people), len(seen))
    hits = [False] * len(people)
    errors = []
    used: set[int] = set()
    for person, eyes in sorted(np.ndindex(misses.shape), key=lambda pair: misses[pair]):
        if misses[person, eyes] < FOUND_WITHIN and not hits[person] and eyes not in used:
            hits[person] = True
            used.add(eyes)
            if people[person].eyes is not None and people[person].height >= ERROR_HEIGHT:
                errors.append(float(misses[person, eyes]))
    return hits, len(seen) - len(used), errors


def tilts(look: Looker, turnable: Sequence[Scene], few: int, photographs: dict[str, Scene]) -> Rows:
    """Of the faces that are found upright, how many are found when the whole picture is turned."""
    small = [scenes.resized(photographs[name], scale) for name, scale in TURNED_PHOTOS.items()]
    rows: Rows = []
    for kind, upright in (("drawn", turnable), ("photographs", small)):
        at_first: dict[Method, list[bool]] = {}
        for tilt in _told(f"{kind}, tilts", TILTS):
            turned = [scenes.turned(scene, tilt) for scene in upright]
            turned = [scenes.middle_of(scene) for scene in turned] if kind == "drawn" else turned
            for method in METHODS:
                main = method.detector == "retinaface" and method.detail in {ONE_LOOK, "auto"}
                tally = Tally()
                hits: list[bool] = []
                for scene in turned[: None if main or kind != "drawn" else few]:
                    all_hits = tally.count(look(method, scene)[0], scene.people)
                    hits += [hit for hit, one in zip(all_hits, scene.people, strict=True) if one.height >= TILTED]
                first = at_first.setdefault(method, hits)
                still = sum(now for was, now in zip(first, hits, strict=True) if was)
                row = {"method": method.name, "kind": kind, "at": tilt, "upright": sum(first), "still": still}
                rows.append(row | tally.row())
    return rows


def swept(look: Looker, values: Iterable[Any], scenes_at: Callable[[Any], Sequence[Scene]]) -> Rows:
    """A row for each value and method."""
    rows = []
    for value in values:
        made = scenes_at(value)
        for method in _told(f"{value}", METHODS):
            tally = Tally()
            for scene in made:
                tally.count(look(method, scene)[0], scene.people)
            rows.append({"method": method.name, "at": value, **tally.row()})
    return rows


def whole(look: Looker, named: dict[str, Scene]) -> Rows:
    """Pictures one by one, with what they cost: every method in turn, REPEATS times, its median."""
    rows = []
    for name, scene in _told("pictures", named.items()):
        times: dict[str, list[float]] = {method.name: [] for method in METHODS}
        seen: dict[str, list[Eyes]] = {}
        for _ in range(REPEATS):
            for method in METHODS:
                seen[method.name], seconds = look(method, scene)
                times[method.name].append(seconds)
        one_look = statistics.median(times[METHODS[0].name])
        for method in METHODS:
            tally = Tally()
            tally.count(seen[method.name], scene.people)
            spent = statistics.median(times[method.name])
            less_faces = (spent - 0.003 * len(seen[method.name])) / one_look
            cost = {"looks": round(spent / one_look, 2), "looks_less_faces": round(less_faces, 2)}
            rows.append({"method": method.name, "at": name, **tally.row(), **cost})
    return rows


def by_labels(look: Looker) -> Rows:
    """Return a row per method over the labelled photographs; none where they are missing."""
    rows = []
    photographs = list(labelled.photographs())
    for method in _told("labelled", METHODS[1:] if photographs else []):
        score = labelled.Score()
        for _, data, labels in photographs:
            score.add(look.faces(method, data), labels)
        rows.append({"method": method.name, "photographs": len(photographs), **score.row()})
    return rows


def by_package(python: str, named: dict[str, Scene]) -> Rows:
    """What the package itself finds, by its default settings."""
    answers = run_reference(python, {f"photo.{name}": np.asarray(scene.image) for name, scene in named.items()})
    rows = []
    for name, scene in named.items():
        sure = [eyes_of(row).tolist() for row in answers[f"photo.{name}"] if row[5] >= HIGH_CONFIDENCE]
        tally = Tally()
        tally.count([(Point(*right), Point(*left)) for right, left in sure], scene.people)
        rows.append({"method": "package", "at": name, **tally.row()})
    return rows


def _miss(eyes: Eyes, person: Person) -> float:
    """How far off the worse eye is, or the middle between them, in eye distances."""
    if person.eyes is None:
        middle = Point((eyes[0].x + eyes[1].x) / 2, (eyes[0].y + eyes[1].y) / 2)
        return _distance(middle, person.middle) / person.eye_distance
    return max(_distance(*pair) for pair in zip(eyes, person.eyes, strict=True)) / person.eye_distance


def _distance(one: Point, other: Point) -> float:
    return hypot(one.x - other.x, one.y - other.y)


def _histogram(heights: Iterable[float]) -> Rows:
    counts = Counter(int(np.searchsorted(CROWD_BINS, height, side="right")) for height in heights)
    edges = [*CROWD_BINS, None]
    return [{"from": edges[n - 1], "to": edges[n], "people": counts[n]} for n in range(1, len(edges))]


def _told(what: str, each: Iterable[Any]) -> Iterable[Any]:
    print(what, file=sys.stderr, flush=True)
    return each


def _as_lines(figures: dict[str, Rows]) -> str:
    """JSON with a line for each row, so that a change can be read."""
    parts = ['"{}": [\n{}\n]'.format(name, ",\n".join(map(json.dumps, rows))) for name, rows in figures.items()]
    return "{{\n{}\n}}\n".format(",\n".join(parts))


if __name__ == "__main__":
    main()
