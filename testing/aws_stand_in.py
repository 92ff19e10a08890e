"""A moto server on loopback, extended by the CloudFormation resource `AWS::Lambda::Url`, which moto lacks."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend
from moto.core.common_models import CloudFormationModel
from moto.moto_server.threaded_moto_server import ThreadedMotoServer


class FunctionUrl(CloudFormationModel):
    """`AWS::Lambda::Url`. moto finds this class as a subclass of CloudFormationModel."""

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
        properties = cloudformation_json["Properties"]
        function = properties["TargetFunctionArn"]
        config = get_backend(account_id, region_name).create_function_url_config(function, properties)
        return cls(function, config.url)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        # moto deletes in any order, and the deletion of a function deletes its URL.
        with suppress(UnknownFunctionException):
            get_backend(account_id, region_name).delete_function_url_config(resource_name)


@contextmanager
def moto_server() -> Iterator[str]:
    """Run a new server and yield its address. The host is `localhost`, because S3 prepends bucket names to it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        yield f"http://localhost:{server.get_host_and_port()[1]}"
    finally:
        server.stop()
