"""Googly eyes on photos, done here or by a deployed function: `from googly import googlify`."""

from googly.client import Service, googlify, service_at
from googly.errors import BadUrl, Busy, Forbidden, GooglyError, NotGoogly, ServerFailed, ServiceError, Unreachable
from googly.files import result_name
from googly.preview import Preview, make_preview
from lambda_fn.errors import SettingError
from lambda_fn.faces import Box, Face, Point
from lambda_fn.googlify import Googlified
from lambda_fn.options import TABLE, Choice, Number, NumberRange, Option, Options, WholeNumber

__all__ = [
    "TABLE",
    "BadUrl",
    "Box",
    "Busy",
    "Choice",
    "Face",
    "Forbidden",
    "Googlified",
    "GooglyError",
    "NotGoogly",
    "Number",
    "NumberRange",
    "Option",
    "Options",
    "Point",
    "Preview",
    "ServerFailed",
    "Service",
    "ServiceError",
    "SettingError",
    "Unreachable",
    "WholeNumber",
    "googlify",
    "make_preview",
    "result_name",
    "service_at",
]
