"""What is on the disk before something that replaces or outlives it: the order of writes, syncs and
renames, as the kernel was asked for them.
"""

import re

from harness import helper
from syscalls import Recorder, position

SYNC = r"fsync|fdatasync"


def is_synced_and_renamed(calls, temporary, name):
    """calls: of one thread. The last write to the temporary file, then its sync, then its rename;
    returns where the rename stands.
    """
    written = position(calls, r"write|pwrite64", rf"^\d+<[^>]*{temporary}>")
    synced = position(calls, SYNC, rf"^\d+<[^>]*{temporary}>")
    renamed = position(calls, r"rename(at2?)?", rf'"{temporary}".*"{name}"')
    assert (
        written < synced < renamed
    ), f"{name}: written {written}, synced {synced}, renamed {renamed}"
    return renamed


def test_a_setting_is_on_the_disk_before_it_replaces_the_old_ones(tend):
    calls = Recorder(tend, "config", "set", "log_level", "DEBUG").finish()
    renamed = is_synced_and_renamed(calls, r"\.[^\"]*config[^\"]*\.tmp", r"[^\"]*config[^\"]*")
    assert (
        position(calls, SYNC, rf"^\d+<{re.escape(str(tend.home))}>") > renamed
    ), "the folder is not synced"


def test_processes_json_is_on_the_disk_before_it_replaces_the_old_one(tend):
    recorder = Recorder(tend, "start", "--name", "a", "--background", "--", helper("sleeper"))
    home = re.escape(str(tend.home))
    saver = recorder.wait(
        SYNC, rf"^\d+<{home}>"
    )  # the child of the spawner that writes it, and what it has done so far
    spec = position(saver, SYNC, rf"^\d+<{home}/specs/a\.json>")
    folder = position(saver, SYNC, rf"^\d+<{home}/specs>")
    renamed = is_synced_and_renamed(saver, r"\.processes\.json\.[^\"]*\.tmp", r"processes\.json")
    assert spec < folder < renamed, "what it speaks of is not synced before it"
    tend.stop_all()
    recorder.finish()


def test_an_archive_is_on_the_disk_before_the_raw_file_goes(tend):
    recorder = Recorder(
        tend, "start", "--name", "a", "--background", "--", "sh", "-c", "echo one; exec sleep 1000"
    )
    tend.wait_log("a", "one")
    tend.run("logs", "rotate", "a")
    archiver = recorder.wait("unlinkat", r'"a\.log\.000000001", 0$')
    renamed = is_synced_and_renamed(
        archiver, r"a\.log\.000000001\.lz4\.tmp", r"a\.log\.000000001\.lz4"
    )
    folder = position(archiver, SYNC, rf"^\d+<{re.escape(str(tend.home))}/logs>")
    assert renamed < folder < len(archiver) - 1, "the folder is not synced before the raw file goes"
    tend.stop_all()
    recorder.finish()
