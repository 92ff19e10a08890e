# The Lambda function: Debian, Python, pruned libraries, googly_eyes with its models, the handler. `make image` builds it.
#
#   --build-arg TFLITE_RUNTIME=tflite-runtime    the older build of the same runtime, with numpy below 2
#   --build-arg BASE_IMAGE=...                   any Debian image with Python 3.11 or newer as python3
#
# The models come from the checkout, where `make model` writes them. .dockerignore lists all files that a build may use.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS builder
# libturbojpeg with its licence notice, in /usr/lib, which the loader searches without ldconfig.
# hadolint ignore=DL3008
RUN apt-get update -qq \
    && apt-get install -y -qq --no-install-recommends libturbojpeg0 \
    && mkdir -p /opt/turbojpeg/usr/lib /opt/turbojpeg/usr/share/doc/libturbojpeg0 \
    && cp /usr/lib/*/libturbojpeg.so.0 /opt/turbojpeg/usr/lib/ \
    && cp /usr/share/doc/libturbojpeg0/copyright /opt/turbojpeg/usr/share/doc/libturbojpeg0/

ARG TFLITE_RUNTIME=litert
COPY requirements/image-${TFLITE_RUNTIME}.txt /build/requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m venv --without-pip /opt/venv \
    && python3 -m pip --python /opt/venv/bin/python --disable-pip-version-check install --quiet --no-compile \
        --no-deps --require-hashes --only-binary=:all: -r /build/requirements.txt

# Of botocore, keep the data of S3, and bytecode without docstrings in place of sources: 3 MB in place of 30.
RUN packages=$(echo /opt/venv/lib/python3*/site-packages) \
    && data=$packages/botocore/data \
    && set -- "$packages/botocore" "$packages/dateutil" "$packages/jmespath" "$packages/urllib3" "$packages/six.py" \
    && find "$data" -mindepth 1 -maxdepth 1 -type d ! -name s3 -exec rm -rf {} + \
    && rm -rf "$data"/s3/*/examples-1.json "$packages/dateutil/zoneinfo" "$packages/urllib3/contrib/emscripten" \
        /opt/venv/bin/jp.py \
    && python3 -c "\
import json, pathlib, sys; \
file = pathlib.Path(sys.argv[1]); \
endpoints = json.loads(file.read_text()); \
[part.update(services={'s3': part['services']['s3']}) for part in endpoints['partitions'] if 's3' in part['services']]; \
file.write_text(json.dumps(endpoints, separators=(',', ':')))" "$data/endpoints.json" \
    && python3 -OO -m compileall -q -b --invalidation-mode unchecked-hash "$@" \
    && find "$@" -name '*.py' -delete

# Remove files that are never read: accelerators and compilers, tests, headers, type stubs, lists of installed files.
RUN packages=$(echo /opt/venv/lib/python3*/site-packages) \
    && litert=$packages/ai_edge_litert \
    && rm -rf "$litert/vendors" "$litert/tools" "$litert/libLiteRt.so" "$litert/libLiteRtWebGpuAccelerator.so" \
        "$packages/numpy/f2py" "$packages"/*.dist-info/RECORD \
    && find "$packages" -depth \( -type d \( -name tests -o -name include \) -o -name '*.a' -o -name '*.pyi' \) \
        -exec rm -rf {} + \
    && python3 -m compileall -q --invalidation-mode unchecked-hash "$packages"

WORKDIR /var/task
COPY models/*.tflite googly_eyes/models/
COPY googly_eyes googly_eyes
COPY lambda_fn lambda_fn
# Lambda runs the function as another user, and the files of the checkout may be readable by their owner alone.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash . && chmod -R a+rX /opt/venv /var/task

FROM ${BASE_IMAGE}
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /opt/turbojpeg /
COPY --from=builder /var/task /var/task
WORKDIR /var/task
# Smoke test: import everything, and process one photo with the model and libturbojpeg. Python's official images have no
# bytecode: the standard library that this run compiles stays in the image, so that a cold start on a read-only root
# does not compile it again. The function for buckets starts seldom: its part of the library (2 MB) does not stay.
RUN PYTHONDONTWRITEBYTECODE="" /opt/venv/bin/python -c "\
import base64, io; \
import awslambdaric.bootstrap; \
from PIL import Image; \
from lambda_fn.handler import handler; \
photo = io.BytesIO(); \
Image.new('RGB', (64, 64)).save(photo, 'JPEG'); \
event = {'rawPath': '/', 'requestContext': {'http': {'method': 'POST'}}, 'headers': {'content-type': 'image/jpeg'}, \
         'body': base64.b64encode(photo.getvalue()).decode(), 'isBase64Encoded': True}; \
response = handler(event, None); \
assert response['statusCode'] == 200 and response['headers']['x-googly-fidelity'] == 'exact', response" \
    && GOOGLY_BUCKET_IN=photos GOOGLY_BUCKET_OUT=results AWS_REGION=us-east-1 \
        /opt/venv/bin/python -B -c "import lambda_fn.bucket"
USER 993:990
ENTRYPOINT ["/opt/venv/bin/python", "-m", "awslambdaric"]
CMD ["lambda_fn.handler.handler"]
