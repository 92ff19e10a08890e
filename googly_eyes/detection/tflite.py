"""The one seam to the TFLite runtime: `ai-edge-litert`, or `tflite-runtime` where that is what is installed."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter

from googly_eyes.errors import SettingError
from googly_eyes.settings import missing_model


class Session:
    """One model ready to run. Not for use by two threads at once.

    `outputs` are the names of its first graph's, `graphs` the names of all its graphs. Resizing the input costs
    3-28 ms; a run at the size of the last one is free of it.
    """

    def __init__(self, model: Path, threads: int) -> None:
        if not model.is_file():
            raise missing_model(model)
        try:
            self._interpreter = Interpreter(model_path=str(model), num_threads=threads)
        except ValueError as error:
            raise SettingError(f"{model} is not a TFLite model ({error}). Make it anew with `make model`.") from error
        self.graphs = set(self._interpreter.get_signature_list())
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._outputs = [output["index"] for output in outputs]
        self.outputs = [output["name"] for output in outputs]
        self._shape: tuple[int, ...] = ()
        self._runners: dict[str, Any] = {}

    def run(self, batch: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        """The model's outputs for one input, in the model's own order; every array is the caller's to keep."""
        if batch.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, batch.shape)
            self._interpreter.allocate_tensors()
            self._shape = batch.shape
        self._interpreter.set_tensor(self._input, batch)
        self._interpreter.invoke()
        outputs: list[Any] = [self._interpreter.get_tensor(index) for index in self._outputs]
        return outputs

    def run_graph(self, name: str, batch: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
        """The outputs, by name, of one graph of a model that has several; each has one input, `pixels`."""
        if name not in self._runners:
            self._runners[name] = self._interpreter.get_signature_runner(name)
        outputs: dict[str, npt.NDArray[np.float32]] = self._runners[name](pixels=batch)
        return outputs


def wrong_model(model: Path, detector: str) -> SettingError:
    """For a TFLite model that is not the detector's."""
    return SettingError(f"{model} is no model of {detector}. GOOGLY_DETECTOR and GOOGLY_MODEL must go together.")
