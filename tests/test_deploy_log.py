"""Log lines of the server: bounded, printable, and no important line is lost."""

from __future__ import annotations

import io
import logging

import pytest

from liqwidget.serve.log import LONGEST, MOST_DETAILS, PlainLines


@pytest.fixture
def log() -> tuple[logging.Logger, io.StringIO]:
    written = io.StringIO()
    logger = logging.Logger("served")
    logger.addHandler(PlainLines(written))
    return logger, written


@pytest.mark.parametrize("text", ["\n", "\r", "\x1b[2J", "\x9b", "\x85", "\u2028", "\u202e", "\ud800", "\x00", "\t"])
def test_no_character_leaves_its_line(log, text: str) -> None:
    logger, written = log
    logger.warning("path %s", text)
    logger.warning("%s" + text, 1)
    logger.warning("kernel:", extra={"details": f"first{text}[served] FORGED"})
    lines = written.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("[served]") for line in lines)


def test_an_exception_stands_in_lines_of_its_own(log) -> None:
    logger, written = log
    try:
        raise ValueError("one\ntwo")
    except ValueError as error:
        logger.exception("failed")
        logger.error(error)
    lines = written.getvalue().splitlines()
    assert lines[0] == "failed"
    assert lines[-3:] == ["ValueError", "    | one", "    | two"]


def test_long_texts_are_cut_and_repeats_are_counted(log) -> None:
    logger, written = log
    for number in range(100):
        logger.warning("%s took %d ms", "x" * 10_000, number)
    lines = written.getvalue().splitlines()
    assert 2 <= len(lines) <= 6
    assert all(len(line) < LONGEST + 80 for line in lines)
    for text in ("other", "another"):
        logger.warning("%s took", text)  # another place in the code is not suppressed
    assert written.getvalue().splitlines()[-2:] == ["other took", "another took"]


def test_what_was_left_out_is_counted_with_the_next(log, monkeypatch: pytest.MonkeyPatch) -> None:
    logger, written = log
    now = [0.0]
    monkeypatch.setattr("liqwidget.serve.budget.time.monotonic", lambda: now[0])
    for number in range(80):
        now[0] += 30.0 * (number == 79)
        logger.info("visit %s", "abcdefghij"[number % 10])
    assert written.getvalue().splitlines()[-1] == "visit j (29 more like it were left out)"
    assert len(written.getvalue().splitlines()) == 51


def test_a_talkative_kernel_silences_itself_only_and_not_its_first_tracebacks(log) -> None:
    logger, written = log
    for number in range(2_000):
        kernel = "talks" if number < 1_999 else "other"
        logger.info("Kernel %s:", kernel, extra={"details": f"line {number}" * 100, "source": kernel})
        if number == 40:
            logger.info("Kernel %s:", kernel, extra={"details": "\n".join(map(str, range(200))), "source": kernel})
    lines = written.getvalue().splitlines()
    assert f"    | ({200 - MOST_DETAILS} lines before these)" in lines
    assert "    | 199" in lines
    assert lines.count("Kernel other:") == 1
    assert len(written.getvalue()) < 300_000
