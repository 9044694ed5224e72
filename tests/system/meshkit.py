"""The mesh's own programs, as npm has them: installed once by the tests themselves, one version,
and skipped with a word where that can't be done.
"""

import fcntl
import json
import os
import platform
import subprocess
import time
from pathlib import Path

import pytest

PACKAGE, VERSION = "@mcpmesh/cli-linux-x64", "3.7.1"
INTEGRITY = "sha512-dRtSokfhZnbfad659Qj1+aefkBxob0RjOJpMh24S3aNotkZTHv9IdW9q+MKkH3ineOPCUBzHMLPP0+aEP1rwuA=="
FOLDER = Path(__file__).resolve().parents[2] / "build" / f"mesh-{VERSION}"
TRY_AGAIN_S = 600


def install():
    """npm looks at the sum of what it gets, and runs nothing of the package."""
    lock = {
        "name": "mesh",
        "lockfileVersion": 3,
        "requires": True,
        "packages": {
            "": {"dependencies": {PACKAGE: VERSION}},
            f"node_modules/{PACKAGE}": {"version": VERSION, "integrity": INTEGRITY},
        },
    }
    (FOLDER / "package.json").write_text(
        json.dumps({"private": True, "dependencies": {PACKAGE: VERSION}})
    )
    (FOLDER / "package-lock.json").write_text(json.dumps(lock))
    try:
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"],
            cwd=FOLDER,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=280,
        )
    except (OSError, subprocess.TimeoutExpired) as e:
        return str(e)
    return None if done.returncode == 0 else done.stderr.strip()[-300:] or "npm failed"


def programs():
    """The folder with meshctl and mcp-mesh-registry."""
    if platform.machine() != "x86_64":
        pytest.skip(f"{PACKAGE} is for x86_64")
    bin_folder, failed = FOLDER / "node_modules" / PACKAGE / "bin", FOLDER / "failed"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side
        if not (bin_folder / "meshctl").exists() or not (FOLDER / "done").exists():
            if failed.exists() and time.time() - failed.stat().st_mtime < TRY_AGAIN_S:
                pytest.skip(f"{PACKAGE} can't be installed: {failed.read_text()}")
            why = install()
            if why:
                failed.write_text(why)
                pytest.skip(f"{PACKAGE} can't be installed: {why}")
            (FOLDER / "done").touch()
    return bin_folder


def registry_on_path(tend):
    """From now on tend start takes the mesh's own registry, as anybody's who has it installed."""
    folder = tend.work / "mesh-bin"
    folder.mkdir()
    (folder / "mcp-mesh-registry").symlink_to(programs() / "mcp-mesh-registry")
    tend.env["PATH"] = f"{folder}:{tend.env.get('PATH', os.defpath)}"
    tend.env["HOME"] = str(tend.work)
