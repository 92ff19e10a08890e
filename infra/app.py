"""The CDK app: reads the context and makes the stack. Run by the CDK command line, as cdk.json says."""

import sys
from pathlib import Path

import aws_cdk as cdk

from infra.context import ContextError, read_context
from infra.stack import GooglyEyes

ROOT = Path(__file__).parents[1]
MODEL = Path("models", "retinaface.tflite")


def build(app: cdk.App, root: Path) -> GooglyEyes:
    """The stack for the app's context, with the image of `root`; ends the program with one line if it cannot be."""
    try:
        deployment = read_context(app.node.get_all_context())
    except ContextError as error:
        sys.exit(f"infra: {error}")
    if not (root / MODEL).is_file():
        sys.exit(f"infra: there is no {MODEL}, and it goes into the image; make it with: make model")
    return GooglyEyes(app, "GooglyEyes", deployment=deployment, image_directory=root)


if __name__ == "__main__":
    cdk_app = cdk.App()
    build(cdk_app, ROOT)
    cdk_app.synth()
