"""What the CDK command line takes for docker in test_cdk_cli.py (its variable CDK_DOCKER), one call at a time.

With CONTAINER_ENGINE in the environment that engine really builds the image; without one nothing is built and an
invented image stands in. There is no registry either way: a push goes to the ECR of the moto server as a manifest
that names the image's own digests. Every call is appended to CALLS_LOG, a JSON list a line.
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
            return engine(command, options) if ENGINE else int(command == "inspect")  # 1: not built yet
    sys.exit(f"cdk_docker: a call that is not known here: {arguments}")


def engine(command: str, options: list[str]) -> int:
    flags = shlex.split(os.environ.get("CONTAINER_BUILD_FLAGS", "")) if command == "build" else []
    return subprocess.run([ENGINE, command, *flags, *options], check=False).returncode


def push(name: str) -> None:
    """Tell ECR what the image `HOST/REPOSITORY:TAG` consists of."""
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
    if ENGINE:  # takes the registry's name off again; the image keeps the one that it was built under
        engine("rmi", [name])


def digests(name: str) -> tuple[str, list[str]]:
    """The digests of an image and of its layers: the engine's, or invented ones that hold still for a name."""
    if not ENGINE:
        stand_in = "sha256:" + hashlib.sha256(name.encode()).hexdigest()
        return stand_in, [stand_in]
    told = subprocess.run([ENGINE, "inspect", name], check=True, capture_output=True, text=True).stdout
    [image] = json.loads(told)
    return "sha256:" + image["Id"].removeprefix("sha256:"), image["RootFS"]["Layers"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
