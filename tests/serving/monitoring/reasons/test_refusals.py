"""What one worker refuses, all of them say."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from serving.monitoring.reasons.refusals import SharedRefusals

AAPL, MSFT = ("AAPL", 1), ("MSFT", 5)


def file_of(folder: Path, pid: int) -> Path:
    return folder / f"refused-{pid}.json"


def test_other_workers_learn_what_one_refuses_and_when_it_does_no_longer(tmp_path: Path) -> None:
    one = SharedRefusals(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        one.tell({AAPL: "its card is damaged"})
        assert one.elsewhere() == {}, "its own word it knows better"
        file_of(tmp_path, os.getpid()).rename(file_of(tmp_path, other.pid))
        assert one.elsewhere() == {AAPL: "its card is damaged"}
        one.tell({MSFT: "cut off"})
        one.tell({})
        assert json.loads(file_of(tmp_path, os.getpid()).read_text()) == []
        other.kill()

    assert not psutil.pid_exists(other.pid)
    assert one.elsewhere() == {}, "the word of a worker that ended counts no more"


def test_a_process_alone_shares_nothing() -> None:
    alone = SharedRefusals(None)
    alone.tell({AAPL: "its card is damaged"})

    assert alone.elsewhere() == {}
