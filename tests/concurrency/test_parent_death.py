import os
import subprocess
import sys

import pytest

from concurrency.parent_death import PARENT_VARIABLE
from configuration import ROOT

PROGRAM = """
import os
from concurrency.parent_death import PARENT_VARIABLE, end_with_parent
end_with_parent()
print("lives", PARENT_VARIABLE in os.environ)
"""


@pytest.mark.parametrize(("parent", "told"), [(os.getpid(), "lives False\n"), (1, "")])
def test_a_process_whose_parent_ended_before_it_asked_ends_too(parent: int, told: str) -> None:
    environment = os.environ | {PARENT_VARIABLE: str(parent)}

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert (ended.stdout, ended.returncode) == (told, 0 if told else 1)
