"""`make accuracy`: measure detection rates, false faces and costs, and write docs/accuracy.md, its figures and curves.

MTCNN is compared with its package if MTCNN_PYTHON names a Python that has the package (models/README.md).

A person is found if both eyes of a detection are within half an eye distance of the true eyes, or, in photographs
without labelled eyes, if the midpoint of the eyes is within half an eye distance. Every person matches at most one
detection. Every other detection with a score of at least 0.9 is a false face. The eye error is the larger error of the
two eyes, divided by the eye distance. Costs are times on one core, divided by the time of one RetinaFace pass at 640
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

BASELINE = "one pass"
ROTATIONS = (0, 15, 30, 45, 60, 75, 90, 120, 150, 180, 270)
HEIGHTS = (16, 20, 24, 32, 40, 48, 64, 96, 128, 192, 256, 320)
LIGHTS = (0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 1.5, 2.0)
NOISE_LEVELS = (0, 10, 20, 30, 45, 60, 80)
QUALITIES = (3, 5, 8, 12, 20, 40, 80)
CROWD_BINS = (0, 16, 20, 24, 32, 48, 64, 96, 160)
MANY, FEW = 125, 5  # scenes of four people that are rotated: for the main methods, for the other ones
CROWDS, SCENES_PER_VALUE = 6, 4  # drawn crowds; scenes for every value of a sweep
MIN_ERROR_HEIGHT = 80  # pixels; the eye error of smaller faces does not count
MIN_ROTATED_HEIGHT = 48  # pixels; smaller faces do not count in the section on rotation
SINGLE_ROLLS = (0, 45, 60, 90, 180)  # of one person among upright people
MAX_ERROR = 0.5  # eye distances, of a person who is found
# Real photographs that are rotated, and their scale: small for speed, with most faces above MIN_ROTATED_HEIGHT.
ROTATED_PHOTOS = {"group_of_people.jpg": 0.3, "multiface.jpg": 1, "portrait.jpg": 1, "crowd.jpg": 1, "astronaut.png": 1}
REPEATS = 3  # of each timed call

Eyes = tuple[Point, Point]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Method:
    """A detector with one pass (detail BASELINE), or with the finder and a detail."""

    detector: str
    detail: str

    @property
    def name(self) -> str:
        return f"{self.detector} {self.detail}"


METHODS = [
    Method("retinaface", BASELINE),
    *(Method(name, detail) for name in ("retinaface", "mtcnn") for detail in DETAILS),
]


@dataclass
class Tally:
    """The counts of one method over some scenes; `errors` in eye distances."""

    people: int = 0
    found: int = 0
    false: int = 0
    errors: list[float] = field(default_factory=list)

    def count(self, detections: Sequence[Eyes], people: Sequence[Person]) -> list[bool]:
        """Count one scene and return for each person if they were found."""
        hits, false, errors = matched(detections, people)
        self.people += len(people)
        self.found += sum(hits)
        self.false += false
        self.errors += errors
        return hits

    def row(self) -> dict[str, Any]:
        """Return the counts, and the median eye error in per cent."""
        error = round(100 * statistics.median(self.errors), 2) if self.errors else None
        return {"people": self.people, "found": self.found, "false": self.false, "eye_error": error}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make accuracy", description="Measure detection rates and costs.")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="measure a few scenes of each kind; print the figures instead of writing them",
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="measure only these sections (default: all)")
    given = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    many, few, crowds, scenes_per_value = (3, 2, 1, 1) if given.quick else (MANY, FEW, CROWDS, SCENES_PER_VALUE)
    try:
        detectors = Detectors()
    except SettingError as error:
        sys.exit(f"make accuracy compares both detectors. {error.message}")
    photographs = scenes.photographs()
    if missing := set(scenes.PHOTOGRAPHED_PEOPLE) - set(photographs):
        parser.error(
            f"{', '.join(sorted(missing))}: not in the folder of photographs. Set PHOTOS_DIR to a folder that has them"
        )
    sections = measurements(
        detectors, photographs, many=many, few=few, crowds=crowds, scenes_per_value=scenes_per_value
    )
    if unknown := set(given.sections) - set(sections):
        parser.error(f"unknown section: {', '.join(sorted(unknown))}. Allowed: {', '.join(sections)}")
    figures = {name: sections[name]() for name in given.sections or sections}
    if given.quick:
        json.dump(figures, sys.stdout, indent=1)
        return
    if given.sections and FIGURES.is_file():
        figures = json.loads(FIGURES.read_text()) | figures
    FIGURES.write_text(_to_json(figures))
    if set(sections) <= set(figures):
        write_page(figures)


def measurements(
    detectors: "Detectors", photographs: dict[str, Scene], *, many: int, few: int, crowds: int, scenes_per_value: int
) -> dict[str, Callable[[], Rows]]:
    """Return a function for each section; the main methods get `many` rotated scenes, the other methods `few`."""
    sheets = {f"{scenes.CROWDED}, {n} x {n} times": scenes.sheet(photographs[scenes.CROWDED], n, n) for n in (2, 3)}

    def upright() -> list[Scene]:
        return [scenes.turnable(number) for number in range(many)]

    def drawn_crowds() -> dict[str, Scene]:
        return {f"crowd {number + 1}": scenes.crowd(number) for number in range(crowds)}

    def changed(change: Callable[[Scene], Scene]) -> list[Scene]:
        return [change(scenes.six_people(number)) for number in range(scenes_per_value)]

    empty_photographs = dict(scenes.photographs_without_people())
    python = reference_python()
    return {
        "labelled": lambda: measure_labelled(detectors),
        "rotation": lambda: measure_rotations(detectors, upright(), few, photographs),
        "one_turned": lambda: measure_sweep(
            detectors,
            SINGLE_ROLLS,
            lambda roll: [scenes.one_turned(roll, n) for n in range(3 * scenes_per_value)],
        ),
        "size": lambda: measure_sweep(
            detectors, HEIGHTS, lambda h: [scenes.of_height(h, n) for n in range(scenes_per_value)]
        ),
        "light": lambda: measure_sweep(detectors, LIGHTS, lambda light: changed(lambda each: scenes.lit(each, light))),
        "noise": lambda: measure_sweep(
            detectors, NOISE_LEVELS, lambda sigma: changed(lambda each: scenes.grainy(each, sigma))
        ),
        "quality": lambda: measure_sweep(
            detectors, QUALITIES, lambda q: changed(lambda each: scenes.compressed(each, q))
        ),
        "skin": lambda: measure_sweep(
            detectors, SKINS, lambda skin: [scenes.six_people(n, skin) for n in range(scenes_per_value)]
        ),
        "crowds": lambda: measure_each(detectors, drawn_crowds()),
        "crowd_sizes": lambda: _histogram(one.height for scene in drawn_crowds().values() for one in scene.people),
        "photos": lambda: measure_each(detectors, photographs | sheets),
        "nobody": lambda: measure_each(detectors, dict(scenes.without_people()) | empty_photographs),
        **({PACKAGE: lambda: measure_package(python, photographs | empty_photographs)} if python else {}),
    }


class Detectors:
    """Both detectors, with one thread each."""

    def __init__(self) -> None:
        self._detectors: dict[str, Detector] = {
            "retinaface": RetinaFace(MODELS / "retinaface.tflite", 1),
            "mtcnn": Mtcnn(MODELS / "mtcnn.tflite", 1),
        }

    def detect(self, method: Method, scene: Scene) -> tuple[list[Eyes], float]:
        """Return the detected eyes in the file of a scene, and the time of the detection in seconds."""
        with open_photo(scene.file(), max_bytes=10**9, max_pixels=10**8) as photo:
            start = time.perf_counter()
            return self._eyes(method, photo), time.perf_counter() - start

    def faces(self, method: Method, data: bytes) -> Sequence[Face]:
        """Return the faces in a photo file, by a method with the finder."""
        detector = self._detectors[method.detector]
        with open_photo(data, max_bytes=10**9, max_pixels=10**8) as photo:
            return find(photo, detector, min_score=HIGH_CONFIDENCE, detail=method.detail).faces

    def _eyes(self, method: Method, photo: Photo) -> list[Eyes]:
        detector = self._detectors[method.detector]
        if method.detail != BASELINE:
            faces = find(photo, detector, min_score=HIGH_CONFIDENCE, detail=method.detail).faces
            return [(face.right_eye, face.left_eye) for face in faces]
        scale = min(LONG_SIDE / max(photo.width, photo.height), MAX_UPSCALE)
        width, height = max(1, round(photo.width * scale)), max(1, round(photo.height * scale))
        candidates = detector.scan(small_copy(photo, width, height), HIGH_CONFIDENCE)
        eyes = candidates.landmarks[:, :2] * (photo.width / width, photo.height / height)
        return [(Point(*right), Point(*left)) for right, left in eyes.tolist()]


def matched(detections: Sequence[Eyes], people: Sequence[Person]) -> tuple[list[bool], int, list[float]]:
    """Match detections to people, the smallest error first.

    Return for each person if they were found, the number of false faces, and the eye errors, in eye distances, of the
    people who were found and have a face of at least MIN_ERROR_HEIGHT and labelled eyes.
    """
    error_table = np.array([[_error(eyes, person) for eyes in detections] for person in people])
    error_table = error_table.reshape(len(people), len(detections))
    hits = [False] * len(people)
    errors = []
    used: set[int] = set()
    for person, eyes in sorted(np.ndindex(error_table.shape), key=lambda pair: error_table[pair]):
        if error_table[person, eyes] < MAX_ERROR and not hits[person] and eyes not in used:
            hits[person] = True
            used.add(eyes)
            if people[person].eyes is not None and people[person].height >= MIN_ERROR_HEIGHT:
                errors.append(float(error_table[person, eyes]))
    return hits, len(detections) - len(used), errors


def measure_rotations(detectors: Detectors, drawn: Sequence[Scene], few: int, photographs: dict[str, Scene]) -> Rows:
    """Rotate whole scenes; return a row per kind of scene, rotation and method.

    `upright`: the number of faces found without rotation; `still`: how many of these are found with it.
    """
    small = [scenes.resized(photographs[name], scale) for name, scale in ROTATED_PHOTOS.items()]
    rows: Rows = []
    for kind, upright in (("drawn", drawn), ("photographs", small)):
        at_first: dict[Method, list[bool]] = {}
        for rotation in _with_progress(f"{kind}, rotations", ROTATIONS):
            turned = [scenes.turned(scene, rotation) for scene in upright]
            turned = [scenes.middle_of(scene) for scene in turned] if kind == "drawn" else turned
            for method in METHODS:
                main = method.detector == "retinaface" and method.detail in {BASELINE, "auto"}
                tally = Tally()
                hits: list[bool] = []
                for scene in turned[: None if main or kind != "drawn" else few]:
                    all_hits = tally.count(detectors.detect(method, scene)[0], scene.people)
                    hits += [
                        hit for hit, one in zip(all_hits, scene.people, strict=True) if one.height >= MIN_ROTATED_HEIGHT
                    ]
                first = at_first.setdefault(method, hits)
                still = sum(now for was, now in zip(first, hits, strict=True) if was)
                row = {"method": method.name, "kind": kind, "at": rotation, "upright": sum(first), "still": still}
                rows.append(row | tally.row())
    return rows


def measure_sweep(detectors: Detectors, values: Iterable[Any], scenes_at: Callable[[Any], Sequence[Scene]]) -> Rows:
    """Return a row per value and method."""
    rows = []
    for value in values:
        at_value = scenes_at(value)
        for method in _with_progress(f"{value}", METHODS):
            tally = Tally()
            for scene in at_value:
                tally.count(detectors.detect(method, scene)[0], scene.people)
            rows.append({"method": method.name, "at": value, **tally.row()})
    return rows


def measure_each(detectors: Detectors, named: dict[str, Scene]) -> Rows:
    """Return a row per scene and method, with the cost: the median time of REPEATS calls.

    `passes` is the cost in passes; `passes_less_faces` is the cost without 3 ms per face. The methods take turns.
    """
    rows = []
    for name, scene in _with_progress("scenes", named.items()):
        times: dict[str, list[float]] = {method.name: [] for method in METHODS}
        detections: dict[str, list[Eyes]] = {}
        for _ in range(REPEATS):
            for method in METHODS:
                detections[method.name], seconds = detectors.detect(method, scene)
                times[method.name].append(seconds)
        one_pass = statistics.median(times[METHODS[0].name])
        for method in METHODS:
            tally = Tally()
            tally.count(detections[method.name], scene.people)
            spent = statistics.median(times[method.name])
            less_faces = (spent - 0.003 * len(detections[method.name])) / one_pass
            cost = {"passes": round(spent / one_pass, 2), "passes_less_faces": round(less_faces, 2)}
            rows.append({"method": method.name, "at": name, **tally.row(), **cost})
    return rows


def measure_labelled(detectors: Detectors) -> Rows:
    """Return a row per method over the labelled photographs; no rows if the photographs are missing."""
    rows = []
    photographs = list(labelled.photographs())
    for method in _with_progress("labelled", METHODS[1:] if photographs else []):
        score = labelled.Score()
        for _, data, labels in photographs:
            score.add(detectors.faces(method, data), labels)
        rows.append({"method": method.name, "photographs": len(photographs), **score.row()})
    return rows


def measure_package(python: str, named: dict[str, Scene]) -> Rows:
    """Return a row per scene for the package `mtcnn` with its default settings."""
    outputs = run_reference(python, {f"photo.{name}": np.asarray(scene.image) for name, scene in named.items()})
    rows = []
    for name, scene in named.items():
        detections = [eyes_of(row).tolist() for row in outputs[f"photo.{name}"] if row[5] >= HIGH_CONFIDENCE]
        tally = Tally()
        tally.count([(Point(*right), Point(*left)) for right, left in detections], scene.people)
        rows.append({"method": "package", "at": name, **tally.row()})
    return rows


def _error(eyes: Eyes, person: Person) -> float:
    """Return the larger error of the two eyes, or the error of an only labelled midpoint, in eye distances."""
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


def _with_progress(text: str, items: Iterable[Any]) -> Iterable[Any]:
    """Print the text to stderr and return the items."""
    print(text, file=sys.stderr, flush=True)
    return items


def _to_json(figures: dict[str, Rows]) -> str:
    """Return JSON with one line per row, for readable diffs."""
    parts = ['"{}": [\n{}\n]'.format(name, ",\n".join(map(json.dumps, rows))) for name, rows in figures.items()]
    return "{{\n{}\n}}\n".format(",\n".join(parts))


if __name__ == "__main__":
    main()
