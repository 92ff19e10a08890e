"""Read the tensors of a `.pth` in torch's legacy (non-zip) format, without torch and without running anything.

The format, from torch/serialization.py (`_legacy_save`): five pickles (magic number, protocol, system facts, the state
dict with its storages named by key, the list of keys), then for every key in that list a 64-bit element count and the
elements. The unpickler knows the few names that a state dict needs and refuses the rest.
"""

import io
from collections import OrderedDict
from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from models.errors import WeightsError
from models.pickles import Unpickler

Array = npt.NDArray[np.generic]
Shape = tuple[int, ...]

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
STORAGES = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}


def read(data: bytes) -> dict[str, Array]:
    """The tensors of a state dict that `torch.save` wrote before torch 1.6, or later without zip.

    Raises WeightsError for another format, a file cut short, or a pickle that asks for anything but tensors.
    """
    stream = io.BytesIO(data)
    if _unpickle(stream) != MAGIC or _unpickle(stream) != PROTOCOL:
        raise WeightsError(
            "The weights are not in torch's legacy format (the magic number or the protocol is another)."
        )
    facts = _unpickle(stream)
    if not isinstance(facts, dict) or facts.get("little_endian") is not True:
        raise WeightsError("The weights were saved on a big-endian machine; only little-endian files are read.")
    state = _unpickle(stream)
    if not isinstance(state, dict) or not all(isinstance(tensor, _Tensor) for tensor in state.values()):
        raise WeightsError("The weights hold something other than tensors by name.")
    keys = _unpickle(stream)
    if not isinstance(keys, list):
        raise WeightsError("The weights have no list of storages.")
    used = {tensor.storage.key: tensor.storage for tensor in state.values()}
    storages = dict(_storages(stream, keys, used))
    return {str(name): _array(str(name), tensor, storages) for name, tensor in state.items()}


class _Storage(NamedTuple):
    dtype: np.dtype[np.generic]
    key: str
    length: int  # in elements


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: Shape
    strides: Shape  # in elements


class _Unpickler(Unpickler):
    def persistent_load(self, pid: object) -> _Storage:
        match pid:
            case ("storage", np.dtype() as dtype, str(key), str(), int(count), None) if count >= 0:
                return _Storage(dtype, key, count)
        raise WeightsError("The weights' pickle names a storage in a form that torch's legacy format does not have.")


def _unpickle(stream: io.BytesIO) -> object:
    names = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        **{("torch", name): dtype for name, dtype in STORAGES.items()},  # a dtype cannot be called: this runs nothing
    }
    return _Unpickler(stream, names).read("torch's legacy format")


def _tensor(
    storage: object, offset: object, shape: object, strides: object, _requires_grad: object, _hooks: object
) -> _Tensor:
    """Stand in for torch._utils._rebuild_tensor_v2, with its arguments; the elements are read later."""
    match storage, offset, shape, strides:
        case _Storage(), int(), tuple(), tuple() if all(
            isinstance(n, int) and n >= 0 for n in (offset, *shape, *strides)
        ):
            return _Tensor(storage, offset, shape, strides)
    raise WeightsError(f"The weights' pickle describes a tensor wrongly ({shape=}, {strides=}, {offset=}).")


def _storages(stream: io.BytesIO, keys: list[object], used: dict[str, _Storage]) -> Iterator[tuple[str, Array]]:
    for key in keys:
        if not isinstance(key, str) or key not in used:
            raise WeightsError(f"The weights' storage {key!r} belongs to no tensor.")
        storage = used[key]
        count = int.from_bytes(stream.read(8), "little")
        elements = stream.read(storage.length * storage.dtype.itemsize)
        if count != storage.length or len(elements) != storage.length * storage.dtype.itemsize:
            raise WeightsError(
                f"The weights' storage {key!r} should have {storage.length} elements: the file is cut short."
            )
        yield key, np.frombuffer(elements, storage.dtype)


def _array(name: str, tensor: _Tensor, storages: dict[str, Array]) -> Array:
    elements = storages.get(tensor.storage.key)
    if elements is None:
        raise WeightsError(f"The weights' tensor {name!r} has no storage.")
    packed = tuple(prod(tensor.shape[axis + 1 :]) for axis in range(len(tensor.shape)))
    if tensor.strides != packed or tensor.offset + prod(tensor.shape) > len(elements):
        raise WeightsError(f"The weights' tensor {name!r} does not lie whole and in order in its storage.")
    return elements[tensor.offset :][: prod(tensor.shape)].reshape(tensor.shape)
