"""Build hook: make both models and put them into the wheel, as googly_eyes/models/*.tflite.

The licences of the weights are LICENSE.<package> in the same folder. The models are always made from their published
weights. The files models/*.tflite of the checkout are not used, because they may be older than the code. An editable
install contains no models; it uses those of the checkout.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ModelsBuildHook(BuildHookInterface[Any]):
    """Add the models to a wheel; end the build with one line if they cannot be made."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the models in a temporary folder, which lasts until the wheel is written."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)  # the build backend does not import this file as part of the project
        from models import build, read_licences  # noqa: PLC0415
        from models.errors import WeightsError  # noqa: PLC0415

        self._folder = TemporaryDirectory(prefix="googly-eyes-models-")
        folder = Path(self._folder.name)
        try:
            files = build(folder)
            for package, text in read_licences().items():
                files.append(folder / f"LICENSE.{package}")
                files[-1].write_bytes(text)
        except ModuleNotFoundError as error:
            self.app.abort(f"googly-eyes cannot be built: {error.name} is missing. Build without --no-build-isolation.")
        except WeightsError as error:
            self.app.abort(f"googly-eyes cannot be built: {error}")
        for file in files:
            build_data["force_include"][str(file)] = f"googly_eyes/models/{file.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary folder."""
        del version, build_data, artifact_path
        if hasattr(self, "_folder"):
            self._folder.cleanup()
