"""Score detections on photographs in which every face and visible eye is labelled by hand.

The README in FOLDER describes the labels.

A detection matches a labelled face if the midpoints of the drawn and the labelled eyes are within half an eye distance,
or if the IoU of the boxes is at least 0.4. An eye is misplaced if its error exceeds 0.15 of the eye distance (with one
visible eye: 0.3 of the box height). Detections on faces labelled `ignore` do not count.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.photos import SHARED
from googly_eyes.detection.candidates import iou
from googly_eyes.eyes import SIDES, find_visible_sides
from googly_eyes.types import Face

FOLDER = SHARED / "labelled"
MIN_SIZE = 40  # pixels, of the longer side of the box; the eye error of smaller faces does not count
MATCH_IOU, IGNORE_IOU = 0.4, 0.3
MISPLACED, MISPLACED_PROFILE = 0.15, 0.3  # of the eye distance, of the box height

Label = dict[str, Any]
Eyes = list[np.ndarray | None]


@dataclass
class Score:
    """The counts over all photographs; `errors` are of hand-placed eyes, in eye distances."""

    faces: int = 0
    found: int = 0
    false: int = 0
    misplaced: int = 0
    hidden: int = 0
    errors: list[float] = field(default_factory=list)

    def add(self, faces: Sequence[Face], labels: Sequence[Label]) -> None:
        """Count one photograph."""
        free = [label for label in labels if not label.get("ignore")]
        ignored = [label for label in labels if label.get("ignore")]
        self.faces += len(free)
        for face in sorted(faces, key=lambda each: -each.score):
            matches = [(key, n) for n, label in enumerate(free) if (key := _match(face, label)) is not None]
            if matches:
                self._count_match(face, free.pop(min(matches)[1]))
            elif not any(_is_in(face, label) for label in ignored):
                self.false += 1

    def row(self) -> dict[str, Any]:
        """Return the counts, and the median error in per cent."""
        error = round(100 * float(np.median(self.errors)), 2) if self.errors else None
        return {key: getattr(self, key) for key in ("faces", "found", "false", "misplaced", "hidden")} | {
            "eye_error": error
        }

    def _count_match(self, face: Face, label: Label) -> None:
        """Count a face that matches this label."""
        self.found += 1
        truth, (_, scale, both) = _points(label["eyes"]), _geometry(label)
        limit = MISPLACED * scale if both else MISPLACED_PROFILE * _height(label)
        misplaced = False
        for drawn, true, by_hand in zip(_drawn(face), truth, label.get("hand", (False, False)), strict=True):
            if true is None:
                self.hidden += drawn is not None
            elif drawn is None:
                misplaced = True
            else:
                error = float(np.hypot(*(drawn - true)))
                misplaced |= error > limit
                if both and by_hand and label["kind"] != "art" and _size(label) >= MIN_SIZE:
                    self.errors.append(error / scale)
        self.misplaced += misplaced


def photographs(folder: Path = FOLDER) -> Iterator[tuple[str, bytes, list[Label]]]:
    """Yield name, file and labels of each photograph; yield nothing if the folder is missing."""
    path = folder / "labels.json"
    for name, labels in sorted(json.loads(path.read_text()).items()) if path.is_file() else ():
        yield name, (folder / name).read_bytes(), labels["faces"]


def _drawn(face: Face) -> Eyes:
    visible = find_visible_sides(face)
    eyes = {side: face.landmarks[f"{side}_eye"] for side in SIDES}
    return [np.array([eye.x, eye.y]) if side in visible else None for side, eye in eyes.items()]


def _points(eyes: Sequence[Sequence[float] | None]) -> Eyes:
    return [None if eye is None else np.array(eye, float) for eye in eyes]


def _geometry(label: Label) -> tuple[np.ndarray | None, float, bool]:
    """Return the midpoint of the visible eyes, the eye distance, and True if both eyes are visible.

    With fewer than two visible eyes the distance is 0.4 of the box height; without any the midpoint is None.
    """
    visible = [eye for eye in _points(label["eyes"]) if eye is not None]
    if len(visible) == 2:
        return (visible[0] + visible[1]) / 2, float(np.hypot(*(visible[1] - visible[0]))), True
    return (visible[0] if visible else None), 0.4 * _height(label), False


def _match(face: Face, label: Label) -> tuple[float, float] | None:
    """Return a key that is lower for a better match, or None."""
    middle, scale, both = _geometry(label)
    distance = np.inf if middle is None else float(np.hypot(*(_middle(face) - middle)))
    overlap = _overlap(face, label)
    matches = distance < (scale / 2 if both else scale) or overlap >= MATCH_IOU
    return (distance / max(scale, 1e-6), -overlap) if matches else None


def _is_in(face: Face, label: Label) -> bool:
    """Return True if the face lies on a label with `ignore`: by IoU, or by the midpoint of its eyes."""
    x0, y0, x1, y1 = label["box"]
    x, y = _middle(face)
    margin_x, margin_y = 0.15 * (x1 - x0), 0.15 * (y1 - y0)
    inside = x0 - margin_x <= x <= x1 + margin_x and y0 - margin_y <= y <= y1 + margin_y
    return _overlap(face, label) >= IGNORE_IOU or (inside and face.box.x1 - face.box.x0 <= 2.5 * (x1 - x0))


def _middle(face: Face) -> np.ndarray:
    return np.mean([eye for eye in _drawn(face) if eye is not None], axis=0)


def _overlap(face: Face, label: Label) -> float:
    box = np.float32([face.box.x0, face.box.y0, face.box.x1, face.box.y1])
    return float(iou(box, np.float32([label["box"]]))[0])


def _height(label: Label) -> float:
    return float(label["box"][3] - label["box"][1])


def _size(label: Label) -> float:
    x0, y0, x1, y1 = label["box"]
    return float(max(x1 - x0, y1 - y0))
