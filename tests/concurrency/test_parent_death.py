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


@pytest.mark.parametrize(("lives", "told"), [(True, "lives False\n"), (False, "")])
def test_a_process_whose_parent_ended_before_it_asked_ends_too(told: str, *, lives: bool) -> None:
    environment = os.environ | {PARENT_VARIABLE: str(os.getpid() if lives else 1)}

    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert (ended.stdout, ended.returncode) == (told, 0 if told else 1)
