"""A replacement for the command docker in test_cdk_cli.py; the CDK command line calls it through CDK_DOCKER.

If CONTAINER_ENGINE is set, that engine builds the image; otherwise nothing is built and the digests are placeholders.
There is no registry: a push stores a manifest with the image's digests in the ECR of the moto server. Every call is
appended to the file CALLS_LOG as one line with a JSON list.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import boto3

ENGINE = os.environ.get("CONTAINER_ENGINE")
MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


def main(arguments: list[str]) -> int:
    with Path(os.environ["CALLS_LOG"]).open("a") as log:
        log.write(json.dumps(arguments) + "\n")
    match arguments:
        case ["login", *_]:
            return 0
        case ["push", name]:
            push(name)
            return 0
        case ["inspect" | "build" | "tag" as command, *options]:
            return engine(command, options) if ENGINE else int(command == "inspect")  # 1: the image does not exist yet
    sys.exit(f"cdk_docker: unsupported command: {arguments}")


def engine(command: str, options: list[str]) -> int:
    flags = shlex.split(os.environ.get("CONTAINER_BUILD_FLAGS", "")) if command == "build" else []
    return subprocess.run([ENGINE, command, *flags, *options], check=False).returncode


def push(name: str) -> None:
    """Store the manifest of the image `HOST/REPOSITORY:TAG` in ECR."""
    repository, tag = name.split("/", 1)[1].rsplit(":", 1)
    image, layers = digests(name)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "digest": image, "size": 1},
        "layers": [
            {"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "digest": layer, "size": 1}
            for layer in layers
        ],
    }
    boto3.client("ecr", region_name=os.environ["AWS_REGION"]).put_image(
        repositoryName=repository,
        imageTag=tag,
        imageManifest=json.dumps(manifest),
        imageManifestMediaType=MANIFEST_TYPE,
    )
    if ENGINE:  # removes the registry's tag only; the image keeps the tag of the build
        engine("rmi", [name])


def digests(name: str) -> tuple[str, list[str]]:
    """Return the digests of an image and of its layers; without an engine, a digest that depends only on the name."""
    if not ENGINE:
        placeholder = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
        return placeholder, [placeholder]
    output = subprocess.run([ENGINE, "inspect", name], check=True, capture_output=True, text=True).stdout
    [image] = json.loads(output)
    return "sha256:" + image["Id"].removeprefix("sha256:"), image["RootFS"]["Layers"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
