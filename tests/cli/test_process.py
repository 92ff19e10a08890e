"""The command as a process of its own on this machine: streams, signals, full disks, and photos that are real.

Results are compared byte for byte with the result of the pipeline in this process for the same photo and seed.
"""

import json
import os
import shutil
import signal
import struct
import time
from pathlib import Path

import pytest

from googly_eyes.api.response import to_json
from googly_eyes.memory import LAMBDA_MEMORY
from googly_eyes.options import TABLE, Choice, Number, NumberRange, Options, WholeNumber, as_text
from googly_eyes.pipeline import googlify
from googly_eyes.settings import own_settings
from testing.command import COMMAND, WAIT_S, environment, files_in, run_process
from testing.heics import drawn
from testing.people import blank, landscape
from testing.photos import shared_photo, stored

pytestmark = pytest.mark.process
SEED = 7


@pytest.fixture(scope="module")
def expected(detector):
    """Return a function that runs the pipeline in this process."""

    def result_of(data, **options):
        return googlify(data, Options(**{"seed": SEED, **options}), detector, own_settings({}))

    return result_of


def allowed_value(kind):
    match kind:
        case Number() | WholeNumber():
            return kind.high
        case NumberRange():
            return (0.2, 0.3)
        case Choice():
            return kind.values[-1]


# ---- photos ----------------------------------------------------------------------------------------------------------


def test_one_photo_becomes_one_result_beside_it(tmp_path, googly, expected):
    data = shared_photo("portrait.jpg")
    (tmp_path / "me.jpg").write_bytes(data)
    done = googly("me.jpg", "--seed", SEED, cwd=tmp_path)
    assert (done.status, done.errors) == (0, [])
    assert done.lines[0].startswith("me.jpg -> me.googly.jpg: 1 face, seed 7 (read ")
    assert (tmp_path / "me.googly.jpg").read_bytes() == expected(data).photo
    assert files_in(tmp_path) == ["me.googly.jpg", "me.jpg"]


def test_photos_of_several_formats_and_depths_keep_their_bytes_and_places(tmp_path, googly, expected, photo):
    photos = {"a  b.c.d.jpeg": photo, "x/png.PNG": stored(landscape(64, 48), 1, "PNG"), "x/y/turned.jpg": photo}
    for name, data in photos.items():
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    done = googly("-r", "in", "-o", "out", "--seed", SEED, "-j", 2, cwd=tmp_path)
    assert (done.status, done.errors, len(done.lines)) == (0, [], 3)
    names = ["a  b.c.d.googly.jpeg", "x/png.googly.PNG", "x/y/turned.googly.jpg"]
    assert files_in(tmp_path / "out") == names
    for name, data in zip(names, photos.values(), strict=True):
        assert (tmp_path / "out" / name).read_bytes() == expected(data).photo


