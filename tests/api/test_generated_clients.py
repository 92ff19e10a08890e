"""Clients that generators write from /openapi.json of the running server."""

import importlib
import io
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from PIL import Image

from testing.node import NODE
from testing.people import as_jpeg, group
from testing.server_process import running_server

pytestmark = pytest.mark.process
PEOPLE = as_jpeg(group(600, 350)[0])
# The compiler reports a line after @ts-expect-error that has no error.
USE = """
import type { components, paths } from "./api";

type Post = paths["/googly_eyes"]["post"];
type Request = Post["requestBody"]["content"]["application/json"];
type Answer = Post["responses"][200]["content"]["application/json"];

const eye: components["schemas"]["EyeToDraw"] = { centre: [1, 2], radius: 3 };
export const request: Request = { image: "", eye_size: 0.7, detail: "fast", eyes: [eye] };
export function again(answer: Answer): Request {
  return { image: answer.image ?? "", seed: answer.seed, faces: answer.faces };
}
// @ts-expect-error
export const text: Request = { image: "", seed: "five" };
// @ts-expect-error
export const choice: Request = { image: "", detail: "huge" };
// @ts-expect-error
export const part: Request = { image: "", eyes: [{ centre: [1, 2] }] };
"""


@pytest.fixture(scope="module")
def url():
    with running_server("--workers", "1") as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def contract(url, tmp_path_factory):
    path = tmp_path_factory.mktemp("contract") / "openapi.json"
    path.write_bytes(requests.get(f"{url}/openapi.json", timeout=30).content)
    return path


@pytest.fixture(scope="module")
def python_client(url, contract):
    """Return a client of openapi-python-client and the modules of its operations and models."""
    folder = contract.parent / "generated_googly_client"
    programs = Path(sys.executable).parent
    command = [programs / "openapi-python-client", "generate", "--meta", "none", "--path", contract]
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}  # it formats the code with ruff
    subprocess.run([*command, "--output-path", folder], env=environment, check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder.parent)
        modules = {
            name: importlib.import_module(f"{folder.name}.{path}")
            for name, path in {
                "raw": "api.default.googly_eyes",
                "json": "api.default.googly_eyes_json",
                "models": "models",
                "types": "types",
                "client": "client",
            }.items()
        }
        with modules["client"].Client(base_url=url) as client:
            yield SimpleNamespace(**modules | {"client": client})


def test_a_python_client_sends_a_photo_as_the_body(python_client):
    photo = python_client.types.File(payload=io.BytesIO(PEOPLE))
    answer = python_client.raw.sync_detailed(client=python_client.client, body=photo, seed=5, eye_size=0.7)
    assert answer.status_code == 200
    assert answer.headers["x-googly-seed"] == "5"
    assert Image.open(io.BytesIO(answer.content)).size == (600, 350)


def test_a_python_client_sends_a_photo_in_a_form(python_client):
    photo = python_client.types.File(payload=io.BytesIO(PEOPLE), file_name="photo.jpg")
    form = python_client.models.Form(image=photo, seed=5, eyes="[]")
    answer = python_client.raw.sync_detailed(client=python_client.client, body=form)
    assert (answer.status_code, answer.headers["x-googly-eyes"]) == (200, "0")


def test_a_python_client_sends_a_photo_in_json_and_the_eyes_of_the_response_again(python_client):
    models, send = python_client.models, python_client.json.sync
    image = b64encode(PEOPLE).decode()
    first = send(client=python_client.client, body=models.Request(image=image, seed=5))
    assert len(first.faces) == 6
    eyes = [models.EyeToDraw.from_dict(eye.to_dict()) for eye in first.eyes]
    again = send(client=python_client.client, body=models.Request(image=image, eyes=eyes))
    assert again.eyes == first.eyes


def test_a_python_client_gets_errors_as_objects(python_client):
    error = python_client.json.sync(client=python_client.client, body=python_client.models.Request(image="no"))
    assert error.error.code == "bad_base64"


def test_types_of_openapi_typescript_accept_right_requests_and_no_wrong_ones(contract, node_modules):
    folder = contract.parent
    generate = [NODE, node_modules / "openapi-typescript/bin/cli.js", contract, "--output", folder / "api.ts"]
    subprocess.run(generate, check=True, capture_output=True)
    (folder / "use.ts").write_text(USE)
    compile_ = [NODE, node_modules / "typescript/bin/tsc", "--noEmit", "--strict", folder / "use.ts"]
    done = subprocess.run(compile_, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
