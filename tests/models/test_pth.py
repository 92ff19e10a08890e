"""The reader of torch's legacy format: right tensors, nothing run, nothing half read. The files are made here."""

import io
import os
import pickle
import struct
from collections import OrderedDict

import numpy as np
import pytest

from models import pth
from models.errors import WeightsError


class Global:
    """Pickled as a reference to a name that need not exist here."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> str:
        raise AssertionError("written by Writer")


class Rebuild:
    """Pickled as a call of torch's, with these arguments."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments


class Storage:
    def __init__(self, array: np.ndarray, key: str, length: int | None = None, kind: str = "FloatStorage") -> None:
        self.array, self.key, self.length, self.kind = array, key, array.size if length is None else length, kind


class Writer(pickle._Pickler):
    """Writes what `torch.save` writes; the pure Python pickler, because it lets a name be written that is not here."""

    def persistent_id(self, obj: object) -> object:
        if isinstance(obj, Storage):
            return ("storage", Global(f"torch {obj.kind}"), obj.key, "cpu", obj.length, None)
        return None

    def save(self, obj: object, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Global):
            module, name = obj.name.split(" ")
            self.write(pickle.GLOBAL + f"{module}\n{name}\n".encode())
        elif isinstance(obj, Rebuild):
            self.save(Global("torch._utils _rebuild_tensor_v2"))
            self.save(obj.arguments)
            self.write(pickle.REDUCE)
        else:
            super().save(obj, save_persistent_id)


def pickled(obj: object) -> bytes:
    stream = io.BytesIO()
    Writer(stream, protocol=2).dump(obj)
    return stream.getvalue()


def tensor(storage: Storage, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0) -> Rebuild:
    return Rebuild(storage, offset, shape, strides, False, OrderedDict())


@pytest.fixture
def write():
    def write(state, storages=(), *, magic=pth.MAGIC, facts=None):
        parts = [
            magic,
            pth.PROTOCOL,
            facts or {"protocol_version": pth.PROTOCOL, "little_endian": True},
            state,
            [s.key for s in storages],
        ]
        head = b"".join(pickled(part) for part in parts)
        return head + b"".join(struct.pack("<q", s.array.size) + s.array.tobytes() for s in storages)

    return write


@pytest.fixture
def six() -> Storage:
    return Storage(np.arange(6, dtype=np.float32), "six")


def test_tensors_are_read_by_name_with_their_shapes(write, six):
    steps = Storage(np.array([7], np.int64), "steps", kind="LongStorage")
    state = OrderedDict(
        a=tensor(six, (2, 3), (3, 1)),
        b=tensor(six, (2,), (1,), offset=4),
        n=tensor(steps, (), ()),
        c=tensor(six, (6,), (1,)),
    )
    state.version = 1  # torch hangs `_metadata` on the state dict
    arrays = pth.read(write(state, [steps, six]))
    assert list(arrays) == ["a", "b", "n", "c"]
    np.testing.assert_array_equal(arrays["a"], [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(arrays["b"], [4, 5])
    assert arrays["n"].shape == ()
    assert (arrays["n"].dtype, arrays["n"]) == (np.int64, 7)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_calls_something_is_refused_by_name_and_nothing_runs(tmp_path, protocol):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    head = pickle.dumps(pth.MAGIC) + pickle.dumps(pth.PROTOCOL) + pickle.dumps({"little_endian": True})
    evil = pickle.dumps({"weight": Evil()}, protocol=protocol)
    with pytest.raises(WeightsError, match=rf"asks for {os.mkdir.__module__}\.mkdir"):
        pth.read(head + evil)
    with pytest.raises(WeightsError, match="mkdir"):
        pth.read(evil)
    assert not (tmp_path / "ran").exists()
    pickle.loads(evil)  # noqa: S301
    assert (tmp_path / "ran").exists()  # the trap was a live one


@pytest.mark.parametrize(
    "name", ["builtins eval", "torch load", "torch._utils _rebuild_parameter", "torch.hub FloatStorage"]
)
def test_other_names_are_refused_also_where_the_module_is_torchs(write, name):
    with pytest.raises(WeightsError, match=name.replace(" ", r"\.")):
        pth.read(write({"weight": Global(name)}))


def test_a_storage_type_cannot_be_called(write, six):
    class Called:
        def __reduce__(self):
            return len, ((),)

    data = write({"weight": Called()}).replace(b"c__builtin__\nlen\n", b"ctorch\nFloatStorage\n")
    assert b"FloatStorage" in data
    with pytest.raises(WeightsError, match="not callable"):
        pth.read(data)


@pytest.mark.parametrize("state", [{"weight": 1.5}, {"weight": ["a"]}, [1], "text", None])
def test_anything_but_tensors_by_name_is_refused(write, state):
    with pytest.raises(WeightsError, match="something other than tensors"):
        pth.read(write(state))


def test_a_file_cut_short_anywhere_is_refused(write, six):
    data = write({"a": tensor(six, (2, 3), (3, 1))}, [six])
    for length in range(len(data)):
        with pytest.raises(WeightsError):
            pth.read(data[:length])


def test_a_storage_of_another_length_than_promised_is_refused(write, six):
    six.length = 5
    with pytest.raises(WeightsError, match="'six' should have 5 elements"):
        pth.read(write({"a": tensor(six, (5,), (1,))}, [six]))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((2, 3), (3, 1), 1), ((7,), (1,), 0), ((3, 2), (1, 3), 0), ((2,), (0,), 0), ((3,), (2,), 0)],
    ids=["beyond the end", "too long", "transposed", "expanded", "every other"],
)
def test_a_tensor_that_does_not_lie_whole_in_its_storage_is_refused(write, six, shape, strides, offset):
    with pytest.raises(WeightsError, match="'a' does not lie whole"):
        pth.read(write({"a": tensor(six, shape, strides, offset)}, [six]))


@pytest.mark.parametrize(
    "arguments", [(None, 0, (2,), (1,)), ("six", -1, (2,), (1,)), ("six", 0, [2], (1,)), ("six", 0, (2.0,), (1,))]
)
def test_a_tensor_described_wrongly_is_refused(write, six, arguments):
    storage, *rest = arguments
    with pytest.raises(WeightsError, match="wrongly"):
        pth.read(write({"a": Rebuild(storage and six, *rest, False, OrderedDict())}, [six]))


def test_storages_and_tensors_must_belong_together(write, six):
    state = {"a": tensor(six, (6,), (1,))}
    with pytest.raises(WeightsError, match="'a' has no storage"):
        pth.read(write(state))
    with pytest.raises(WeightsError, match="'other' belongs to no tensor"):
        pth.read(write(state, [six, Storage(six.array, "other")]))


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 a zip, as torch writes now", b"<html>not found</html>", bytes(1000)]
)
def test_another_format_is_refused(data):
    with pytest.raises(WeightsError, match="legacy format"):
        pth.read(data)


def test_another_magic_number_and_another_byte_order_are_refused(write):
    with pytest.raises(WeightsError, match="magic number"):
        pth.read(write({}, magic=1))
    with pytest.raises(WeightsError, match="big-endian"):
        pth.read(write({}, facts={"little_endian": False}))