@pytest.mark.parametrize("answer", ["photo", "faces"])
def test_every_option_reaches_the_pipeline(tmp_path, googly, expected, photo, answer):
    (tmp_path / "a.jpg").write_bytes(photo)
    given = {row.name: allowed_value(row.kind) for row in TABLE} | {"answer": answer}
    flags = [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", as_text(value))]
    done = googly("a.jpg", "--faces", "f.json", *flags, cwd=tmp_path)
    assert (done.status, done.errors) == (0, [])
    result = expected(photo, **given)
    [record] = json.loads((tmp_path / "f.json").read_text())
    assert record["faces"] == to_json(result)["faces"]
    assert record["seed"] == given["seed"]
    written = tmp_path / "a.googly.jpg"
    assert (written.read_bytes() if written.exists() else None) == result.photo


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("broken.jpg", None),
        ("letter.jpg", b"Dear Sir or Madam"),
        ("drawing.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("page.jpg", b"%PDF-1.7"),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("noise.png", bytes(range(256)) * 8),
        ("empty.jpg", b""),
    ],
)
def test_a_file_that_is_not_a_whole_photo_is_one_line_without_terms_of_the_api(tmp_path, googly, photo, name, data):
    (tmp_path / name).write_bytes(photo[: len(photo) // 2] if data is None else data)
    done = googly(name, cwd=tmp_path)
    assert (done.status, done.output, len(done.errors)) == (1, b"", 1)
    assert done.errors[0].startswith(f"googly: {name}: ")
    assert not any(term in done.errors[0] for term in ("JSON", "base64", "query", "Content-Type", "body", "request"))
    assert files_in(tmp_path) == [name]


def test_the_result_of_a_heic_is_a_jpeg_with_the_extension_of_one(tmp_path, googly):
    (tmp_path / "phone.HEIC").write_bytes(drawn("people.heic"))
    done = googly("phone.HEIC", "--seed", SEED, cwd=tmp_path)
    assert (done.status, done.errors) == (0, [])
    assert files_in(tmp_path) == ["phone.HEIC", "phone.googly.jpg"]
    assert (tmp_path / "phone.googly.jpg").read_bytes().startswith(b"\xff\xd8\xff")
    named = googly("phone.HEIC", "-o", "p.heic", cwd=tmp_path)
    assert (named.status, named.errors) == (
        1,
        ["googly: phone.HEIC: The result cannot be p.heic, because a HEIC is written as JPEG. Name it p.jpg."],
    )


def test_the_extension_of_out_must_fit_the_format(three, googly):
    done = googly("a.jpg", "-o", "p.png", cwd=three)
    assert (done.status, done.errors) == (
        1,
        ["googly: a.jpg: The result cannot be p.png, because it keeps the photo's format, JPEG. Name it p.jpg."],
    )
    assert files_in(three) == ["a.jpg", "b.jpg", "c.jpg"]


# ---- streams ---------------------------------------------------------------------------------------------------------


def test_standard_input_and_output_carry_the_photo(tmp_path, googly, expected, photo):
    (tmp_path / "a.jpg").write_bytes(photo)
    result = expected(photo).photo
    piped = googly("-", "--seed", SEED, cwd=tmp_path, data=photo)
    assert (piped.status, piped.output) == (0, result)
    assert piped.errors[0].startswith("standard input -> standard output: 6 faces, seed 7 (")
    assert googly("a.jpg", "-o", "-", "--seed", SEED, "-q", cwd=tmp_path).output == result
    assert googly("-", "-o", "new/x.jpg", "--seed", SEED, cwd=tmp_path, data=photo).status == 0
    assert (tmp_path / "new/x.jpg").read_bytes() == result


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="not proven: there is no /dev/full here")
@pytest.mark.parametrize("arguments", [["-o", "-"], [], ["--faces", "-"]])
def test_a_full_standard_output_is_one_line(three, googly, arguments):
    with Path("/dev/full").open("wb") as full:
        done = googly("a.jpg", *arguments, cwd=three, stdout=full)
    assert done.status == 1
    assert done.errors[-1] == "googly: Standard output cannot be written: No space left on device."
    assert not any("Traceback" in line for line in done.errors)
    assert not any(name.startswith(".") for name in files_in(three))


def test_a_closed_pipe_on_standard_output_prints_no_error(three, googly):
    reader, writer = os.pipe()
    os.close(reader)
    done = googly("a.jpg", "-o", "-", cwd=three, stdout=writer)
    os.close(writer)
    assert (done.status, done.errors) == (1, [])


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_a_closed_standard_stream_does_not_crash_the_command(three, closed):
    command = ["sh", "-c", f'exec "$@" {closed}>&-', "sh", *COMMAND]
    done = run_process([*command, "a.jpg"], three)
    assert (done.status, done.errors) == (0, [])
    assert (three / "a.googly.jpg").is_file()
    if closed == 0:
        done = run_process([*command, "-"], three)
        assert (done.status, done.errors) == (1, ["googly: standard input: The file is empty."])


def test_a_missing_model_is_one_line(three, googly):
    done = googly(".", cwd=three, env=environment(GOOGLY_MODEL="/nowhere.tflite"))
    assert (done.status, len(done.errors)) == (1, 1)
    assert "/nowhere.tflite" in done.errors[0]


def test_a_photo_over_a_limit_is_reported_with_the_setting(three, googly):
    reasons = {"GOOGLY_MAX_MEGAPIXELS": "600 x 350 pixels", "GOOGLY_MAX_MB": "bytes; 10,000 are allowed"}
    for setting, reason in reasons.items():
        done = googly("a.jpg", cwd=three, env=environment(**{setting: "0.01"}))
        assert (done.status, len(done.errors)) == (1, 1)
        assert reason in done.errors[0]
        assert setting in done.errors[0]


# ---- signals ---------------------------------------------------------------------------------------------------------

SIGNALS = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


@pytest.fixture
def interruptible():
    """Handle Ctrl-C, which processes started in the background of a script ignore, as do their children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_a_signal_between_photos_leaves_complete_results_only(tmp_path, start_googly, expected):
    slow = stored(landscape(1600, 1600), 1, "PNG")  # some hundred milliseconds each
    for index in range(6):
        (tmp_path / f"{index}.png").write_bytes(slow)
    process = start_googly(".", "--seed", SEED, "--jobs", 2, "--faces", "f.json", cwd=tmp_path)
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 143
    assert errors == b"googly: Stopped by SIGTERM. Every file that was written is complete.\n"
    results = [path.read_bytes() for path in tmp_path.glob("*.googly.png")]
    assert 1 <= len(results) < 6
    assert set(results) == {expected(slow).photo}
    assert not any(name.startswith(".") or name == "f.json" for name in files_in(tmp_path))


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", SIGNALS, ids=SIGNALS.get)
def test_a_signal_during_a_write_leaves_no_temporary_file(tmp_path, start_googly, number):
    (tmp_path / "a.bmp").write_bytes(stored(landscape(3000, 2000), 1, "BMP"))  # 18 MB take a moment to write
    process = start_googly("a.bmp", "-o", "out/", cwd=tmp_path)
    while process.poll() is None:
        if (tmp_path / "out").is_dir() and any((tmp_path / "out").iterdir()):
            process.send_signal(number)
            break
        time.sleep(0.0005)
    process.communicate(timeout=WAIT_S)
    assert process.returncode in {0, 128 + number}  # 0: the signal arrived after the end
    assert files_in(tmp_path / "out") == ["a.googly.bmp"]
    assert (tmp_path / "out/a.googly.bmp").stat().st_size == (tmp_path / "a.bmp").stat().st_size


@pytest.mark.usefixtures("interruptible")
def test_a_signal_while_standard_input_is_read_ends_the_command(tmp_path, start_googly):
    reader, writer = os.pipe()
    process = start_googly("-", "-o", "x.jpg", cwd=tmp_path, stdin=reader)
    os.write(writer, b"\xff\xd8\xff")
    _wait_until_handled(process.pid, signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WAIT_S)
    os.close(reader)
    os.close(writer)
    assert process.returncode == 143
    assert files_in(tmp_path) == []


def _wait_until_handled(pid, number):
    """Wait until a process has a handler for a signal; before, the signal would end Python itself."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) >> (number - 1) & 1:
            return
        time.sleep(0.01)
    pytest.fail("the process has no handler for the signal")


# ---- full disks ------------------------------------------------------------------------------------------------------


def test_a_read_only_folder_is_reported_for_each_photo(three):
    done = run_mounted("ro", "a.jpg", "b.jpg", "-o", "place/", cwd=three)
    assert (done.status, done.output) == (1, b"")
    assert done.errors == [
        *(
            f"googly: {name}.jpg: place/{name}.googly.jpg cannot be written: Read-only file system. "
            f"Use another file or folder."
            for name in "ab"
        ),
        "googly: 2 of 2 photos are not done",
    ]


def test_a_full_disk_is_reported_and_leaves_no_part_of_a_file(three, expected, photo):
    assert len(expected(photo).photo) > 20_000
    done = run_mounted("size=16k", "a.jpg", "-o", "place/", "--seed", SEED, cwd=three)
    assert done.status == 1
    assert done.errors == [
        (
            "googly: a.jpg: place/a.googly.jpg cannot be written: No space left on device. "
            "Free some space on the disk, or use a folder on another one."
        )
    ]
    assert done.output == b""  # neither a result nor, from the listing of `place`, a file


def test_a_full_disk_for_the_faces_fails_after_the_photos_are_complete(three, expected, photo):
    done = run_mounted("size=4k,nr_inodes=1", "a.jpg", "-o", "x.jpg", "--faces", "place/f.json", "--seed", SEED,
                       cwd=three)  # fmt: skip
    assert (done.status, len(done.errors)) == (1, 1)
    assert done.errors[0].startswith(
        "googly: The faces are not saved: place/f.json cannot be written: No space left on device."
    )
    assert (three / "x.jpg").read_bytes() == expected(photo).photo


def run_mounted(options, *arguments, cwd):
    """Run the command with a file system of its own at `place`, then list the files there."""
    script = 'mount -t tmpfs -o "$1" tmpfs place && shift && { "$@"; status=$?; ls -A place; exit $status; }'
    unshare = next((way for way in (["--mount"], ["--mount", "--map-root-user"]) if _can_mount(way, cwd)), None)
    if unshare is None:
        pytest.skip("not proven: no file system can be mounted in a namespace of its own here")
    (cwd / "place").mkdir()
    return run_process(["unshare", *unshare, "sh", "-c", script, "sh", options, *COMMAND, *map(str, arguments)], cwd)


def _can_mount(way, cwd):
    if shutil.which("unshare") is None:
        return False
    return run_process(["unshare", *way, "sh", "-c", "mount -t tmpfs tmpfs /mnt"], cwd).status == 0


# ---- googly serve ----------------------------------------------------------------------------------------------------


def test_serve_starts_the_server_and_ends_with_success_at_sigterm(tmp_path, start_googly):
    process = start_googly("serve", "--port", "0", "--workers", "1", cwd=tmp_path)
    assert b"http://127.0.0.1:" in process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=WAIT_S)
    assert process.returncode == 0


