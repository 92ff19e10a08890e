"""The contract of the API as an OpenAPI 3.1 document, generated from the tables of options and of result fields."""

from typing import Any, get_args

from googly_eyes import __version__
from googly_eyes.api.media_types import JSON, OCTET_STREAM
from googly_eyes.api.response import FIELDS, REQUEST_ID_HEADER
from googly_eyes.options import TABLE, Option, as_text
from googly_eyes.types import APPENDED_DATA, DAMAGED_PARTS, LANDMARKS, SECOND_PICTURES, Fidelity, Side

Json = dict[str, Any]

COUNT = {"type": "integer", "minimum": 0}
POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
FIDELITIES = {"type": "string", "enum": list(get_args(Fidelity))}
PHOTO = "The photo, in the format of the request's photo; a HEIC comes back as JPEG."
SEED = "The seed of the random draws."
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
STOPPED_EARLY = "The search reached its limit of candidates or time, so that faces may be missing."
# The result's fields in headers, by the name in FIELDS.
HEADERS: dict[str, tuple[str, Json]] = {
    "faces": ("The number of faces.", COUNT),
    "eyes": ("The number of googly eyes.", COUNT),
    "seed": (SEED, COUNT),
    "fidelity": (FIDELITY, FIDELITIES),
    "dropped": (f"{DROPPED} Separated by commas; absent if there are none.", {"type": "string"}),
    "stopped_early": (f"{STOPPED_EARLY} Absent otherwise.", {"const": "true"}),
}
ERRORS = {
    400: "The request cannot be parsed, or the photo is damaged.",
    413: "The photo or the response is over a limit of bytes or pixels.",
    415: "The body is not a photo of a supported format that can be written again without loss.",
    422: "An option is unknown, of the wrong type, out of range or in the wrong part of the request.",
    500: "An internal error, not caused by the request. The log has the reason under the request id.",
}


def document() -> Json:
    """Return the whole document, ready for json.dumps."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Googly eyes",
            "version": __version__,
            "description": "Googly eyes on every face in a photo. Coordinates are pixels of the upright photo, with "
            "its EXIF orientation applied. A deployed function requires requests signed with AWS Signature Version 4.",
        },
        "paths": {
            "/": {"post": _googly_eyes("googlyEyes")},
            "/googly_eyes": {"post": _googly_eyes("googlyEyesByName")},
            "/health": {"get": _get("health", "The version and the model.", _ref("schemas/Health"))},
            "/openapi.json": {"get": _get("openapi", "This document.", {"type": "object"})},
        },
        "components": {
            "schemas": {
                "Request": _request(),
                "Answer": _answer(),
                "Face": _face(),
                "Eye": _eye(),
                "Health": _health(),
                "Error": _error(),
            },
            "headers": {
                "RequestId": _header("The id of this request, also in the log.", {"type": "string"}),
                **{_header_name(field.name): _header(*HEADERS[field.name]) for field in FIELDS},
            },
            "responses": {
                str(status): _response(description, _ref("schemas/Error")) for status, description in ERRORS.items()
            },
        },
    }


def _googly_eyes(operation: str) -> Json:
    headers = {REQUEST_ID_HEADER: _ref("headers/RequestId")}
    headers |= {field.header: _ref(f"headers/{_header_name(field.name)}") for field in FIELDS}
    content = {JSON: {"schema": _ref("schemas/Answer")}, "image/*": {}}
    return {
        "operationId": operation,
        "summary": "Put googly eyes on every face.",
        "description": "A photo sent as the body is returned as the body; its options are in the query. A photo "
        "sent in JSON is returned in JSON; its options are fields of the JSON. `Accept` may select the other "
        "form of the response.",
        "parameters": [_parameter(option) for option in TABLE],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": _ref("schemas/Request")}, "image/*": {}, OCTET_STREAM: {}},
        },
        "responses": {
            "200": {
                "description": f"{PHOTO} Or the result in JSON.",
                "headers": headers,
                "content": content,
            },
            **{str(status): _ref(f"responses/{status}") for status in ERRORS},
        },
    }


def _get(operation: str, summary: str, schema: Json) -> Json:
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {"200": _response(summary, schema), "500": _ref("responses/500")},
    }


def _parameter(option: Option) -> Json:
    schema = option.kind.query_schema()
    if option.default is not None:
        schema["default"] = as_text(option.default) if schema["type"] == "string" else option.default
    return {
        "name": option.name,
        "in": "query",
        "description": f"{option.help} Only for a photo that is sent as the body.",
        "schema": schema,
    }


def _request() -> Json:
    image = {"type": "string", "contentEncoding": "base64", "description": "The photo."}
    return _object({"image": image} | {option.name: _field(option) for option in TABLE}, required=["image"])


def _field(option: Option) -> Json:
    default = {} if option.default is None else {"default": option.default}
    return option.kind.json_schema() | {"description": option.help} | default


def _answer() -> Json:
    return _object(
        {
            "image": {
                "type": "string",
                "contentEncoding": "base64",
                "description": f"{PHOTO} Absent if `answer` is faces.",
            },
            "media_type": {"type": "string", "description": "The media type of `image`. Absent if `answer` is faces."},
            "faces": {"type": "array", "items": _ref("schemas/Face"), "description": "In descending order of score."},
            "eyes": {
                "type": "array",
                "items": _ref("schemas/Eye"),
                "description": "All googly eyes of the photo, in the order in which they are drawn.",
            },
            "seed": COUNT | {"description": SEED},
            "fidelity": FIDELITIES | {"description": f"{FIDELITY} Absent if `answer` is faces."},
            "dropped": {
                "type": "array",
                "items": {"enum": [SECOND_PICTURES, APPENDED_DATA, DAMAGED_PARTS]},
                "description": f"{DROPPED} Absent if there are none.",
            },
            "stopped_early": {"const": True, "description": f"{STOPPED_EARLY} Absent otherwise."},
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
                "items": _ref("schemas/Eye"),
                "maxItems": len(get_args(Side)),
                "description": "The googly eyes of the face, right before left. A profile has one.",
            },
        },
        required=["score", "bounding_box", "landmarks", "eyes"],
    )


def _eye() -> Json:
    length = {"type": "number", "minimum": 0}
    values = {"centre": POINT, "radius": length, "pupil": POINT, "pupil_radius": length}
    side = {"type": "string", "enum": list(get_args(Side)), "description": "Absent if unknown."}
    return _object({"side": side, **values}, required=list(values))


def _health() -> Json:
    model = _object({"name": {"type": "string"}, "sha256": {"type": "string"}}, required=["name", "sha256"])
    names = ["version", "model", "request_id"]
    return _object({"version": {"type": "string"}, "model": model, "request_id": {"type": "string"}}, required=names)


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


def _response(description: str, schema: Json) -> Json:
    return {
        "description": description,
        "headers": {REQUEST_ID_HEADER: _ref("headers/RequestId")},
        "content": {JSON: {"schema": schema}},
    }


def _header(description: str, schema: Json) -> Json:
    return {"description": description, "schema": schema}


def _header_name(field: str) -> str:
    """Return the name of a field's header among the components: stopped_early -> StoppedEarly."""
    return field.title().replace("_", "")


def _ref(path: str) -> Json:
    return {"$ref": f"#/components/{path}"}
