"""Points, boxes, faces, eyes and the result of a photo, as frozen dataclasses; and the aliases of array types.

Coordinates are pixels of the upright photo (EXIF orientation applied). They are continuous: the pixel in column 0
covers 0 <= x < 1, and its centre is at 0.5. Right and left are the person's own: the right eye of an upright person
has the smaller x.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import hypot
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float64]
Area = tuple[int, int, int, int]  # x0, y0, x1, y1 in whole pixels; x1 and y1 are not included

LANDMARKS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")  # in the order of the detectors' output

# The change of a photo outside the eyes. exact: none; a JPEG keeps its coefficients. kept: a JPEG was encoded again
# with its own quantization tables and chroma subsampling. re-encoded: it was encoded again at a high quality.
Fidelity = Literal["exact", "kept", "re-encoded"]
# Parts of a photo's file, besides metadata, that are not in the result.
SECOND_PICTURES = "second_pictures"  # further images: gain maps, depth maps, previews, JPEGs after the picture
APPENDED_DATA = "appended_data"  # any other data after the picture, for example the video of a motion photo
DAMAGED_PARTS = "damaged_parts"  # a missing end of the file, or damaged parts, that viewers ignore
Side = Literal["right", "left"]


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Box:
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Eye:
    """One googly eye: a white disc with an outline around it, and a pupil inside it.

    `side` is the person's own; None if unknown. The outline lies outside `radius`.
    """

    side: Side | None
    centre: Point
    radius: float
    pupil: Point
    pupil_radius: float


@dataclass(frozen=True, slots=True)
class Face:
    """One detected face. `score` is in 0..1; `box` is clipped to the photo, the landmarks are not.

    `eyes` are the googly eyes that are drawn on it, right before left: one on a profile, none before `place_eyes`.
    """

    score: float
    box: Box
    right_eye: Point
    left_eye: Point
    nose: Point
    mouth_right: Point
    mouth_left: Point
    eyes: tuple[Eye, ...] = ()

    @property
    def landmarks(self) -> dict[str, Point]:
        """The five landmarks by name, in the order of LANDMARKS."""
        return {name: getattr(self, name) for name in LANDMARKS}

    @property
    def eye_distance(self) -> float:
        return hypot(self.left_eye.x - self.right_eye.x, self.left_eye.y - self.right_eye.y)


def make_face(score: float, box: Box, landmarks: Sequence[Point], *, eyes: tuple[Eye, ...] = ()) -> Face:
    """Return a face with its five landmarks in the order of LANDMARKS."""
    right_eye, left_eye, nose, mouth_right, mouth_left = landmarks
    return Face(score, box, right_eye, left_eye, nose, mouth_right, mouth_left, eyes)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one photo, from the pipeline to the response, the client, the command and the dashboard.

    `faces` are in descending order of score, or in the order of the request. `photo` is None if only the faces were
    requested. `fidelity` is None without a photo or if unknown. `stopped_early`: a limit on crops, proposals or time
    cut the search. `eyes` are all eyes of the photo, in the order in which they are drawn. `timings` are milliseconds
    by stage. `unlisted_faces` are those that a service counts and does not list; their eyes are not listed either.
    """

    faces: tuple[Face, ...]
    seed: int
    media_type: str
    photo: bytes | None
    fidelity: Fidelity | None = None
    dropped: tuple[str, ...] = ()
    stopped_early: bool = False
    eyes: tuple[Eye, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    unlisted_faces: int = 0

    @property
    def face_count(self) -> int:
        return len(self.faces) + self.unlisted_faces

    def save(self, path: str | PathLike[str]) -> Path:
        """Write the photo to a file, replacing it, and return its path. `media_type` names the format of the photo.

        Raises ValueError without a photo, and OSError if the file cannot be written.
        """
        if self.photo is None:
            raise ValueError('there is no photo in a result with answer="faces"')
        Path(path).write_bytes(self.photo)
        return Path(path)
