"""Draw photos for tests: people whose faces the real detectors find, and images without faces.

A person is drawn on a grid of 256 x 256 units: the eyes are at (104, 122) and (152, 122), the face is 136 high. A
similarity transform maps the grid to the image. The ground truth uses the same transform, so it is exact. All other
coordinates are continuous pixels of the image, as in googly_eyes.types. The same arguments give the same pixels.
"""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, cos, floor, hypot, pi, radians, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFilter

from googly_eyes.types import Box, Point

SUPERSAMPLING = 3
SOFTNESS = 1.2  # blur of the drawn person in grid units, like that of a lens; scores are lower for sharp edges
EYE_X, EYE_Y, EYE_GAP = 128.0, 122.0, 48.0  # midpoint and distance of the eyes on the grid
FACE_HEIGHT = 136.0  # on the grid, without the hair

# The Monk Skin Tone scale (Ellis Monk, 2019), from its lightest to its darkest swatch.
SKINS = ("#f6ede4", "#f3e7db", "#f7ead0", "#eadaba", "#d7bd96", "#a07e56", "#825c43", "#604134", "#3a312a", "#292420")
HAIRS = ("#17130f", "#3b2416", "#6b4423", "#a9692f", "#8c3b1c", "#d9b370", "#9a9a98", "#e4e2dd")
HAIRSTYLES = ("short", "long", "bun", "curls")
SHIRTS = ("#c8443c", "#2f6f9f", "#e0a526", "#3d8b63", "#7b4f8f", "#f0efe9", "#34495e", "#e07f5a")
IRISES = ("#3b2515", "#54381f", "#4d6b45", "#4a7396")

BLACK, WHITE, EYE_WHITE, PUPIL, LASHES = (0, 0, 0), (255, 255, 255), (244, 242, 238), (10, 8, 8), (26, 18, 16)
SHADE, LIPS, BLUSH, SUNLIGHT = (52, 22, 14), (168, 52, 58), (214, 92, 80), (244, 168, 128)

Colour = tuple[int, int, int]
Curve = NDArray[np.float64]  # (n, 2) points


@dataclass(frozen=True, slots=True)
class Appearance:
    """The appearance of one person; colours as `#rrggbb`."""

    skin: str = SKINS[4]
    hair: str = HAIRS[1]
    hairstyle: str = "short"
    shirt: str = SHIRTS[1]
    iris: str = IRISES[0]
    teeth: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """The position of a person: midpoint of the eyes and face height in image pixels, and roll in degrees.

    Positive roll is clockwise as seen.
    """

    eyes: Point
    face_height: float
    roll: float = 0.0


@dataclass(frozen=True, slots=True)
class DrawnFace:
    """The ground truth of one face. Right and left are the person's; the box is not clipped to the image."""

    right_eye: Point
    left_eye: Point
    box: Box

    @property
    def eye_distance(self) -> float:
        return hypot(self.left_eye.x - self.right_eye.x, self.left_eye.y - self.right_eye.y)


def random_appearance(seed: int) -> Appearance:
    """Return a random person for this seed."""
    rng = random.Random(seed)
    return Appearance(
        skin=rng.choice(SKINS),
        hair=rng.choice(HAIRS),
        hairstyle=rng.choice(HAIRSTYLES),
        shirt=rng.choice(SHIRTS),
        iris=rng.choice(IRISES),
        teeth=rng.random() < 0.5,
    )


def face(
    size: int = 256, *, appearance: Appearance | None = None, background: str = "wall", roll: float = 0.0, seed: int = 0
) -> tuple[Image.Image, DrawnFace]:
    """Draw a square portrait with a face `size * 136 / 256` high, by default of `random_appearance(seed)`."""
    place = Place(Point(size * 0.5, size * EYE_Y / 256), size * FACE_HEIGHT / 256, roll)
    image, truths = scene(
        size, size, [(appearance or random_appearance(seed), place)], background=background, seed=seed
    )
    return image, truths[0]


def scene(
    width: int, height: int, people: Sequence[tuple[Appearance, Place]], *, background: str = "wall", seed: int = 0
) -> tuple[Image.Image, list[DrawnFace]]:
    """Draw people on a background of BACKGROUNDS; later people cover earlier ones."""
    image = BACKGROUNDS[background](width, height, seed)
    for appearance, place in people:
        _draw_person(image, appearance, place)
    return image, [_truth(place) for _, place in people]


