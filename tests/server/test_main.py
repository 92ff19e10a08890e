"""The command line of `googly serve`, and the errors of its start."""

import socket

import pytest

from googly_eyes.memory import LAMBDA_MEMORY
from googly_eyes.server import main as server_main
from googly_eyes.server.main import ALL_ADDRESSES, greeting, main


def test_a_port_in_use_is_reported_in_one_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"127.0.0.1:{port}: Address already in use" in error


def test_a_missing_model_and_a_wrong_setting_are_reported_in_one_line(capsys, monkeypatch):
    monkeypatch.setenv("GOOGLY_MODEL", "/nowhere.tflite")
    assert main([]) == 1
    assert "GOOGLY_MODEL" in capsys.readouterr().err
    for name, value in (("GOOGLY_MAX_MB", "a lot"), ("GOOGLY_ALLOW_ORIGIN", "example.org")):
        monkeypatch.delenv("GOOGLY_MODEL", raising=False)
        monkeypatch.setenv(name, value)
        assert main([]) == 1
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert name in error
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--port", "65536"], "argument --port: must be a whole number from 0 to 65535, not '65536'"),
        (["--port", "-1"], "argument --port: must be a whole number from 0 to 65535, not '-1'"),
        (["--port", "http"], "argument --port: must be a whole number from 0 to 65535, not 'http'"),
        (["--workers", "0"], "argument --workers: must be a whole number from 1 to 1000, not '0'"),
        (["--waiting", "\u0663"], "argument --waiting: must be a whole number from 1 to 1000, not '\u0663'"),
    ],
)
def test_a_wrong_number_is_reported_with_the_allowed_range(capsys, arguments, expected):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"googly serve: error: {expected}"


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
def test_a_host_that_is_not_this_machine_is_reported_in_one_line(capsys, host):
    assert main(["--host", host, "--port", "0"]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"--host {host} is not an address of this machine" in error


def test_the_greeting_of_a_server_for_this_machine_has_its_address_only():
    text = greeting("127.0.0.1", 8000)
    assert text.startswith("Googly eyes at http://127.0.0.1:8000 ")
    assert "Other devices" not in text


def test_the_greeting_of_a_server_for_all_addresses_has_the_one_for_a_phone_and_a_warning(monkeypatch):
    monkeypatch.setattr(server_main, "_network_address", lambda: "192.168.1.7")
    text = greeting(ALL_ADDRESSES, 8000)
    assert text.startswith("Googly eyes at http://127.0.0.1:8000 ")
    assert "such as a phone, reach it at http://192.168.1.7:8000." in text
    assert "without encryption" in text
    assert "at http://192.168.1.8:8000" in greeting("192.168.1.8", 8000)


def test_the_greeting_of_a_server_with_ipv6_has_its_address_in_brackets():
    text = greeting("::1", 8000)
    assert text.startswith("Googly eyes at http://[::1]:8000 ")
    assert text.endswith(" 'http://[::1]:8000/googly_eyes'")
    assert "at http://[2001:db8::7]:8000. So can" in greeting("2001:db8::7", 8000)
    for_all = greeting("::", 8000)
    assert for_all.startswith("Googly eyes at http://[::1]:8000 ")
    assert "reach it. So can" in for_all


def test_a_machine_without_a_network_has_no_address_for_a_phone(monkeypatch):
    monkeypatch.setattr(server_main, "ELSEWHERE", "not an address")
    assert "reach it. So can" in greeting(ALL_ADDRESSES, 8000)


@pytest.mark.parametrize(
    ("memory", "arguments", "reason"),
    [
        ("1000", ["--workers", "3"], "1,400 MiB with workers: 3. Use fewer workers: --workers 1."),
        ("300", [], "520 MiB with workers: 1. Give the server more memory."),
    ],
)
def test_too_little_memory_for_the_workers_is_reported_in_one_line(capsys, monkeypatch, memory, arguments, reason):
    monkeypatch.setenv(LAMBDA_MEMORY, memory)
    assert main(["--port", "0", *arguments]) == 1
    assert capsys.readouterr().err == f"The server has {int(memory):,} MiB of memory, and needs at least {reason}\n"
