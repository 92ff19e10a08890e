"""The reader of joblib's arrays: complete arrays, and nothing in the file is executed. The files are made here."""

import io
import pickle
import tracemalloc
from contextlib import suppress

import lz4.frame
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import joblib
from models.errors import WeightsError
from models.tensors import MAX_BYTES, MAX_TENSORS

SOME = [np.arange(6, dtype="<f4").reshape(1, 2, 3), np.array(2.5, "<f4"), np.zeros((0, 4), "<f4"), np.ones(5, "<f4")]


class Global:
    """Pickled as a reference to a name that may not exist here."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class Wrapper:
    """Pickled as joblib's NumpyArrayWrapper, followed by the elements in the stream."""

    def __init__(self, array: np.ndarray, **state: object) -> None:
        self.array = array
        self.state = {
            "subclass": Global("numpy", "ndarray"),
            "shape": array.shape,
            "order": "C",
            "dtype": array.dtype,
            "allow_mmap": True,
            "numpy_array_alignment_bytes": 16,
            **state,
        }


class Writer(pickle._Pickler):
    """Write joblib's format; the pickler in pure Python can write names that do not exist here."""

    def save(self, obj: object, save_persistent_id: bool = True) -> None:
        if isinstance(obj, Global):
            super().save(obj.module)
            super().save(obj.name)
            self.write(pickle.STACK_GLOBAL)
        elif isinstance(obj, Wrapper):
            self.framer.commit_frame(force=True)
            self.save(Global("joblib.numpy_pickle", "NumpyArrayWrapper"))
            self.write(pickle.EMPTY_TUPLE + pickle.NEWOBJ)
            self.save(obj.state)
            self.write(pickle.BUILD)
            self.framer.commit_frame(force=True)
            self._file_write(bytes([3]) + b"\xff" * 3 + obj.array.tobytes())
        else:
            super().save(obj, save_persistent_id)


def pickled(obj: object) -> bytes:
    stream = io.BytesIO()
    writer = Writer(stream, protocol=4)
    writer._file_write = stream.write
    writer.dump(obj)
    return stream.getvalue()


def written(*arrays: object) -> bytes:
    wrapped = [Wrapper(array) if isinstance(array, np.ndarray) else array for array in arrays]
    return lz4.frame.compress(pickled(wrapped))


def test_arrays_are_returned_in_their_order():
    read = joblib.read(written(*SOME))
    assert len(read) == len(SOME)
    for one, other in zip(read, SOME, strict=True):
        assert one.dtype == np.float32
        assert one.shape == other.shape
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "name", ["os system", "builtins eval", "numpy.core.multiarray _reconstruct", "joblib.func _run"]
)
def test_any_other_name_is_rejected_and_nothing_is_executed(name):
    module, function = name.split()
    with pytest.raises(WeightsError, match=rf"refers to {module}\.{function}, and only tensors are read"):
        joblib.read(written(Wrapper(SOME[0], subclass=Global(module, function))))


def test_a_call_of_an_allowed_name_executes_nothing():
    class Call:
        def __reduce__(self) -> object:
            return (print, ("run",))

    class Caller(Writer):
        def save(self, obj: object, save_persistent_id: bool = True) -> None:
            super().save(Global("numpy", "ndarray") if obj is print else obj, save_persistent_id)

    stream = io.BytesIO()
    Caller(stream, protocol=4).dump([Call()])
    with pytest.raises(WeightsError, match="not callable"):
        joblib.read(lz4.frame.compress(stream.getvalue()))


@pytest.mark.parametrize(
    "wrapper",
    [
        Wrapper(np.zeros(3, "<f8")),
        Wrapper(np.zeros(3, ">f4")),
        Wrapper(np.zeros(3, "<i4")),
        Wrapper(SOME[0], order="F"),
        Wrapper(SOME[0], shape=(-1, 2)),
        Wrapper(SOME[0], shape=[1, 2, 3]),
        Wrapper(SOME[0], shape=("1",)),
        Wrapper(SOME[0], dtype="<f4"),
    ],
    ids=["double", "big-endian", "integers", "Fortran order", "negative", "list", "text", "no dtype"],
)
def test_anything_except_float32_in_c_order_is_rejected(wrapper):
    with pytest.raises(WeightsError, match=r"not little-endian float32 in C order"):
        joblib.read(written(wrapper))


@pytest.mark.parametrize("other", [[1, 2], {"a": 1}, None, [None]])
def test_anything_except_a_list_of_arrays_is_rejected(other):
    with pytest.raises(WeightsError, match="other than a list of arrays"):
        joblib.read(lz4.frame.compress(pickled(other)))


def test_an_array_larger_than_the_file_is_rejected():
    with pytest.raises(WeightsError, match=r"shape \(1000, 1000\) is incomplete"):
        joblib.read(written(Wrapper(SOME[0], shape=(1000, 1000))))
    with pytest.raises(WeightsError, match="damaged"):
        joblib.read(written(Wrapper(SOME[0], shape=(2**40, 2**40))))


@given(st.data())
def test_a_file_cut_short_or_damaged_is_rejected_or_read_and_never_crashes(data):
    whole = lz4.frame.decompress(written(*SOME))
    end = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(WeightsError):
        joblib.read(lz4.frame.compress(whole[:end]))
    damaged = bytearray(whole)
    damaged[end] ^= data.draw(st.integers(1, 255))
    with suppress(WeightsError):
        joblib.read(lz4.frame.compress(bytes(damaged)))


def test_more_tensors_than_a_network_has_are_rejected():
    one = np.zeros(1, "<f4")
    assert len(joblib.read(written(*[one] * MAX_TENSORS))) == MAX_TENSORS
    with pytest.raises(WeightsError, match=f"{MAX_TENSORS} are allowed"):
        joblib.read(written(*[one] * (MAX_TENSORS + 1)))


def test_a_file_that_unpacks_to_gigabytes_is_rejected_before_it_is_unpacked():
    packer = lz4.frame.LZ4FrameCompressor()
    bomb = packer.begin() + b"".join(packer.compress(bytes(2**24)) for _ in range(16)) + packer.flush()
    tracemalloc.start()
    with pytest.raises(WeightsError, match="larger than"):
        joblib.read(bomb)
    assert tracemalloc.get_traced_memory()[1] < 3 * MAX_BYTES
    tracemalloc.stop()


def test_data_other_than_an_lz4_file_is_rejected():
    with pytest.raises(WeightsError, match="not an LZ4 file"):
        joblib.read(b"no LZ4")