def group(width: int = 1200, height: int = 700) -> tuple[Image.Image, list[DrawnFace]]:
    """Draw six smiling people in a park, scaled to the image; faces are 118 to 150 pixels high by default."""
    scale = min(width / 1200, height / 700)
    left, top = (width - 1200 * scale) / 2, height - 700 * scale
    people = [
        (appearance, Place(Point(left + at.eyes.x * scale, top + at.eyes.y * scale), at.face_height * scale, at.roll))
        for appearance, at in FRIENDS
    ]
    return scene(width, height, people, background="park", seed=5)


def crowd(
    width: int = 1600, height: int = 1200, *, near: float = 120, far: float = 18, seed: int = 0
) -> tuple[Image.Image, list[DrawnFace]]:
    """Draw rows of people up to the horizon, with faces from `near` (front row) down to `far` pixels high.

    Each row is filled and no face is completely hidden. There are four times as many faces of half the height.
    """
    rng = random.Random(seed)
    rows: list[list[tuple[Appearance, Place]]] = []
    size = near
    level = height - 0.9 * size  # of the row's eyes
    while size > far and level > size:
        row = []
        x = rng.uniform(0.5, 1.5) * size
        while x < width - 0.5 * size:
            at = Point(x, level + rng.uniform(-0.12, 0.12) * size)
            row.append(
                (random_appearance(rng.randrange(10**6)), Place(at, size * rng.uniform(0.92, 1.08), rng.gauss(0, 7)))
            )
            x += rng.uniform(1.25, 2.2) * size
        rows.append(row)
        size *= rng.uniform(0.8, 0.9)
        level -= rng.uniform(1.05, 1.35) * size
    people = [person for row in reversed(rows) for person in row]
    return scene(width, height, people, background="park", seed=seed)


def landscape(width: int, height: int, seed: int = 0) -> Image.Image:
    """Draw sky, sun, hills and trees without people."""
    rng = random.Random(seed)
    image = _gradient(width, height, (108, 170, 222), (222, 234, 240))
    draw = ImageDraw.Draw(image)
    unit = height / 100
    sun_x, sun_y = rng.uniform(0.1, 0.9) * width, rng.uniform(0.1, 0.2) * height
    _disc(draw, sun_x, sun_y, 5 * unit, (255, 240, 190))
    for _ in range(4):
        x, y = rng.uniform(0, 1) * width, rng.uniform(0.06, 0.3) * height
        for _ in range(6):
            dx, dy = rng.uniform(-9, 9) * unit, rng.uniform(-1.5, 1.5) * unit
            draw.ellipse((x + dx - 6 * unit, y + dy - 2 * unit, x + dx + 6 * unit, y + dy + 2 * unit), (243, 246, 248))
    hills = ((0.46, (134, 164, 170)), (0.55, (112, 154, 118)), (0.66, (104, 150, 78)), (0.8, (120, 168, 76)))
    for depth, (level, colour) in enumerate(hills):
        crest = _crest(width, height * level, 5 * unit, rng)
        draw.polygon([(0.0, float(height)), *crest, (float(width), float(height))], colour)
        for _ in range(5 * (depth > 0)):
            x, y = rng.choice(crest)
            _tree(draw, x, y + rng.uniform(1, 6) * unit, (4 + 4 * depth) * unit, rng)
    return image.filter(ImageFilter.GaussianBlur(unit * 0.15))


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """Return an image of independent random channel values."""
    return Image.frombytes("RGB", (width, height), random.Random(seed).randbytes(width * height * 3))


def blank(width: int, height: int, colour: str = "#808080") -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def as_jpeg(image: Image.Image, *, quality: int = 92) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


# ---- the backgrounds ----------------------------------------------------------------------------------------------


def _sky(width: int, height: int, seed: int) -> Image.Image:
    rng = random.Random(seed)
    image = _gradient(width, height, (86, 150, 214), (214, 230, 242))
    draw = ImageDraw.Draw(image)
    for _ in range(5):
        x, y, reach = rng.uniform(0, width), rng.uniform(0, height), 0.12 * height
        for _ in range(5):
            cx, cy = x + rng.uniform(-1, 1) * reach, y + rng.uniform(-0.2, 0.2) * reach
            draw.ellipse((cx - reach, cy - reach * 0.4, cx + reach, cy + reach * 0.4), (240, 244, 248))
    return image.filter(ImageFilter.GaussianBlur(height / 40))


