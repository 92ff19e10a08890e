"""The CDK app: reads the context and builds the stack. cdk.json makes the CDK command line run it."""

import sys
from pathlib import Path

import aws_cdk as cdk

from infra.context import ContextError, read_context
from infra.stack import GooglyEyes

ROOT = Path(__file__).parents[1]
MODEL = Path("models", "retinaface.tflite")


def build(app: cdk.App, root: Path) -> GooglyEyes:
    """Build the stack from the app's context and the Dockerfile in `root`. Exits with one line on an error."""
    try:
        deployment = read_context(app.node.get_all_context())
    except ContextError as error:
        sys.exit(f"infra: {error}")
    if not (root / MODEL).is_file():
        sys.exit(f"infra: {MODEL} is missing, and the image needs it; create it with: make model")
    return GooglyEyes(app, "GooglyEyes", deployment=deployment, image_directory=root)


if __name__ == "__main__":
    cdk_app = cdk.App()
    build(cdk_app, ROOT)
    cdk_app.synth()
