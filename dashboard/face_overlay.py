"""Draw boxes, landmarks and scores of the detected faces as an SVG for the upright photo."""

from collections.abc import Iterable

from googly_eyes.types import Face, Point

BOX, NOSE = "#ffffff", "#facc15"
RIGHT, LEFT = "#f97316", "#3b82f6"  # of the person, not of the picture
OUTLINE = "#1e1b2e"


def face_overlay(faces: Iterable[Face], width: int, height: int) -> str:
    """Return an SVG in the pixel coordinates of a photo of `width` x `height`. Line widths scale with the photo."""
    unit = max(width, height) / 500
    shapes = "".join(_draw_face(face, unit, width, height) for face in faces)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{shapes}</svg>'


def _draw_face(face: Face, unit: float, width: int, height: int) -> str:
    box = face.box
    position = f'x="{box.x0:.1f}" y="{box.y0:.1f}" width="{box.x1 - box.x0:.1f}" height="{box.y1 - box.y0:.1f}"'
    rectangle = (
        f'<g fill="none"><rect {position} stroke="{OUTLINE}" stroke-opacity=".55" stroke-width="{2.4 * unit:.1f}"/>'
        f'<rect {position} stroke="{BOX}" stroke-width="{1.2 * unit:.1f}"/></g>'
    )
    radius = max(0.06 * face.eye_distance, 0.8 * unit)
    marks = (
        (face.right_eye, RIGHT, "right eye"),
        (face.left_eye, LEFT, "left eye"),
        (face.nose, NOSE, "nose"),
        (face.mouth_right, RIGHT, "mouth, right"),
        (face.mouth_left, LEFT, "mouth, left"),
    )
    points = "".join(_draw_landmark(point, colour, name, radius) for point, colour, name in marks)
    return f"<g>{rectangle}{points}{_draw_score(face, unit, width, height)}</g>"


def _draw_landmark(point: Point, colour: str, name: str, radius: float) -> str:
    return (
        f'<circle cx="{point.x:.1f}" cy="{point.y:.1f}" r="{radius:.1f}" fill="{colour}" stroke="{OUTLINE}" '
        f'stroke-width="{radius / 3:.1f}"><title>{name}</title></circle>'
    )


def _draw_score(face: Face, unit: float, width: int, height: int) -> str:
    """Return the label above the box, or inside it at the top edge of the photo; never outside the photo."""
    size = 8 * unit
    label_width, label_height = 3.4 * size, 1.5 * size
    x = max(0.0, min(face.box.x0, width - label_width))
    above = face.box.y0 - label_height - unit
    y = max(0.0, min(above if above >= 0 else face.box.y0 + unit, height - label_height))
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{label_width:.1f}" height="{label_height:.1f}" rx="{2 * unit:.1f}" '
        f'fill="{OUTLINE}" fill-opacity=".85"/>'
        f'<text x="{x + label_width / 2:.1f}" y="{y + label_height / 2:.1f}" font-family="sans-serif" '
        f'font-size="{size:.1f}" font-weight="600" fill="#fff" text-anchor="middle" dominant-baseline="central">'
        f"{face.score:.3f}</text>"
    )