def _wall(width: int, height: int, seed: int) -> Image.Image:
    paint = random.Random(seed).choice(((206, 196, 180), (150, 176, 176), (186, 164, 150), (120, 134, 156)))
    return _gradient(width, height, _mix(paint, (255, 255, 255), 0.25), _mix(paint, (0, 0, 0), 0.2))


def _park(width: int, height: int, seed: int) -> Image.Image:
    """Draw a blurred landscape."""
    return landscape(width, height, seed).filter(ImageFilter.GaussianBlur(height / 160))


BACKGROUNDS: dict[str, Callable[[int, int, int], Image.Image]] = {"sky": _sky, "wall": _wall, "park": _park}


def _gradient(width: int, height: int, top: Colour, bottom: Colour) -> Image.Image:
    ramp = Image.linear_gradient("L").resize((width, height))
    return Image.composite(Image.new("RGB", ramp.size, bottom), Image.new("RGB", ramp.size, top), ramp)


def _crest(width: int, level: float, swell: float, rng: random.Random) -> list[tuple[float, float]]:
    """Return the upper edge of a hill: the sum of two waves with random phases."""
    phase, second = rng.uniform(0, 2 * pi), rng.uniform(0, 2 * pi)
    xs = np.linspace(0, width, 80)
    ys = level + swell * (np.sin(xs / width * 5 + phase) + 0.4 * np.sin(xs / width * 13 + second))
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def _tree(draw: ImageDraw.ImageDraw, x: float, y: float, height: float, rng: random.Random) -> None:
    draw.rectangle((x - 0.05 * height, y - 0.4 * height, x + 0.05 * height, y), (96, 72, 52))
    for _ in range(14):
        green = _mix((52, 104, 52), (120, 160, 70), rng.random())
        dx, dy = rng.uniform(-0.26, 0.26) * height, rng.uniform(-0.9, -0.4) * height
        _disc(draw, x + dx, y + dy, 0.15 * height, green)


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: Colour) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), colour)


# ---- a person -----------------------------------------------------------------------------------------------------


class _Pen:
    """Fill shapes given on the grid, on a layer with `zoom` pixels per image pixel."""

    def __init__(self, layer: Image.Image, place: Place, zoom: int) -> None:
        self._draw = ImageDraw.Draw(layer)
        self._place = place
        self._zoom = zoom

    def fill(self, curve: Curve, ink: Colour | int) -> None:
        # Pillow takes pixel indices: floor gives the pixel that contains the point.
        points = np.floor(_onto_picture(curve, self._place) * self._zoom)
        self._draw.polygon([(x, y) for x, y in points.tolist()], ink)


def _truth(place: Place) -> DrawnFace:
    right, left = _onto_picture(np.array([[EYE_X - EYE_GAP / 2, EYE_Y], [EYE_X + EYE_GAP / 2, EYE_Y]]), place).tolist()
    outline = _onto_picture(FACE, place)
    (x0, y0), (x1, y1) = outline.min(axis=0).tolist(), outline.max(axis=0).tolist()
    return DrawnFace(Point(*right), Point(*left), Box(x0, y0, x1, y1))


def _onto_picture(curve: Curve, place: Place) -> Curve:
    scale, angle = place.face_height / FACE_HEIGHT, radians(place.roll)
    turn = np.array([[cos(angle), sin(angle)], [-sin(angle), cos(angle)]])
    moved: Curve = (curve - (EYE_X, EYE_Y)) @ turn * scale + (place.eyes.x, place.eyes.y)
    return moved


