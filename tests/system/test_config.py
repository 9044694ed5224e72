"""tend config: show, set, reset, path and save, their outputs and exit statuses."""

import json
import os
import subprocess

import pytest

DEFAULTS = {
    "auto_restart": True,
    "db_path": "./dev_registry.db",
    "debug_mode": False,
    "enable_background": False,
    "health_check_interval": 30,
    "log_level": "INFO",
    "pid_file": "./mcp_mesh_dev.pid",
    "registry_host": "localhost",
    "registry_port": 8080,
    "shutdown_timeout": 30,
    "startup_timeout": 30,
    "watch_files": True,
}


def shown(tend, **options):
    return json.loads(tend.run("config", "show", "--format", "json", **options).stdout)


def path_of(tend):
    return tend.home / "cli_config.json"


def test_show_without_a_home(tend):
    assert shown(tend) == DEFAULTS
    text = tend.run("config", "show").stdout
    assert text == "".join(f"{key}: {value}\n" for key, value in sorted(DEFAULTS.items()))
    assert tend.run("config").stdout == ""
    assert tend.run("config", "path").stdout == f"{path_of(tend)}\n"
    assert not tend.home.exists()  # looking makes nothing


def test_set_save_reset(tend):
    assert tend.run("config", "set", "registry_port", "9000").stdout == "registry_port = 9000\n"
    assert tend.run("config", "set", "debug_mode", "On").stdout == "debug_mode = True\n"
    assert json.loads(path_of(tend).read_text()) == {"registry_port": 9000, "debug_mode": True}
    assert shown(tend) == {**DEFAULTS, "registry_port": 9000, "debug_mode": True}
    env = {"MCP_MESH_LOG_LEVEL": "ERROR"}
    assert tend.run("config", "save", env=env).stdout == f"Configuration saved to {path_of(tend)}\n"
    assert json.loads(path_of(tend).read_text()) == {
        "registry_port": 9000,
        "debug_mode": True,
        "log_level": "ERROR",
    }
    tend.run("config", "set", "registry_command", "my-registry --fast")
    assert shown(tend)["registry_command"] == "my-registry --fast"
    assert tend.run("config", "reset").stdout == "Configuration reset to defaults\n"
    assert shown(tend) == DEFAULTS
    assert path_of(tend).stat().st_mode & 0o777 == 0o600


def test_what_a_killed_writer_has_left_is_removed(tend):
    tend.run("config", "set", "registry_port", "9000")
    dead = subprocess.Popen(["true"])
    dead.wait()
    left = tend.home / f".cli_config.json.{dead.pid}-0123abcd.tmp"
    writing = tend.home / f".cli_config.json.{os.getpid()}-0123abcd.tmp"
    left.write_text("{")
    writing.write_text("{")
    tend.run("config", "set", "registry_port", "9001")
    assert not left.exists() and writing.exists()
    writing.unlink()


def test_unknown_keys_are_kept_and_named(tend):
    tend.run("config", "set", "registry_port", "9000")
    path_of(tend).write_text('{"mine": {"a": [1, 2]}, "registry_port": 9000}')
    tend.run("config", "set", "log_level", "warning")
    assert json.loads(path_of(tend).read_text()) == {
        "mine": {"a": [1, 2]},
        "registry_port": 9000,
        "log_level": "warning",
    }
    done = tend.run("config", "set", "registy_port", "1", check=False)
    assert done.returncode == 1 and "did you mean registry_port?" in done.stderr
    done = tend.run("config", "set", "nonsense", "1", check=False)
    assert done.returncode == 1 and "unknown key nonsense" in done.stderr


@pytest.mark.parametrize(
    "text, place",
    [
        ("{", "line 1, column 2"),
        ('{\n "a": nope}', "line 2, column 7"),
        ("[]", "line 1, column 1"),
        ("", "line 1, column 1"),
    ],
)
def test_damaged_file(tend, text, place):
    tend.run("config", "set", "registry_port", "9000")
    path_of(tend).write_text(text)
    for command in (["show"], ["save"], ["set", "registry_port", "1"]):
        done = tend.run("config", *command, check=False)
        assert (
            done.returncode == 1 and str(path_of(tend)) in done.stderr and place in done.stderr
        ), done.stderr
        assert done.stdout == ""
    assert path_of(tend).read_text() == text
    tend.run("config", "path")
    tend.run("help")
    tend.run("version")
    tend.run("config", "reset")
    assert shown(tend) == DEFAULTS


def test_every_error_at_once(tend):
    tend.run("config", "reset")
    path_of(tend).write_text('{"registry_port": 70000, "log_level": 3}')
    done = tend.run("config", "show", check=False, env={"MCP_MESH_SHUTDOWN_TIMEOUT": "x"})
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    for part in (
        "MCP_MESH_SHUTDOWN_TIMEOUT",
        "registry_port must be from 1 to 65535, not 70000; log_level must be a string",
    ):
        assert part in done.stderr


def test_values(tend):
    for key, value in (
        ("registry_port", "0"),
        ("registry_port", "8_082"),
        ("registry_host", ""),
        ("log_level", "LOUD"),
        ("db_path", "/"),
        ("startup_timeout", "1.5"),
        ("registry_port", "9" * 40),
        ("registry_port", "-1"),
        ("startup_timeout", "-5"),
    ):
        done = tend.run("config", "set", key, value, check=False)
        assert done.returncode == 1 and key in done.stderr and len(done.stderr.splitlines()) == 1
    assert not path_of(tend).exists()
    done = tend.run(
        "config", "set", "registry_port", "8080", env={"MCP_MESH_REGISTRY_PORT": "8222"}
    )
    assert "MCP_MESH_REGISTRY_PORT" in done.stderr


def test_misuse(tend):
    for args in (
        ["shw"],
        ["set", "a"],
        ["path", "x"],
        ["show", "--format", "xml"],
        ["reset", "--format", "json"],
    ):
        done = tend.run("config", *args, check=False)
        assert done.returncode == 2 and "usage: tend config" in done.stderr
    assert "did you mean show?" in tend.run("config", "shwo", check=False).stderr
