"""The processes' helper itself."""

import signal
import sys

import psutil
import pytest

from tests.lab.procs import Procs

PYTHON = (sys.executable, "-c")


def test_a_line_is_waited_for_and_streams_are_apart(procs: Procs):
    code = "import sys; print('port 71'); print('warn', file=sys.stderr); input()"
    process = procs.start("import sys\n" + code.replace("input()", ""), program=PYTHON)
    assert process.wait_for(r"port (\d+)")[1] == "71"
    assert process.wait() == 0
    assert process.stream("out") == "port 71\n"
    assert process.stream("err") == "warn\n"


def test_a_line_that_never_comes_fails_with_what_came(procs: Procs):
    process = procs.start("print('other')", program=PYTHON)
    with pytest.raises(AssertionError, match="other"):
        process.wait_for("nothing")


def test_kill_takes_the_children_too(procs: Procs):
    code = (
        "import subprocess as s, sys; p = s.Popen([sys.executable, '-c', 'input()'], stdin=s.PIPE);"
        "print('child', p.pid); p.wait()"
    )
    process = procs.start(code, program=PYTHON)
    child = psutil.Process(int(process.wait_for(r"child (\d+)")[1]))
    assert process.kill() == -signal.SIGKILL
    gone, alive = psutil.wait_procs([child], timeout=10)
    assert gone and not alive


def test_the_home_is_the_tests_own(procs: Procs):
    code = "import os; print(os.environ['CHATIXIA_HOME'], os.environ['X'])"
    done = procs.run(code, program=PYTHON, X="1")
    assert done.stdout == f"{procs.folder / 'home'} 1\n"