def _draw_person(image: Image.Image, appearance: Appearance, place: Place) -> None:
    """Draw the shapes on a layer at SUPERSAMPLING times the size, scale it down, shade, blur and paste it."""
    scale = place.face_height / FACE_HEIGHT
    # The body extends beyond the farthest corner; only the visible part of the layer is drawn.
    end = EYE_Y + hypot(image.width, image.height) / scale
    extent = _onto_picture(np.array([[-10, 0], [266, 0], [-10, end], [266, end]]), place)
    x0, y0 = (max(0, floor(low)) for low in extent.min(axis=0).tolist())
    x1, y1 = (min(side, ceil(high)) for side, high in zip(image.size, extent.max(axis=0).tolist(), strict=True))
    shifted = replace(place, eyes=Point(place.eyes.x - x0, place.eyes.y - y0))
    size = (x1 - x0, y1 - y0)

    layer = Image.new("RGBA", (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING))
    _draw_shapes(_Pen(layer, shifted, SUPERSAMPLING), appearance, end)
    layer = layer.resize(size, Image.Resampling.LANCZOS)
    outline = layer.getchannel("A")
    for ink, spots in _shading(appearance):
        mask = Image.new("L", size)
        pen = _Pen(mask, shifted, 1)
        for spot, strength in spots:
            pen.fill(spot, strength)
        layer.paste(ink, mask=mask.filter(ImageFilter.GaussianBlur(5 * scale)))
    layer.putalpha(outline)
    layer = layer.convert("RGBa").filter(ImageFilter.GaussianBlur(SOFTNESS * scale)).convert("RGBA")
    image.paste(layer, (x0, y0), layer)


def _draw_shapes(pen: _Pen, appearance: Appearance, end: float) -> None:
    """Draw the parts from back to front."""
    skin, hair, shirt = _lit(appearance.skin), _rgb(appearance.hair), _rgb(appearance.shirt)
    for curve in _hair_behind(appearance.hairstyle):
        pen.fill(curve, _mix(hair, BLACK, 0.2))
    _draw_body(pen, skin, shirt, end)
    for curve in _hair_around(appearance.hairstyle):
        pen.fill(curve, hair)
    for side in (_as_is, _mirrored):
        pen.fill(side(_ellipse(74, 134, 9, 15)), _mix(skin, SHADE, 0.08))
        pen.fill(side(_ellipse(73, 134, 4, 9)), _mix(skin, SHADE, 0.3))
    pen.fill(FACE, skin)
    for curve in _fringe(appearance.hairstyle):
        pen.fill(curve, hair)
    for curve in _strands(appearance.hairstyle):
        pen.fill(curve, _mix(hair, WHITE, 0.14))
    _draw_eyes(pen, skin, hair, _rgb(appearance.iris))
    _draw_nose_and_mouth(pen, skin, teeth=appearance.teeth)


def _draw_body(pen: _Pen, skin: Colour, shirt: Colour, end: float) -> None:
    pen.fill(_symmetric((128, 170), (100, 174), (100, 218), (88, 232), (128, 262)), _mix(skin, SHADE, 0.14))
    half = _smooth((99, 218), (82, 227), (36, 238), (10, 262), (0, 330))
    pen.fill(_with_mirror(np.vstack([half, [[-8, end]]])), shirt)
    pen.fill(_with_mirror(_smooth((128, 212), (100, 216), (107, 236), (128, 245))), _mix(skin, SHADE, 0.1))
    for side in (_as_is, _mirrored):
        pen.fill(side(_ribbon(3, (99, 216), (106, 237), (128, 246.5))), _mix(shirt, BLACK, 0.22))
        pen.fill(side(_ribbon(3, (42, 300), (46, 340), (45, 400))), _mix(shirt, BLACK, 0.18))


def _draw_eyes(pen: _Pen, skin: Colour, hair: Colour, iris: Colour) -> None:
    brow = _mix(_mix(hair, skin, 0.35), BLACK, 0.2)
    for side in (_as_is, _mirrored):
        pen.fill(side(_ellipse(104, 122, 13, 9)), EYE_WHITE)
        pen.fill(side(_ellipse(104, 122, 6.5, 6.5)), _mix(iris, BLACK, 0.25))
        pen.fill(side(_ellipse(104, 122, 3.2, 3.2)), PUPIL)
        pen.fill(side(_ribbon(4.2, (90, 123), (96, 115), (104, 112.8), (112, 115), (118, 123))), LASHES)
        pen.fill(side(_ribbon(1.6, (92, 126), (104, 131.4), (116, 126))), _mix(skin, SHADE, 0.5))
        pen.fill(side(_ribbon(6, (86, 104.5), (98, 97.5), (108, 98.5), (119, 102.5))), brow)
    for x in (104, 152):
        pen.fill(_ellipse(x + 2.6, 118.6, 1.5, 1.5), WHITE)


