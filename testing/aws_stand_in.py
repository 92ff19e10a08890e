"""The CloudFormation resource `AWS::Lambda::Url`, which moto lacks."""

from contextlib import suppress
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend
from moto.core.common_models import CloudFormationModel

from local.aws import moto_server

# Tests import the server from here, because this module adds the resource to it.
__all__ = ["FunctionUrl", "moto_server"]


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
