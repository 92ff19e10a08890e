"""A moto server on loopback, with the one CloudFormation resource of this stack that moto lacks."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend
from moto.core.common_models import CloudFormationModel
from moto.moto_server.threaded_moto_server import ThreadedMotoServer


class FunctionUrl(CloudFormationModel):
    """`AWS::Lambda::Url`: moto knows function URLs by API only; it finds this class among its base's subclasses."""

    def __init__(self, function: str, url: str) -> None:
        self.physical_resource_id = function
        self.url = url

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Lambda::Url"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in {"FunctionArn", "FunctionUrl"}

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.url if attribute_name == "FunctionUrl" else self.physical_resource_id

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> "FunctionUrl":
        wanted = cloudformation_json["Properties"]
        function = wanted["TargetFunctionArn"]
        made = get_backend(account_id, region_name).create_function_url_config(function, wanted)
        return cls(function, made.url)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        # moto deletes in no fixed order, and a function takes its URL along.
        with suppress(UnknownFunctionException):
            get_backend(account_id, region_name).delete_function_url_config(resource_name)


@contextmanager
def moto_server() -> Iterator[str]:
    """The address of a fresh server; it has to be `localhost`, since S3 puts bucket names before it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield f"http://localhost:{server.get_host_and_port()[1]}"
    finally:
        server.stop()