def _draw_nose_and_mouth(pen: _Pen, skin: Colour, *, teeth: bool) -> None:
    dark, lip = _mix(skin, SHADE, 0.75), _mix(skin, LIPS, 0.6)
    for side in (_as_is, _mirrored):
        pen.fill(side(_ellipse(121, 157.5, 3.4, 2)), dark)
        pen.fill(side(_ribbon(2, (114, 151), (112, 157), (116, 161))), _mix(skin, SHADE, 0.35))
        pen.fill(side(_ribbon(2, (98, 165), (99, 171), (103, 174))), _mix(skin, SHADE, 0.3))
    line = _smooth((103, 171), (115, 176), (128, 177.5), (141, 176), (153, 171))
    upper = _smooth((103, 171), (117, 170.5), (123, 169), (128, 170.5), (133, 169), (139, 170.5), (153, 171))
    lower = _smooth((103, 171), (114, 183), (128, 188.5), (142, 183), (153, 171))
    pen.fill(np.vstack([upper, lower[::-1]]), lip)
    if teeth:
        gape = _smooth((106, 173), (115, 180), (128, 183.5), (141, 180), (150, 173))
        pen.fill(np.vstack([line, gape[::-1]]), (92, 28, 30))
        bite = _smooth((109, 174), (117, 178.5), (128, 180.5), (139, 178.5), (147, 174))
        pen.fill(np.vstack([line[2:-2], bite[::-1]]), (246, 242, 234))
    else:
        pen.fill(_ribbon(2.6, (102, 170), (115, 176.5), (128, 178), (141, 176.5), (154, 170)), _mix(lip, SHADE, 0.8))


def _shading(appearance: Appearance) -> list[tuple[Colour, list[tuple[Curve, int]]]]:
    """Return colours, each with its blurred spots and their strength 0..255; a later spot replaces an earlier one."""
    skin = _lit(appearance.skin)
    shade: list[tuple[Curve, int]] = [
        (_symmetric((128, 182), (98, 186), (98, 208), (112, 217), (128, 219)), 130),  # under the chin
        (FACE, 62),
        (_ellipse(126, 134, 45, 60), 0),
        (_ellipse(128, 163, 13, 3.5), 95),
        (_ellipse(128, 194, 12, 3), 80),
    ]
    for side in (_as_is, _mirrored):
        shade.append((side(_ellipse(104, 115, 19, 11)), 75))
        shade.append((side(_ellipse(119, 140, 3, 14)), 55))
    light: list[tuple[Curve, int]] = [
        (_ellipse(122, 92, 22, 8), 60),
        (_ellipse(128, 142, 3.5, 16), 110),
        (_ellipse(128, 199, 9, 3), 50),
    ]
    blush: list[tuple[Curve, int]] = []
    for side in (_as_is, _mirrored):
        light.append((side(_ellipse(97, 148, 9, 5)), 70))
        blush.append((side(_ellipse(95, 154, 13, 9)), 110))
    return [(_mix(skin, SHADE, 0.8), shade), (_mix(skin, WHITE, 0.5), light), (_mix(skin, BLUSH, 0.4), blush)]


# ---- hair ---------------------------------------------------------------------------------------------------------


def _hair_behind(style: str) -> list[Curve]:
    """Return the hair behind neck and shoulders."""
    if style == "long":
        return [_symmetric((128, 40), (66, 70), (54, 140), (48, 200), (44, 250), (70, 272), (110, 262), (128, 262))]
    if style == "bun":
        return [_ellipse(128, 34, 26, 24)]
    return []


def _hair_around(style: str) -> list[Curve]:
    """Return the hair behind the face."""
    if style == "short":
        return [_symmetric((128, 40), (90, 50), (69, 84), (68, 118), (74, 134), (128, 140))]
    if style == "curls":
        ring = _ellipse(128, 112, 58, 64, start=150, end=390)[::4]
        return [_ellipse(128, 108, 62, 68), *(_ellipse(x, y, 17, 17) for x, y in ring.tolist())]
    return [_ellipse(128, 112, 66, 76)]


def _fringe(style: str) -> list[Curve]:
    """Return the hair in front of the forehead, from the crown to the hairline."""
    crown = _ellipse(128, 112, 62, 72, start=190, end=350)
    if style == "short":
        crown = _smooth((71, 110), (74, 80), (98, 50), (128, 41), (158, 50), (182, 80), (185, 110))
        line = _smooth((185, 122), (177, 102), (166, 88), (140, 84), (112, 90), (92, 84), (79, 102), (71, 122))
    elif style == "long":
        line = _smooth((188, 140), (178, 112), (160, 92), (142, 70), (118, 82), (92, 98), (77, 114), (68, 140))
    elif style == "bun":
        line = _smooth((188, 132), (178, 108), (162, 88), (128, 78), (94, 88), (78, 108), (68, 132))
    else:
        tufts = [_ellipse(x, y, 12, 11) for x, y in _ellipse(128, 114, 50, 38, start=190, end=350)[::5].tolist()]
        return [_with_mirror(_smooth((128, 44), (80, 70), (72, 104), (92, 86), (128, 80))), *tufts]
    return [np.vstack([crown, line])]


