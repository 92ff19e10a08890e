"""A photo in, a result out, in this process or at a URL."""

from dataclasses import asdict
from functools import lru_cache
from typing import Protocol

from googly_eyes.errors import SettingError
from googly_eyes.options import Options, options_from_json
from googly_eyes.types import Result

DEFAULTS = Options()


class Service(Protocol):
    """Something that processes photos. Safe for use by several threads."""

    def googlify(self, photo: bytes, options: Options) -> Result:
        """Put googly eyes on every face of a photo.

        Raises GooglyError. Its subclass ServiceError is a failure of the service, all others are errors of the photo.
        """


def googlify(photo: bytes, options: Options = DEFAULTS, *, url: str | None = None) -> Result:
    """Put googly eyes on every face of a photo: `googlify(photo, Options(seed=7)).photo`.

    `url` is the address of a deployed function or a server; None processes the photo in this process. Raises
    BadOptionError for an option out of range, and the errors of Service.googlify.
    """
    given = {name: value for name, value in asdict(options).items() if value is not None}
    return _cached_service(url).googlify(photo, options_from_json(given))


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


@lru_cache(maxsize=4)
def _cached_service(url: str | None) -> Service:
    return service_at(url)
