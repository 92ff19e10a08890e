"""The contract of the API as an OpenAPI 3.1 document, generated from the table of options."""

from typing import Any, get_args

from googly_eyes import __version__
from googly_eyes.options import TABLE, Option, as_text
from googly_eyes.photo.registry import APPENDED_DATA, SECOND_PICTURES, Fidelity

Json = dict[str, Any]

JSON = "application/json"
POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
FIDELITIES = {"type": "string", "enum": list(get_args(Fidelity))}
FIDELITY = (
    "What happened to the photo outside the eyes. `exact`: nothing; a JPEG has its very coefficients. `kept`: a JPEG "
    "was encoded again with its own tables and sampling. `re-encoded`: it was encoded again at a high quality."
)
STOPPED_EARLY = "There were more candidates than are looked at, or it took too long: faces may be missing."
DROPPED = (
    "What came with the photo and does not come back, besides metadata: gain maps and other second pictures, and other "
    "data appended to it, such as the video of a motion photo."
)
LANDMARKS = ("right_eye", "left_eye", "nose", "mouth_right", "mouth_left")
ERRORS = {
    400: "The request cannot be read, or the photo is damaged.",
    413: "The photo is over a limit of bytes or pixels, or the answer would be.",
    415: "The body is not a photo that is read and can be given back whole.",
    422: "An option is unknown, of the wrong type, out of range or in the wrong place.",
    500: "Something went wrong that is not the request's fault. The request id finds it in the log.",
}


def document() -> Json:
    """The whole document, ready for JSON."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Googly eyes",
            "version": __version__,
            "description": "Googly eyes on every face in a photo. Coordinates are pixels of the photo as a person sees "
            "it, with its EXIF orientation applied. Deployed, the URL takes requests signed with AWS Signature 4.",
        },
        "paths": {
            "/": {"post": _googly_eyes("googlyEyes")},
            "/googly_eyes": {"post": _googly_eyes("googlyEyesByName")},
            "/health": {"get": _get("health", "Version and model.", _ref("schemas/Health"))},
            "/openapi.json": {"get": _get("openapi", "This document.", {"type": "object"})},
        },
        "components": {
            "schemas": {
                "Request": _request(),
                "Answer": _answer(),
                "Face": _face(),
                "Health": _health(),
                "Error": _error(),
            },
            "headers": {
                "RequestId": _header("Of this request, here and in the log.", {"type": "string"}),
                "Faces": _header("How many faces were found.", {"type": "integer", "minimum": 0}),
                "Seed": _header("The seed that the eyes were drawn with.", {"type": "integer", "minimum": 0}),
                "Fidelity": _header(FIDELITY, FIDELITIES),
                "Dropped": _header(f"{DROPPED} Separated by commas; absent where nothing is.", {"type": "string"}),
                "StoppedEarly": _header(f"{STOPPED_EARLY} Absent otherwise.", {"const": "true"}),
            },
            "responses": {
                str(status): _response(description, _ref("schemas/Error")) for status, description in ERRORS.items()
            },
        },
    }


def _googly_eyes(operation: str) -> Json:
    request_id = {"x-request-id": _ref("headers/RequestId")}
    told = {"faces": "Faces", "seed": "Seed", "fidelity": "Fidelity", "dropped": "Dropped"}
    told |= {"stopped-early": "StoppedEarly"}
    told_beside_the_photo = {f"x-googly-{name}": _ref(f"headers/{header}") for name, header in told.items()}
    content = {JSON: {"schema": _ref("schemas/Answer")}, "image/*": {}}
    return {
        "operationId": operation,
        "summary": "Put googly eyes on every face.",
        "description": "A photo sent as it is comes back as it is, and takes its options from the query. A photo sent "
        "in JSON comes back in JSON, and takes its options from the fields beside it. `Accept` may ask otherwise.",
        "parameters": [_parameter(option) for option in TABLE],
        "requestBody": {
            "required": True,
            "content": {JSON: {"schema": _ref("schemas/Request")}, "image/*": {}, "application/octet-stream": {}},
        },
        "responses": {
            "200": {
                "description": "The photo, in the format that came in, or the answer in JSON.",
                "headers": request_id | told_beside_the_photo,
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
    schema = option.kind.text_schema()
    if option.default is not None:
        schema["default"] = as_text(option.default) if schema["type"] == "string" else option.default
    return {
        "name": option.name,
        "in": "query",
        "description": f"{option.help} Only with a photo sent as it is.",
        "schema": schema,
    }


def _request() -> Json:
    image = {"type": "string", "contentEncoding": "base64", "description": "The photo."}
    return _object({"image": image} | {option.name: _field(option) for option in TABLE}, required=["image"])


def _field(option: Option) -> Json:
    default = {} if option.default is None else {"default": option.default}
    return option.kind.schema() | {"description": option.help} | default


def _answer() -> Json:
    return _object(
        {
            "image": {
                "type": "string",
                "contentEncoding": "base64",
                "description": "The photo, in the format that came in. Not with `answer` faces.",
            },
            "faces": {"type": "array", "items": _ref("schemas/Face"), "description": "Best first."},
            "seed": {"type": "integer", "minimum": 0, "description": "The seed that the eyes were drawn with."},
            "fidelity": FIDELITIES | {"description": f"{FIDELITY} Not with `answer` faces."},
            "dropped": {
                "type": "array",
                "items": {"enum": [SECOND_PICTURES, APPENDED_DATA]},
                "description": f"{DROPPED} Absent where nothing is.",
            },
            "stopped_early": {"const": True, "description": f"{STOPPED_EARLY} Absent otherwise."},
            "request_id": {"type": "string"},
        },
        required=["faces", "seed", "request_id"],
    )


def _face() -> Json:
    corners = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
    return _object(
        {
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "bounding_box": corners | {"description": "x0, y0, x1, y1; clipped to the photo."},
            "landmarks": _object(dict.fromkeys(LANDMARKS, POINT), required=list(LANDMARKS))
            | {"description": "The person's own right and left; not clipped."},
        },
        required=["score", "bounding_box", "landmarks"],
    )


def _health() -> Json:
    model = _object({"name": {"type": "string"}, "sha256": {"type": "string"}}, required=["name", "sha256"])
    names = ["version", "model", "request_id"]
    return _object({"version": {"type": "string"}, "model": model, "request_id": {"type": "string"}}, required=names)


def _error() -> Json:
    error = _object(
        {
            "code": {"type": "string", "description": "For programs."},
            "message": {"type": "string", "description": "For people: what was wrong, what is allowed, what to do."},
            "details": {"type": "object", "description": "The same in parts: the option and its range, the limit."},
        },
        required=["code", "message"],
    )
    return _object({"error": error, "request_id": {"type": "string"}}, required=["error", "request_id"])


def _object(properties: Json, *, required: list[str]) -> Json:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _response(description: str, schema: Json) -> Json:
    return {
        "description": description,
        "headers": {"x-request-id": _ref("headers/RequestId")},
        "content": {JSON: {"schema": schema}},
    }


def _header(description: str, schema: Json) -> Json:
    return {"description": description, "schema": schema}


def _ref(place: str) -> Json:
    return {"$ref": f"#/components/{place}"}