def test_serve_has_its_own_help(tmp_path, googly):
    done = googly("serve", "--help", cwd=tmp_path)
    assert done.status == 0
    for option in (b"--host", b"--port", b"--workers"):
        assert option in done.output


def test_photos_that_are_processed_at_once_share_the_memory(tmp_path, googly):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(stored(blank(4000, 3000), 1, "PNG"))
    photos = ("a.png", "b.png", "--detail", "fast")
    done = googly(*photos, "--jobs", 2, cwd=tmp_path, env=environment(**{LAMBDA_MEMORY: "1040"}))
    assert done.status == 1
    assert "520 MiB allow 9.3 million" in done.errors[0]
    assert done.errors[0].endswith("Or process one photo at a time, with --jobs 1.")
    # By default there are no more photos at once than the memory allows.
    assert googly(*photos, cwd=tmp_path, env=environment(**{LAMBDA_MEMORY: "1020"})).status == 0


def test_messages_of_the_image_library_are_not_printed(tmp_path, googly):
    data = bytearray(stored(blank(40, 30), 1, "TIFF"))
    samples = data.index(struct.pack("<HHI", 277, 3, 1))
    data[samples + 8 : samples + 10] = b"\xff\xff"
    (tmp_path / "a.tif").write_bytes(data)
    (tmp_path / "b.tif").write_bytes(stored(blank(40, 30), 1, "TIFF", compression="tiff_lzw")[:-30])
    done = googly("a.tif", "b.tif", cwd=tmp_path)
    assert done.status == 1
    assert [line.split(":")[0] for line in done.errors] == ["googly"] * 3  # two reasons, and the number of photos
