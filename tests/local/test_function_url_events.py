import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.function_url_events import (
    MAX_EVENT,
    EventTooLargeError,
    InvalidResultError,
    UrlRequest,
    build_event,
    encode_event,
    read_result,
)


def event_of(*, method="POST", path="/", query="", body=b"", **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = UrlRequest(method, path, query, named, body, "127.0.0.1")
    return build_event(request, access_key="ASIAKEY", request_id="some-id")


def test_the_event_has_path_query_cookies_headers_and_caller():
    event = event_of(path="/a%20b", query="x=1&x=2&y=", host="example", user_agent="curl/8", cookie="a=1; b=2")
    assert (event["version"], event["rawPath"], event["rawQueryString"]) == ("2.0", "/a%20b", "x=1&x=2&y=")
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]
    context = event["requestContext"]
    assert context["http"]["method"] == "POST"
    assert context["http"]["userAgent"] == "curl/8"
    assert context["requestId"] == "some-id"
    assert context["authorizer"]["iam"]["accessKey"] == "ASIAKEY"


def test_empty_fields_are_omitted():
    assert not {"cookies", "queryStringParameters", "body"} & event_of().keys()


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "application/xml; charset=utf-8"])
def test_a_text_body_is_text_in_the_event(content_type):
    event = event_of(body="grüße".encode(), content_type=content_type)
    assert (event["body"], event["isBase64Encoded"]) == ("grüße", False)


@pytest.mark.parametrize("content_type", ["image/jpeg", "application/octet-stream", ""])
def test_a_binary_body_is_base64_in_the_event(content_type):
    event = event_of(body=b"\xff\xd8photo", content_type=content_type)
    assert (base64.b64decode(event["body"]), event["isBase64Encoded"]) == (b"\xff\xd8photo", True)


def test_the_largest_event_has_exactly_max_event_bytes():
    event = {"body": ""}
    body_size = MAX_EVENT - len(encode_event(event))
    assert len(encode_event({"body": "x" * body_size})) == MAX_EVENT
    with pytest.raises(EventTooLargeError):
        encode_event({"body": "x" * (body_size + 1)})


def test_a_result_becomes_a_response():
    response = read_result({
        "statusCode": 201, "headers": {"X-Seed": 7, "Content-Type": "image/png"}, "body": "iVBORw==",
        "isBase64Encoded": True, "cookies": ["a=1", "b=2"],
    })  # fmt: skip
    assert (response.status, response.body) == (201, b"\x89PNG")
    assert ("x-seed", "7") in response.headers
    assert [value for name, value in response.headers if name == "set-cookie"] == ["a=1", "b=2"]


def test_a_result_without_a_status_is_sent_as_json():
    response = read_result({"faces": 3})
    assert (response.status, response.body) == (200, b'{"faces":3}')
    assert response.headers == [("content-type", "application/json")]


def test_headers_that_aws_sets_are_renamed():
    names = [name for name, _ in read_result({"statusCode": 200, "headers": {"Date": "now"}}).headers]
    assert "x-amzn-remapped-date" in names
    assert "date" not in names


@pytest.mark.parametrize("result", [
    {"statusCode": 99}, {"statusCode": "many"}, {"statusCode": True}, {"statusCode": 200, "body": 1},
    {"statusCode": 200, "headers": "x"}, {"statusCode": 200, "cookies": "a"},
    {"statusCode": 200, "body": "not base64", "isBase64Encoded": True},
    {"statusCode": 200, "headers": {"x": "two\nlines"}},
])  # fmt: skip
def test_an_invalid_result_is_refused(result):
    with pytest.raises(InvalidResultError):
        read_result(result)


@given(st.binary(max_size=200), st.sampled_from(["image/jpeg", "text/plain", "application/json"]))
def test_the_body_is_the_same_after_a_round_trip(body, content_type):
    event = event_of(body=body, content_type=content_type)
    text = event.get("body", "")
    assert (base64.b64decode(text) if event["isBase64Encoded"] else text.encode()) == body
