"""The CDK app: reads the context and makes the stack. Run by the CDK command line, as cdk.json says."""

import sys
from pathlib import Path

import aws_cdk as cdk

from infra.context import ContextError, read_context
from infra.stack import GooglyEyes

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "models" / "retinaface.tflite"


def main() -> None:
    """Write the cloud assembly where the command line asked for it, or end with one line on what to do."""
    app = cdk.App()
    try:
        deployment = read_context(app.node.get_all_context())
    except ContextError as error:
        sys.exit(f"infra: {error}")
    if not MODEL.is_file():
        sys.exit(f"infra: {MODEL.relative_to(ROOT)} is missing and goes into the image; make it with: make model")
    GooglyEyes(app, "GooglyEyes", deployment=deployment, image_directory=ROOT)
    app.synth()


if __name__ == "__main__":
    main()
