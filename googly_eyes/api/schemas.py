"""The schemas of the OpenAPI document: requests, responses and errors.

They use only what client generators understand: each schema has a type, and bytes have the format `binary`.
"""

from typing import Any, get_args

from googly_eyes.api.store import STORED
from googly_eyes.options import TABLE, Option, as_text
from googly_eyes.placement import MAX_COORDINATE, MAX_EYES, MAX_FACES
from googly_eyes.types import APPENDED_DATA, DAMAGED_PARTS, LANDMARKS, SECOND_PICTURES, Fidelity, Side

Json = dict[str, Any]

COUNT = {"type": "integer", "minimum": 0}
LENGTH = {"type": "number", "minimum": 0}
POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
SIDE = {"type": "string", "enum": list(get_args(Side))}
BINARY = {"type": "string", "format": "binary"}
FIDELITIES = {"type": "string", "enum": list(get_args(Fidelity))}
PHOTO = "The photo, in the format of the request's photo; a HEIC comes back as JPEG."
STORED_PHOTO = {"type": "string", "pattern": f"^{STORED}."}
SEED = "The seed of the random draws."
WITHIN = "A point may lie outside the photo by at most the photo's width or height."
FIDELITY = (
    "The change of the photo outside the eyes. `exact`: none; a JPEG keeps its coefficients. `kept`: a JPEG was "
    "encoded again with its own quantization tables and chroma subsampling. `re-encoded`: the photo was encoded again "
    "at a high quality."
)
DROPPED = (
    "Parts of the file, besides metadata, that are not in the result: gain maps, depth maps, thumbnails and other "
    "second pictures; other data appended to the photo, such as the video of a motion photo; and damaged parts that "
    "viewers ignore."
)
STOPPED_EARLY = "A limit on crops, proposals or time cut the search: there may be more faces."
# The result's fields in headers, by the name in FIELDS of the module `response`.
RESULT_FIELDS: dict[str, tuple[str, Json]] = {
    "faces": ("The number of faces.", COUNT),
    "eyes": ("The number of googly eyes.", COUNT),
    "seed": (SEED, COUNT),
    "fidelity": (FIDELITY, FIDELITIES),
    "dropped": (f"{DROPPED} Separated by commas; absent if there are none.", {"type": "string"}),
    "stopped_early": (f"{STOPPED_EARLY} Absent otherwise.", {"type": "string", "enum": ["true"]}),
}
PLACEMENTS = {
    "faces": (
        (
            "Faces to draw in place of detection, for example those of an earlier response. Their eyes are computed "
            "again, in this order. Not together with `eyes`."
        ),
        {"type": "array", "items": {"$ref": "#/components/schemas/FaceToDraw"}, "maxItems": MAX_FACES},
    ),
    "eyes": (
        (
            "Eyes to draw in place of detection, for example those of an earlier response; an empty list for none. Not "
            "together with `faces`."
        ),
        {"type": "array", "items": {"$ref": "#/components/schemas/EyeToDraw"}, "maxItems": MAX_EYES},
    ),
}


def all_schemas() -> Json:
    """Return all schemas by name."""
    return {
        "Request": _request(),
        "Form": _form(),
        "FaceToDraw": _face_to_draw(),
        "EyeToDraw": _eye_to_draw(),
        "Answer": _answer(),
        "Face": _face(),
        "Eye": _eye(),
        "EyeOfFace": _eye() | {"required": ["side", *_eye()["required"]]},
        "Health": _health(),
        "Error": _error(),
    }


def placement_as_text(name: str) -> Json:
    """Return the schema of `faces` or `eyes` in a query or a form."""
    description, _ = PLACEMENTS[name]
    return {
        "type": "string",
        "contentMediaType": "application/json",
        "description": f"{description} JSON text of a list, as the field `{name}` of the schema Request.",
    }


def _request() -> Json:
    image = {"type": "string", "contentEncoding": "base64", "description": "The photo."}
    options = {option.name: option.kind.json_schema() | {"description": describe(option)} for option in TABLE}
    placements = {name: {**schema, "description": text} for name, (text, schema) in PLACEMENTS.items()}
    stored = STORED_PHOTO | {
        "description": "In place of `image`, the key of a photo in the bucket: `s3:KEY`. `/health` gives a signed "
        "request the bucket and the prefix of the caller's keys. The result has the same key in the bucket of results."
    }
    # Not oneOf, which client generators interpret as two types.
    one_photo = {
        "if": {"required": ["photo"]},
        "then": {"not": {"required": ["image"]}},
        "else": {"required": ["image"]},
    }
    return _object({"image": image, "photo": stored} | options | placements, required=[]) | one_photo


def _form() -> Json:
    image = BINARY | {"description": "The photo, as a file."}
    options = {option.name: option.kind.query_schema() | {"description": describe(option)} for option in TABLE}
    placements = {name: placement_as_text(name) for name in PLACEMENTS}
    return _object({"image": image} | options | placements, required=["image"])


def describe(option: Option) -> str:
    """Return the help of an option with its default.

    The default is not in the schema: generated clients would require the option, or send it where it is refused.
    """
    return f"{option.help} Default: {'random' if option.default is None else as_text(option.default)}."


