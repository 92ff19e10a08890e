import io
import json

import jsonschema
import pytest
from openapi_spec_validator import validate
from PIL import Image
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from googly_eyes.api.openapi import ERRORS
from googly_eyes.api.response import error_response
from googly_eyes.detection import crops
from googly_eyes.errors import KeyNotAllowedError, NotFoundError
from googly_eyes.options import NAMES, TABLE, as_text
from googly_eyes.server.origin import ForbiddenOriginError
from googly_eyes.server.worker_queue import QueueFullError
from lambda_fn.handler import handler
from testing import people
from testing.events import event, json_event, raw_event


@pytest.fixture(scope="module")
def contract():
    """Return the document as a client parses it."""
    result = handler(event("GET", "/openapi.json"), None)
    assert result["statusCode"] == 200
    return json.loads(result["body"])


@pytest.fixture(scope="module")
def validator(contract):
    """Return a function from a JSON pointer in the contract to the validator of that part."""
    registry = Registry().with_resource("urn:contract", Resource.from_contents(contract, DRAFT202012))

    def validator(place):
        return jsonschema.Draft202012Validator({"$ref": f"urn:contract#/{place}"}, registry=registry)

    return validator


@pytest.fixture(scope="module")
def photo():
    return people.as_jpeg(people.group(400)[0])


def test_the_contract_is_valid_openapi(contract):
    assert contract["openapi"].startswith("3.1")
    validate(contract)


def test_every_option_is_a_parameter_and_a_field_with_its_help_and_default(contract):
    parameters = {parameter["name"]: parameter for parameter in contract["paths"]["/"]["post"]["parameters"]}
    schemas = contract["components"]["schemas"]
    assert list(parameters) == [*NAMES, "faces", "eyes"]
    for fields in (schemas["Request"]["properties"], schemas["Form"]["properties"], parameters):
        assert list(fields)[-len(NAMES) - 2 :] == [*NAMES, "faces", "eyes"]
        for option in TABLE:
            default = "random" if option.default is None else as_text(option.default)
            assert fields[option.name]["description"].startswith(f"{option.help} Default: {default}.")


def test_the_contract_has_exactly_the_paths_of_the_service(contract):
    named = json.loads(handler(event("GET", "/nothing"), None)["body"])["error"]["details"]["paths"]
    assert sorted(contract["paths"]) == sorted(named)
    for path, operations in contract["paths"].items():
        for method in operations:
            assert handler(event(method.upper(), path), None)["statusCode"] not in {404, 405}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"answer": "faces"},
        {"seed": 5, "eye_size": 1},
        {"faces": [{"landmarks": {"right_eye": [40, 50], "left_eye": [80, 50]}, "more": 1}]},
    ],
)
def test_a_json_result_is_valid_for_the_contract(validator, photo, options):
    request_event = json_event(photo, **options)
    validator("components/schemas/Request").validate(json.loads(request_event["body"]))
    answer = json.loads(handler(request_event, None)["body"])
    assert answer["faces"]
    validator("components/schemas/Answer").validate(answer)


def test_the_contract_has_exactly_the_headers_of_a_photo_response(contract, photo, monkeypatch):
    monkeypatch.setattr(crops, "MAX_CROPS", 1)  # so that it stops early
    several = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(several, "MPO", save_all=True, append_images=[Image.new("L", (8, 8))])
    named = contract["paths"]["/"]["post"]["responses"]["200"]["headers"]
    assert set(handler(raw_event(several.getvalue()), None)["headers"]) == {"content-type", *named}
    monkeypatch.undo()
    plain = set(handler(raw_event(photo), None)["headers"])
    assert set(named) - plain == {"x-googly-dropped", "x-googly-stopped-early"}


def test_the_faces_and_eyes_of_a_response_are_valid_for_a_request(validator, photo):
    answer = json.loads(handler(json_event(photo, answer="faces"), None)["body"])
    for name in ("faces", "eyes"):
        validator("components/schemas/Request").validate({"image": "", name: answer[name]})


def test_eyes_without_a_face_are_valid_for_the_contract(validator, photo):
    answer = json.loads(handler(json_event(photo, eyes=[{"centre": [40, 50], "radius": 9}]), None)["body"])
    assert "side" not in answer["eyes"][0]
    validator("components/schemas/Answer").validate(answer)


def test_stopped_early_is_valid_for_the_contract(validator, photo, monkeypatch):
    monkeypatch.setattr(crops, "MAX_CROPS", 1)
    answer = json.loads(handler(json_event(photo), None)["body"])
    assert answer["stopped_early"] is True
    validator("components/schemas/Answer").validate(answer)


def test_dropped_second_pictures_are_valid_for_the_contract(validator, photo):
    several = io.BytesIO()
    Image.open(io.BytesIO(photo)).save(several, "MPO", save_all=True, append_images=[Image.new("L", (8, 8))])
    answer = json.loads(handler(json_event(several.getvalue()), None)["body"])
    assert answer["dropped"] == ["second_pictures"]
    validator("components/schemas/Answer").validate(answer)


