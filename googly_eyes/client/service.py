"""A photo in, a photo with googly eyes and its faces out; where that is done is the address's matter."""

from dataclasses import asdict
from functools import lru_cache
from typing import Protocol

from googly_eyes.errors import SettingError
from googly_eyes.options import Options, options_from_json
from googly_eyes.pipeline import Result

DEFAULTS = Options()


class Service(Protocol):
    """Where photos are done. Any number of threads may ask."""

    def googlify(self, photo: bytes, options: Options) -> Result:
        """GooglyError for a photo that cannot be done; the ServiceErrors among them are the service's own."""


def googlify(photo: bytes, options: Options = DEFAULTS, *, url: str | None = None) -> Result:
    """Put googly eyes on every face in the bytes of a photo: `googlify(photo, Options(seed=7)).photo`.

    `url` names a deployed function or a server; None does it here. Raises BadOptionError for an option out of range,
    else as Service.googlify.
    """
    given = {name: value for name, value in asdict(options).items() if value is not None}
    return _kept(url).googlify(photo, options_from_json(given))


def service_at(url: str | None, *, sign: bool | None = None, region: str | None = None) -> Service:
    """The service at an address, or here. `sign` and `region` as in RemoteService, where None decides by the address.

    Raises BadUrlError, ForbiddenError without credentials where they are needed, SettingError without a model where
    that is, and without the extra `aws` where a URL is named.
    """
    # Who does photos here needs no HTTP and no botocore, and who sends them no model and nothing to run it.
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

    return RemoteService(url, sign=sign, region=region)


@lru_cache(maxsize=4)
def _kept(url: str | None) -> Service:
    return service_at(url)
