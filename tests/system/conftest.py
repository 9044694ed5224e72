"""Fixtures: tend (an instance with a home of its own), tend_spaces (on a path with spaces),
new_tend (as many as a test wants).
"""

import os
import select
import signal
import threading

import pytest

from harness import Tend


def die_with(parent):
    """A worker whose pytest was killed would finish its test first, minutes perhaps. Its janitors
    can only begin once it is gone.
    """
    select.select([parent], [], [])
    os.kill(os.getpid(), signal.SIGKILL)


def pytest_configure(config):
    # In the background of a script the one is ignored, under nohup the other; and so they would be
    # in every command of a test.
    for signo, action in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(signo) == signal.SIG_IGN:
            signal.signal(signo, action)
    if hasattr(config, "workerinput"):  # a worker of pytest-xdist
        threading.Thread(target=die_with, args=(os.pidfd_open(os.getppid()),), daemon=True).start()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Let fixtures see whether their test has failed."""
    outcome = yield
    setattr(item, f"report_{call.when}", outcome.get_result())


def finish(request, instances):
    report = getattr(request.node, "report_call", None)
    failed = report is not None and report.failed
    complaints = []
    for instance in instances:
        try:
            if failed:
                print(instance.describe())
        finally:
            complaints += instance.close()
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def new_tend(request):
    """A function that makes an instance; all of them are cleared up after the test."""
    instances = []

    def make(home_name="h"):
        instances.append(Tend(home_name))
        return instances[-1]

    yield make
    finish(request, instances)


@pytest.fixture
def tend(new_tend):
    return new_tend()


@pytest.fixture
def tend_spaces(new_tend):
    return new_tend("a home  with spaces")
