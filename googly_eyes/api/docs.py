"""The contract as one HTML page: the OpenAPI document for people. The page loads nothing and runs no script."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from http import HTTPStatus
from typing import Any

from googly_eyes.api.openapi import document

Json = Mapping[str, Any]

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: light-dark(#0b57a4, #8ab8f5); }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1.5rem; }
a { color: var(--link); }
code { font: .9em ui-monospace, monospace; background: var(--soft); padding: .1em .3em; border-radius: .25em; }
h2 code { font-size: 1em; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
caption { text-align: left; font-weight: 600; padding: .75rem 0 .25rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
th:nth-child(1) { width: 14rem; }
th:nth-child(2):not(:last-child) { width: 14rem; }
@media (max-width: 45rem) {
  thead { display: none; }
  tr { display: block; padding: .4rem 0; border-bottom: 1px solid var(--line); }
  td { display: block; padding: 0; border: 0; }
}
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEAD = f"""<!doctype html>
<html lang=en>
<meta charset=utf-8>
<meta name=viewport content="width=device-width">
<title>Googly eyes: the API</title>
<style>{STYLE}</style>
"""


def page() -> str:
    """Return the page as HTML in ASCII."""
    contract = document()
    operations = [
        (method.upper(), path, operation)
        for path, operations in contract["paths"].items()
        for method, operation in operations.items()
    ]
    components = contract["components"]
    body = [
        f"<h1>{_text(contract['info']['title'])}: the API</h1>",
        f"<p>{_text(contract['info']['description'])} Version {_text(contract['info']['version'])}.</p>",
        "<p>For programs: <a href='openapi.json'>openapi.json</a>.</p><ul>",
        *(
            f"<li><a href='#{operation['operationId']}'><code>{method} {path}</code></a> {_text(operation['summary'])}"
            for method, path, operation in operations
        ),
        "</ul><main>",
        *(part for method, path, operation in operations for part in _operation(method, path, operation, components)),
        "<h2>Schemas</h2>",
        *(part for name, schema in components["schemas"].items() for part in _schema(name, schema)),
        "</main>",
    ]
    whole = HEAD + "".join(body)
    return whole.encode("ascii", "xmlcharrefreplace").decode()


def _operation(method: str, path: str, operation: Json, components: Json) -> Iterator[str]:
    yield f"<h2 id='{operation['operationId']}'><code>{method} {path}</code></h2>"
    yield f"<p>{_text(operation['summary'])} {_text(operation.get('description', ''))}</p>"
    contents = operation.get("requestBody", {}).get("content", {})
    if contents:
        rows = ([f"<code>{media_type}</code>", _type(content["schema"])] for media_type, content in contents.items())
        yield _table("Body", ["Content-Type", "body"], rows)
    parameters = operation.get("parameters", [])
    if parameters:
        rows = ([f"<code>{row['name']}</code>", _type(row["schema"]), _text(row["description"])] for row in parameters)
        yield _table("Query", ["name", "value", ""], rows)
    statuses = []
    headers: dict[str, Json] = {}
    for status, response in operation["responses"].items():
        whole = _resolve(response, components)
        headers |= whole.get("headers", {})
        body = " or ".join(
            f"<code>{media_type}</code>: {_type(content['schema'])}" for media_type, content in whole["content"].items()
        )
        statuses.append([f"{status} {HTTPStatus(int(status)).phrase}", body, _text(whole["description"])])
    yield _table("Responses", ["status", "body", ""], statuses)
    described = ((name, _resolve(header, components)) for name, header in headers.items())
    rows = ([f"<code>{name}</code>", _type(row["schema"]), _text(row["description"])] for name, row in described)
    yield _table("Response headers", ["name", "value", ""], rows)


def _schema(name: str, schema: Json) -> Iterator[str]:
    yield f"<h3 id='schema-{name}'>{name}</h3>"
    yield _table("", ["field", "value", ""], _fields(schema, ""))


def _fields(schema: Json, prefix: str) -> Iterator[list[str]]:
    """Yield a row for each field; those of an inner object after it, with its name before theirs."""
    for name, field in schema["properties"].items():
        mark = "" if name in schema["required"] else " (optional)"
        yield [f"<code>{prefix}{name}</code>{mark}", _type(field), _text(field.get("description", ""))]
        if "properties" in field:
            yield from _fields(field, f"{prefix}{name}.")


def _type(schema: Json) -> str:
    """Return the type and the limits of a value in words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"<a href='#schema-{name}'>{name}</a>"
    if "enum" in schema:
        return " or ".join(f"<code>{_text(value)}</code>" for value in schema["enum"])
    match schema["type"]:
        case "array":
            kind = f"list of {_count(schema)}{_type(schema['items'])}"
        case "string" if schema.get("format") == "binary":
            kind = "bytes of the photo"
        case "string" if "contentEncoding" in schema:
            kind = "string in base64"
        case "string" if "contentMediaType" in schema:
            kind = "JSON text"
        case other:
            kind = other
    return f"{kind}{_range(schema)}"


def _count(schema: Json) -> str:
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    if most is None:
        return ""
    return f"{most} " if least == most else f"at most {most} "


def _range(schema: Json) -> str:
    words = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
    return "".join(f", {word} {schema[key]:,}" for key, word in words.items() if key in schema)


def _table(caption: str, heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    title = f"<caption>{caption}</caption>" if caption else ""
    head = "".join(f"<th scope=col>{cell}</th>" for cell in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _resolve(value: Json, components: Json) -> Json:
    """Return the component that a reference names; any other value itself."""
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    component: Json = components[kind][name]
    return component


def _text(value: object) -> str:
    """Return a value as HTML; text between backticks becomes code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(str(value)))
