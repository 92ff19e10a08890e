"""The TFLite runtime: `ai-edge-litert`, or `tflite-runtime` if only that is installed."""

from pathlib import Path
from typing import Any

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    from tflite_runtime.interpreter import Interpreter

from googly_eyes.errors import SettingError
from googly_eyes.settings import model_error
from googly_eyes.types import Floats, Pixels

# The largest batch whose memory may stay allocated. The runtime never returns the memory of its largest batch, so the
# model is loaded again after a larger one; also before it, so that the memory of two batches is not held at once.
KEPT_PIXELS = 1280 * 1280


class Session:
    """One loaded model. Not thread-safe.

    `outputs` are the names of the outputs of its first graph, `graphs` the names of all its graphs. A new input size
    costs 3-28 ms; a run at the size of the previous one costs nothing extra.
    """

    def __init__(self, model: Path, threads: int) -> None:
        require_model(model)
        self._model, self._threads = model, threads
        self._load()

    def _load(self) -> None:
        model = self._model
        try:
            # The bytes and not the path, which the runtime cannot open on Windows if a folder has a non-ASCII name.
            self._interpreter = Interpreter(model_content=model.read_bytes(), num_threads=self._threads)
        except OSError as error:
            raise model_error(model, f"{model} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise model_error(model, f"{model} is not a TFLite model.") from error
        self.graphs = set(self._interpreter.get_signature_list())
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._outputs = [output["index"] for output in outputs]
        self.outputs = [output["name"] for output in outputs]
        self._shape: tuple[int, ...] = ()
        self._runners: dict[str, Any] = {}

    def run(self, batch: Pixels) -> list[Floats]:
        """Return the outputs of the first graph for one batch, in the order of `outputs`; the arrays are copies."""
        is_large = batch.size > KEPT_PIXELS * batch.shape[-1]
        if is_large and self._shape:
            self._load()
        if batch.shape != self._shape:
            self._interpreter.resize_tensor_input(self._input, batch.shape)
            self._interpreter.allocate_tensors()
            self._shape = batch.shape
        self._interpreter.set_tensor(self._input, batch)
        self._interpreter.invoke()
        outputs: list[Any] = [self._interpreter.get_tensor(index) for index in self._outputs]
        if is_large:
            self._load()
        return outputs

    def run_graph(self, name: str, batch: Pixels) -> dict[str, Floats]:
        """Return the outputs by name of one graph of a model with several; each graph has one input, `pixels`."""
        if name not in self._runners:
            self._runners[name] = self._interpreter.get_signature_runner(name)
        outputs: dict[str, Floats] = self._runners[name](pixels=batch)
        return outputs


def require_model(model: Path) -> None:
    """Raise SettingError if there is no such file."""
    if not model.is_file():
        raise model_error(model, f"There is no model at {model}.")


def wrong_model(model: Path, detector: str) -> SettingError:
    """Return the error for a TFLite model that is not of this detector."""
    return SettingError(f"{model} is no model of {detector}. GOOGLY_DETECTOR and GOOGLY_MODEL must go together.")