def _strands(style: str) -> list[Curve]:
    """Return lighter lines along the hair."""
    if style == "curls":
        middles = _ellipse(128, 110, 56, 60, start=165, end=375)[::5].tolist()
        return [_ribbon(2, *_ellipse(x, y, 9, 9, start=200, end=330)[::12].tolist()) for x, y in middles]
    arcs = [_ellipse(128, 122, 58 - 7 * k, 74 - 8 * k, start=205 + 4 * k, end=300) for k in range(4)]
    return [_ribbon(2.2, *arc[::12].tolist()) for arc in arcs]


# ---- curves on the grid -------------------------------------------------------------------------------------------


def _ellipse(x: float, y: float, rx: float, ry: float, *, start: float = 0, end: float = 360) -> Curve:
    """Return 48 points of an ellipse, clockwise as seen; angles are in degrees from the positive x axis."""
    angles = np.radians(np.linspace(start, end, 48))
    return np.column_stack([x + rx * np.cos(angles), y + ry * np.sin(angles)])


def _smooth(*points: Sequence[float]) -> Curve:
    """Return a Catmull-Rom spline through the points, with doubled end points."""
    knots = np.array([points[0], *points, points[-1]], dtype=float)
    t = np.linspace(0, 1, 8, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        pieces.append(b + t * (c - a) / 2 + t**2 * (2 * a - 5 * b + 4 * c - d) / 2 + t**3 * (3 * b - a - 3 * c + d) / 2)
    return np.vstack([*pieces, knots[-1:]])


def _ribbon(width: float, *points: Sequence[float]) -> Curve:
    """Return the outline of a stroke along the points that gets thin at its ends."""
    middle = _smooth(*points)
    along = np.gradient(middle, axis=0)
    across = along[:, ::-1] * (-1, 1) / np.hypot(along[:, :1], along[:, 1:])
    half = width / 2 * np.sqrt(np.sin(np.linspace(0.06, pi - 0.06, len(middle))))[:, None] * across
    return np.vstack([middle + half, (middle - half)[::-1]])


def _symmetric(*points: Sequence[float]) -> Curve:
    return _with_mirror(_smooth(*points))


def _with_mirror(half: Curve) -> Curve:
    return np.vstack([half, _mirrored(half)[::-1]])


def _mirrored(curve: Curve) -> Curve:
    return curve * (-1, 1) + (2 * EYE_X, 0)


def _as_is(curve: Curve) -> Curve:
    return curve


def _lit(skin: str) -> Colour:
    """Return the colour of a skin swatch in warm daylight."""
    return _mix(_rgb(skin), SUNLIGHT, 0.15)


def _rgb(colour: str) -> Colour:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return red, green, blue


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


FACE = _ellipse(128, 134, 54, 68)

# The people of `group` in a picture of 1200 x 700, from back to front.
FRIENDS = (
    (Appearance(SKINS[5], HAIRS[0], "short", SHIRTS[2], IRISES[0], teeth=True), Place(Point(425, 215), 132, 4)),
    (Appearance(SKINS[7], HAIRS[0], "bun", SHIRTS[5], IRISES[0], teeth=True), Place(Point(800, 220), 132, -5)),
    (Appearance(SKINS[3], HAIRS[5], "long", SHIRTS[0], IRISES[3], teeth=True), Place(Point(225, 355), 150, -6)),
    (Appearance(SKINS[6], HAIRS[1], "curls", SHIRTS[1], IRISES[1], teeth=True), Place(Point(610, 350), 150, 3)),
    (Appearance(SKINS[4], HAIRS[6], "short", SHIRTS[6], IRISES[3]), Place(Point(985, 350), 150, 5)),
    (Appearance(SKINS[2], HAIRS[4], "curls", SHIRTS[3], IRISES[2], teeth=True), Place(Point(420, 545), 118, 7)),
)
