"""Real faults in a process of their own: killed, or out of disk."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fabricemu.results.reader import Result, recover, verify
from fabricemu.results.spill import spill_folder

ROOT = Path(__file__).resolve().parents[1]

COMMON = """
import resource, sys
from pathlib import Path
import numpy as np
from fabricemu.errors import FabricemuError
from fabricemu.results import schema
from fabricemu.results.log import MessageLog
from fabricemu.results.spill import spill_folder
from fabricemu.results.writer import publish
path = Path(sys.argv[1])
def rows(first, number=1000):
    columns = {n: np.arange(number, dtype=t) for n, t in schema.message_types().items()}
    return columns | {"message": np.arange(first, first + number)}
"""

ENDLESS = """
log = MessageLog(spill_folder(path), 10**6)
for first in range(0, 10**6, 1000):
    log.add(rows(first))
    log.checkpoint()
    print(first, flush=True)
"""

LIMITED = """
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
random = np.random.default_rng(1)
types = schema.message_types().items()
columns = {n: random.integers(0, 2**30, 4000).astype(t) for n, t in types}
try:
    publish(path, {"messages": columns | {"message": np.arange(4000)}}, {}, {})
except FabricemuError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def command(code, *words):
    return [sys.executable, "-c", COMMON + code, *map(str, words)]


def test_killed_run_is_recovered_up_to_its_last_checkpoint(tmp_path):
    path = tmp_path / "a.h5"
    with subprocess.Popen(
        command(ENDLESS, path), cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as child:
        lines = [int(child.stdout.readline()) for _ in range(5)]
        time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
    number = recover(spill_folder(path), path)
    assert number >= lines[-1] + 1000
    assert verify(path) == {"messages": number}
    kept = Result.open(path).tables["messages"]["message"]
    np.testing.assert_array_equal(kept, np.arange(number))


@pytest.mark.parametrize("limit", [0, 10, 5_000, 50_000, 150_000, 250_000])
def test_limit_of_the_disk_is_exit_74_and_leaves_nothing(tmp_path, limit):
    path = tmp_path / "a.h5"
    done = subprocess.run(
        command(LIMITED, path, limit), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 74
    assert done.stdout == f"{path}: File too large\n"
    assert not list(tmp_path.iterdir())
