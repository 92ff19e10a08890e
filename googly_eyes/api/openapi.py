"""The contract of the API as an OpenAPI 3.1 document, generated from the tables of options and of result fields.

The API accepts each kind of body at both paths. The document divides them, because generators of clients make one
function of each path: `/` takes a photo as the body or in a form, `/googly_eyes` takes JSON.
"""

from typing import Any

from googly_eyes import __version__
from googly_eyes.api.media_types import FORM, HTML, JSON, OCTET_STREAM
from googly_eyes.api.response import FIELDS, REQUEST_ID_HEADER
from googly_eyes.api.schemas import BINARY, PHOTO, RESULT_FIELDS, all_schemas, describe, placement_as_text
from googly_eyes.options import TABLE, Option

Json = dict[str, Any]

ERRORS = {
    400: "The request cannot be parsed, or the photo is damaged.",
    403: "The key in `photo` does not begin with the caller's prefix. From `googly serve`: a page of another origin "
    "sent the request, or it names another host.",
    404: "The bucket has no object with the key in `photo`.",
    413: "The photo, a field of the form or the response is over a limit of bytes, pixels or memory.",
    415: "The body is not a photo of a supported format that can be written again without loss.",
    422: "An option is unknown, of the wrong type, out of range or in the wrong part of the request; or faces or eyes "
    "are malformed, too many, or outside of the photo.",
    500: "An internal error, not caused by the request. The log has the reason under the request id.",
    503: "Only from `googly serve`: too many photos wait. Send the request again after Retry-After seconds.",
}
RAW = {
    "operationId": "googlyEyes",
    "summary": "Put googly eyes on every face of a photo that is sent as a file.",
    "description": "The photo is the body, with the options in the query; or it is the file `image` of a form, with "
    "the options as fields of the form. The response is the photo with googly eyes; JSON with `answer=faces`, or if "
    "`Accept` prefers `application/json`.",
}
BASE64 = {
    "operationId": "googlyEyesJson",
    "summary": "Put googly eyes on every face of a photo that is sent in JSON.",
    "description": "The response is JSON, or the photo if `Accept` prefers `image/*`.",
}
ANSWER = {"$ref": "#/components/schemas/Answer"}
# The JSON of a response at `/`. If it were named exactly, clients of openapi-python-client would parse photos as JSON.
ANY_APPLICATION = "application/*"


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
            "/": {"post": _raw()},
            "/googly_eyes": {"post": _base64()},
            "/health": {"get": _get("health", "The version and the model.", JSON, _ref("schemas/Health"))},
            "/openapi.json": {"get": _get("openapi", "This document.", JSON, {"type": "object"})},
            "/docs": {"get": _get("docs", "This document as a page for people.", HTML, {"type": "string"})},
        },
        "components": {
            "schemas": all_schemas(),
            "headers": {
                "RequestId": _header("The id of this request, also in the log.", {"type": "string"}),
                **{_header_name(field.name): _header(*RESULT_FIELDS[field.name]) for field in FIELDS},
            },
            "responses": {
                str(status): _response(description, JSON, _ref("schemas/Error"))
                for status, description in ERRORS.items()
            },
        },
    }


def _raw() -> Json:
    contents = {OCTET_STREAM: {"schema": BINARY}, "image/*": {"schema": BINARY}, FORM: {"schema": _ref("schemas/Form")}}
    return RAW | {
        "parameters": [*map(_parameter, TABLE), *map(_placement_parameter, ("faces", "eyes"))],
        "requestBody": {"required": True, "content": contents},
        "responses": _responses({"image/*": BINARY, ANY_APPLICATION: ANSWER}),
    }


def _base64() -> Json:
    return BASE64 | {
        "requestBody": {"required": True, "content": {JSON: {"schema": _ref("schemas/Request")}}},
        "responses": _responses({JSON: ANSWER, "image/*": BINARY}),
    }


def _responses(contents: Json) -> Json:
    headers = {REQUEST_ID_HEADER: _ref("headers/RequestId")}
    headers |= {field.header: _ref(f"headers/{_header_name(field.name)}") for field in FIELDS}
    return {
        "200": {
            "description": f"{PHOTO} Or the result in JSON.",
            "headers": headers,
            "content": {media_type: {"schema": schema} for media_type, schema in contents.items()},
        },
        **{str(status): _ref(f"responses/{status}") for status in ERRORS},
    }


def _get(operation: str, summary: str, media_type: str, schema: Json) -> Json:
    return {
        "operationId": operation,
        "summary": summary,
        "responses": {
            "200": _response(summary, media_type, schema),
            "403": _ref("responses/403"),
            "500": _ref("responses/500"),
        },
    }


def _parameter(option: Option) -> Json:
    return {
        "name": option.name,
        "in": "query",
        "description": f"{describe(option)} Only for a photo that is sent as the body.",
        "schema": option.kind.query_schema(),
    }


def _placement_parameter(name: str) -> Json:
    schema = placement_as_text(name)
    return {
        "name": name,
        "in": "query",
        "description": f"{schema.pop('description')} Only for a photo that is sent as the body.",
        "schema": schema,
    }


def _response(description: str, media_type: str, schema: Json) -> Json:
    return {
        "description": description,
        "headers": {REQUEST_ID_HEADER: _ref("headers/RequestId")},
        "content": {media_type: {"schema": schema}},
    }


def _header(description: str, schema: Json) -> Json:
    return {"description": description, "schema": schema}


def _header_name(field: str) -> str:
    """Return the name of a field's header among the components: stopped_early -> StoppedEarly."""
    return field.title().replace("_", "")


def _ref(path: str) -> Json:
    return {"$ref": f"#/components/{path}"}
