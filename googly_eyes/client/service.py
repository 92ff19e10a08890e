"""A photo in, a result out, in this process or at a URL."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from googly_eyes.errors import BadOptionError, SettingError
from googly_eyes.options import Options, options_from_json
from googly_eyes.placement import Placement, make_eye_placement, make_face_placement, read_placement
from googly_eyes.types import Eye, Face, Result

if TYPE_CHECKING:
    from googly_eyes.client.photo_source import PhotoSource

DEFAULTS = Options()

T = TypeVar("T", Face, Eye)


class Service(Protocol):
    """Something that processes photos. Safe for use by several threads."""

    def googlify(self, photo: bytes, options: Options, placement: Placement | None = None) -> Result:
        """Put googly eyes on every face of a photo, or where `placement` says.

        Raises GooglyError. Its subclass ServiceError is a failure of the service, all others are errors of the photo.
        """


def googlify(
    photo: "PhotoSource",
    options: Options = DEFAULTS,
    *,
    url: str | None = None,
    faces: Iterable[Face] | Iterable[Mapping[str, Any]] | None = None,
    eyes: Iterable[Eye] | Iterable[Mapping[str, Any]] | None = None,
    **changes: Any,
) -> Result:
    """Put googly eyes on every face of a photo: `googlify("photo.jpg", seed=7).save("googly.jpg")`.

    `photo` is the bytes of an image file, its path, a Pillow image or a numpy array of uint8 (RGB); the last two give a
    PNG. `changes` are options by name, which replace those of `options`. `faces` or `eyes`, for example those of an
    earlier result, are drawn in place of detection: faces with new eyes, eyes exactly as they are. They may also be
    dicts, as in a response of the API. `url` is the address of a deployed function or a server; None processes the
    photo in this process.

    Raises BadOptionError for an option that is unknown or out of range and for malformed faces or eyes, OSError for a
    file that cannot be read, and the errors of Service.googlify.
    """
    # Imported here, so that importing the package does not load Pillow.
    from googly_eyes.client.photo_source import photo_bytes  # noqa: PLC0415

    given = {name: value for name, value in {**asdict(options), **changes}.items() if value is not None}
    checked = options_from_json(given)
    placement = _placement(faces, eyes)
    return _cached_service(url).googlify(photo_bytes(photo), checked, placement)


def service_at(
    url: str | None, *, sign: bool | None = None, region: str | None = None, list_faces: bool = True
) -> Service:
    """Return the service at a URL; in this process if there is none. For the other parameters see RemoteService.

    Raises BadUrlError; ForbiddenError if the requests must be signed and there are no credentials; SettingError if the
    model or the extra `aws` is missing.
    """
    # Imported here because neither service needs the other's dependencies: HTTP and botocore, a model and its runtime.
    if not url:
        from googly_eyes.client.in_process import InProcessService  # noqa: PLC0415

        return InProcessService()
    try:
        from googly_eyes.client.remote import RemoteService  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise SettingError(
            f"Sending photos to a URL needs more packages ({error.name} is missing). Install them with: "
            "pip install 'googly-eyes[aws]'"
        ) from error

    return RemoteService(url, sign=sign, region=region, list_faces=list_faces)


def _placement(faces: Any, eyes: Any) -> Placement | None:
    if faces is not None and eyes is not None:
        raise BadOptionError("Pass faces or eyes, not both.", option="eyes")
    if eyes is not None:
        return _make_placement("eyes", eyes, Eye, make_eye_placement)
    return None if faces is None else _make_placement("faces", faces, Face, make_face_placement)


def _make_placement(
    option: str, elements: Any, kind: type[T], convert: Callable[[Iterable[T]], Placement]
) -> Placement | None:
    """Return the placement of faces or eyes: objects of the class `kind`, or dicts as in a response of the API."""
    if isinstance(elements, Iterable) and not isinstance(elements, str | bytes | Mapping):
        elements = list(elements)
        own = [isinstance(element, kind) for element in elements]
        if all(own):
            return convert(elements)
        if any(own):
            message = f"{option} must be either all of the class {kind.__name__}, or all dicts as in a response."
            raise BadOptionError(message, option=option)
    return read_placement({option: elements})


@lru_cache(maxsize=4)
def _cached_service(url: str | None) -> Service:
    return service_at(url)