def _face_to_draw() -> Json:
    face = _face()
    landmarks = face["properties"]["landmarks"]
    landmarks |= {
        "properties": dict.fromkeys(LANDMARKS, _bounded_point()),
        "required": ["right_eye", "left_eye"],
        "additionalProperties": True,
        "description": f"Right and left are the person's own. {WITHIN} If nose and mouth are missing, a face that "
        "looks at the camera is assumed.",
    }
    sides = {"type": "object", "properties": {"side": SIDE}, "required": ["side"]}
    eyes = {
        "type": "array",
        "items": sides,
        "maxItems": len(get_args(Side)),
        "description": "The sides whose eyes are drawn. Without this list, all that are visible.",
    }
    return face | {
        "properties": face["properties"] | {"landmarks": landmarks, "eyes": eyes},
        "required": ["landmarks"],
        "additionalProperties": True,
    }


def _eye_to_draw() -> Json:
    length = LENGTH | {"maximum": MAX_COORDINATE}
    values = {
        "side": SIDE,
        "centre": _bounded_point() | {"description": WITHIN},
        "radius": {
            "type": "number",
            "exclusiveMinimum": 0,
            "maximum": MAX_COORDINATE,
            "description": "At most the long side of the photo.",
        },
        "pupil": _bounded_point()
        | {
            "description": "The centre of the pupil, which lies inside the eye. Without `pupil` and `pupil_radius` the "
            "seed decides."
        },
        "pupil_radius": length,
    }
    return _object(values, required=["centre", "radius"]) | {
        "additionalProperties": True,
        "dependentRequired": {"pupil": ["pupil_radius"], "pupil_radius": ["pupil"]},
    }


def _bounded_point() -> Json:
    return POINT | {"items": {"type": "number", "minimum": -MAX_COORDINATE, "maximum": MAX_COORDINATE}}


def _answer() -> Json:
    return _object(
        {
            "image": {
                "type": "string",
                "contentEncoding": "base64",
                "description": f"{PHOTO} Absent if `answer` is faces, or if the request has `photo`.",
            },
            "photo": STORED_PHOTO | {"description": "The key of the result in the bucket of results: `s3:KEY`."},
            "media_type": {
                "type": "string",
                "description": "The media type of the photo. Absent if `answer` is faces.",
            },
            "faces": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Face"},
                "description": "In descending order of score, or in the order of the request.",
            },
            "eyes": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/Eye"},
                "description": "All googly eyes of the photo, in the order in which they are drawn.",
            },
            "seed": COUNT | {"description": SEED},
            "fidelity": FIDELITIES | {"description": f"{FIDELITY} Absent if `answer` is faces."},
            "dropped": {
                "type": "array",
                "items": {"type": "string", "enum": [SECOND_PICTURES, APPENDED_DATA, DAMAGED_PARTS]},
                "description": f"{DROPPED} Absent if there are none.",
            },
            "stopped_early": {"type": "boolean", "description": f"{STOPPED_EARLY} Absent otherwise."},
            "request_id": {"type": "string"},
        },
        required=["faces", "eyes", "seed", "request_id"],
    )


def _face() -> Json:
    corners = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
    return _object(
        {
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "bounding_box": corners | {"description": "x0, y0, x1, y1, clipped to the photo."},
            "landmarks": _object(dict.fromkeys(LANDMARKS, POINT), required=list(LANDMARKS))
            | {"description": "Right and left are the person's own. Not clipped to the photo."},
            "eyes": {
                "type": "array",
                "items": {"$ref": "#/components/schemas/EyeOfFace"},
                "maxItems": len(get_args(Side)),
                "description": "The googly eyes of the face, right before left. A profile has one.",
            },
        },
        required=["score", "bounding_box", "landmarks", "eyes"],
    )


def _eye() -> Json:
    values = {"centre": POINT, "radius": LENGTH, "pupil": POINT, "pupil_radius": LENGTH}
    side = SIDE | {"description": "The person's own. Absent if unknown."}
    return _object({"side": side, **values}, required=list(values))


def _health() -> Json:
    model = _object({"name": {"type": "string"}, "sha256": {"type": "string"}}, required=["name", "sha256"])
    text = {"type": "string"}
    values = {"in": text, "out": text, "region": text, "prefix": text, "max_bytes": COUNT}
    bucket = _object(values, required=list(values)) | {
        "description": "The place for photos that are too large for a request, the prefix of the caller's keys, and "
        "the limit of a photo in bytes. Absent without buckets, and in responses to requests without a signature."
    }
    properties = {"version": text, "model": model, "bucket": bucket, "request_id": text}
    return _object(properties, required=["version", "model", "request_id"])


def _error() -> Json:
    error = _object(
        {
            "code": {"type": "string", "description": "For programs."},
            "message": {"type": "string", "description": "For people: what is wrong, what is allowed, what to do."},
            "details": {
                "type": "object",
                "description": "Parts of the message: the option and its range, the limit.",
            },
        },
        required=["code", "message"],
    )
    return _object({"error": error, "request_id": {"type": "string"}}, required=["error", "request_id"])


def _object(properties: Json, *, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
