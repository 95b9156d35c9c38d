"""The cache and several processes: two that write at once, and one that is killed repeatedly."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from series import END, LATER, START, opened, parts, right_or_a_hole, same, truth

# Writes its days in random order and reports each of them.
WRITER = """if True:
    import random, sys
    from pathlib import Path
    from series import DAY, DAYS, LATER, START, opened, truth
    root, turn = Path(sys.argv[1]), int(sys.argv[2])
    days = [START + day * DAY for day in range(turn, DAYS, 2)]
    random.Random(turn).shuffle(days)
    print("ready", flush=True)
    sys.stdin.readline()
    for day in days:
        opened(root).write(truth(day, day + DAY), (day, day + DAY), LATER)
"""

# For each input line, forks a writer that reports when it is about to touch a file; the next line reaps it.
KILLED = """if True:
    import os, sys
    from pathlib import Path
    import filelock, pyarrow.parquet
    from series import DAY, END, LATER, START, opened, truth

    def say(text):
        os.write(1, f"{text}\\n".encode())

    def touched(event, args):
        if event in ("open", "os.rename", "os.remove") and str(args[0]).startswith(root):
            say("touch")

    while root := sys.stdin.readline().strip():
        child = os.fork()
        if child:
            sys.stdin.readline()
            os.waitpid(child, 0)
            say("over")
            continue
        say(os.getpid())
        sys.addaudithook(touched)
        store = opened(Path(root))
        while holes := store.look(START, END).holes(START, END, LATER, 0):
            span = holes[0][0], min(holes[0][0] + 5 * DAY, holes[0][1])
            store.write(truth(*span), span, LATER)
        say("done")
        os._exit(0)
"""


def started(code: str, *arguments: str) -> Any:
    path = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)])
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.fixture
def undisturbed(tmp_path: Path) -> dict[str, bytes]:
    opened(tmp_path / "undisturbed").write(truth(), (START, END), LATER)
    return parts(tmp_path / "undisturbed")


def test_two_processes_write_while_a_third_reads(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    root, known = tmp_path / "shared", -1
    with started(WRITER, str(root), "0") as one, started(WRITER, str(root), "1") as other:
        assert [process.stdout.readline() for process in (one, other)] == ["ready\n"] * 2
        for process in (one, other):
            print(file=process.stdin, flush=True)
        while one.poll() is None or other.poll() is None:
            rows, whole = opened(root).look(START, END).rows, truth()
            same(rows, whole.taken(np.isin(whole.time, rows.time)))
            missing = opened(root).look(START, END).missing(START, END)
            before, known = known, END - START - sum(end - start for start, end in missing)
            assert known >= before, "known ranges were lost"
        assert (one.returncode, other.returncode) == (0, 0)
    assert right_or_a_hole(root) == []
    assert parts(root) == undisturbed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the writers are forked")
def test_kills_leave_what_was_written_before(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    dice, kills, whole, reached = random.Random(3), 0, 0, START
    with started(KILLED) as nursery:
        while kills < 40 or whole < 2:
            root = tmp_path / str(whole)
            print(root, file=nursery.stdin, flush=True)
            writer, steps = int(nursery.stdout.readline()), dice.randrange(60)
            while (line := nursery.stdout.readline()) == "touch\n" and steps:
                steps -= 1
            os.kill(writer, signal.SIGKILL)
            print(file=nursery.stdin, flush=True)
            said = [line, *iter(nursery.stdout.readline, "over\n")]
            before, missing = reached, opened(root).look(START, END).missing(START, END)
            reached = missing[0][0] if missing else END
            assert reached >= before, "known ranges were lost"
            assert right_or_a_hole(root) == ([(reached, END)] if missing else [])
            if "done\n" in said:
                assert parts(root) == undisturbed
                assert not list(root.rglob("*.tmp"))
                whole, reached = whole + 1, START
            else:
                kills += 1