def test_health_is_valid_for_the_contract(validator):
    health = json.loads(handler(event("GET", "/health"), None)["body"])
    validator("components/schemas/Health").validate(health)


class EmptyStore:
    """Implements PhotoStore: the caller `somebody` may name keys, and there is no photo under them."""

    max_bytes = 50_000_000

    def describe(self, user_id):
        return {"in": "a", "out": "b", "region": "us-east-1", "prefix": f"{user_id}/", "max_bytes": self.max_bytes}

    def read(self, _, user_id):
        raise NotFoundError("There is none.") if user_id else KeyNotAllowedError("No.")


def from_somebody(sent):
    """Return an event as signed by the user `somebody`."""
    return {**sent, "requestContext": {**sent["requestContext"], "authorizer": {"iam": {"userId": "somebody"}}}}


def stored_event(**options):
    body = json.dumps({"photo": "s3:somebody/a.jpg", **options})
    return event(body=body, content_type="application/json")


def test_a_health_response_with_a_bucket_is_valid_for_the_contract(validator, monkeypatch):
    monkeypatch.setattr("lambda_fn.handler.STORE", EmptyStore())
    health = json.loads(handler(from_somebody(event("GET", "/health")), None)["body"])
    assert health["bucket"]["prefix"] == "somebody/"
    validator("components/schemas/Health").validate(health)


def test_a_request_for_a_photo_in_the_bucket_and_its_response_are_valid_for_the_contract(validator, photo, monkeypatch):
    store = EmptyStore()
    monkeypatch.setattr("lambda_fn.handler.STORE", store)
    store.read, store.write = lambda *_: photo, lambda *_: None
    request_event = from_somebody(stored_event(eye_size=0.5))
    validator("components/schemas/Request").validate(json.loads(request_event["body"]))
    answer = json.loads(handler(request_event, None)["body"])
    assert answer["photo"] == "s3:somebody/a.jpg"
    validator("components/schemas/Answer").validate(answer)


ERROR_EVENTS = {
    400: event(content_type="image/jpeg"),
    403: stored_event(),
    404: from_somebody(stored_event()),
    413: raw_event(bytes(20_000_001)),
    415: raw_event(b"text"),
    422: raw_event(b"x", query="eyes=1"),
}
SERVER_ERRORS = {403: ForbiddenOriginError("A page."), 503: QueueFullError()}


@pytest.mark.parametrize("status", sorted(ERRORS.keys() - {503}))
def test_every_error_is_valid_for_the_contract(validator, monkeypatch, status):
    if status == 500:
        monkeypatch.setattr("googly_eyes.api.app.googlify", None)
    monkeypatch.setattr("lambda_fn.handler.STORE", EmptyStore())
    result = handler(ERROR_EVENTS.get(status, raw_event(b"x")), None)
    assert result["statusCode"] == status
    validator("components/schemas/Error").validate(json.loads(result["body"]))


@pytest.mark.parametrize("status", SERVER_ERRORS)
def test_every_error_of_the_server_is_valid_for_the_contract(validator, status):
    response = error_response(SERVER_ERRORS[status], "id")
    assert response.status == status
    validator("components/schemas/Error").validate(json.loads(response.body))


@pytest.mark.parametrize("request_event", [event("GET", "/nothing"), event("GET", "/"), {}])
def test_errors_for_other_paths_and_methods_are_valid_for_the_contract(validator, request_event):
    validator("components/schemas/Error").validate(json.loads(handler(request_event, None)["body"]))


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"image": 5},
        {"image": "", "photo": "s3:a"},
        {"photo": "a"},
        {"photo": "s3:"},
        {"photo": 5},
        {"image": "", "eyes": 1},
        {"image": "", "eyes": [{"centre": [1, 2]}]},
        {"image": "", "eyes": [{"centre": [1, 2], "radius": 0}]},
        {"image": "", "eyes": [{"centre": [1, 2], "radius": 3, "pupil": [1, 2]}]},
        {"image": "", "eyes": [{"centre": [1, 2], "radius": 3, "side": None}]},
        {"image": "", "eyes": [{"centre": [1, 2], "radius": 3}] * 2001},
        {"image": "", "faces": None},
        {"image": "", "faces": [{"landmarks": {"right_eye": [1, 2]}}]},
        {"image": "", "faces": [{"landmarks": {"right_eye": [1, 2], "left_eye": [1, 2, 3]}}]},
        {"image": "", "faces": [{"landmarks": {"right_eye": [1, 2], "left_eye": [3, 2]}, "eyes": [{"side": "up"}]}]},
        {"image": "", "eye_size": 0},
        {"image": "", "pupil_size_range": [0.5]},
    ],
)
def test_the_contract_rejects_requests_that_the_service_rejects(validator, value):
    assert not validator("components/schemas/Request").is_valid(value)
    assert handler(event(body=json.dumps(value), content_type="application/json"), None)["statusCode"] >= 400


@pytest.mark.parametrize("value", [{"faces": []}, {"faces": [], "seed": 1, "request_id": "a", "more": 1}])
def test_the_contract_rejects_missing_and_additional_fields(validator, value):
    assert not validator("components/schemas/Answer").is_valid(value)
