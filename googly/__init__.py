"""Googly eyes on photos, done here or by a deployed function: `from googly import googlify`."""

from googly.client import Service, googlify, service_at
from googly.errors import BadUrl, Busy, Forbidden, GooglyError, NotGoogly, ServerFailed, ServiceError, Unreachable
from lambda_fn.faces import Box, Face, Point
from lambda_fn.googlify import Googlified
from lambda_fn.options import Options

__all__ = [
    "BadUrl",
    "Box",
    "Busy",
    "Face",
    "Forbidden",
    "Googlified",
    "GooglyError",
    "NotGoogly",
    "Options",
    "Point",
    "ServerFailed",
    "Service",
    "ServiceError",
    "Unreachable",
    "googlify",
    "service_at",
]
