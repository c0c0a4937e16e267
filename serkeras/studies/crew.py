"""Several worker processes of one call, and a watch over them."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time

import joblib

from serkeras._processes import shares
from serkeras.studies import folder as folders

# TensorFlow keeps about 20 MB of every network that a process has trained, whatever is cleared.
RUNS_A_PROCESS = 25
BEGAN = "began: "  # what a worker writes before a cell

_COMMAND = (sys.executable, "-m", "serkeras.studies.worker")
_POLL_S = 1.0
_PATIENCE_S = 15.0  # for workers to end when asked to
_STOPPED = (1, 2)  # exit codes of a Python program that gave up; a crash has others


def supervise(out, cells, jobs, options, max_runs=None, tick=None):
    """Run workers, each with its own TensorFlow, until nothing is left.

    A worker that is killed or crashes (out of memory, say) costs its cell, which is recorded as
    failed, and is replaced. So is one that has trained 25 cells, for its memory.

    Args:
        out: folder of the study, `pathlib.Path`.
        cells: list of `Cell` to work on.
        jobs: int, processes.
        options: dictionary of further arguments of `serkeras.studies.work.work`.
        max_runs: int, trainings of all workers together; None is all.
        tick: function called about once a second.

    Raises:
        RuntimeError: a worker gave up, for a reason that concerns all cells.
    """
    threads = max(1, joblib.cpu_count() // jobs)
    # Whole cells: another command may write another form of the study into the folder meanwhile.
    told = [{**vars(cell), "experiment": cell.experiment.to_dict()} for cell in cells]
    options = {"n_jobs": threads, **options, "out": str(out), "cells": told}
    shares = [
        None if max_runs is None else max_runs // jobs + (number < max_runs % jobs)
        for number in range(jobs)
    ]
    logs, serial = out / "logs", itertools.count()
    logs.mkdir(parents=True, exist_ok=True)

    def start(number):
        most = min(RUNS_A_PROCESS, RUNS_A_PROCESS if shares[number] is None else shares[number])
        log = logs / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{next(serial)}.log"
        return log, _start({**options, "max_runs": most}, log, threads)

    def ended(number, log, process):
        began = _began(log)
        if shares[number] is not None:
            shares[number] -= len(began)
        if process.returncode:
            _lose(out, cells, process, log, began)
        goes_on = process.returncode or len(began) >= RUNS_A_PROCESS
        return goes_on and shares[number] != 0

    workers = {number: start(number) for number in range(jobs) if shares[number] != 0}
    try:
        while workers:
            time.sleep(_POLL_S)
            for number, (log, process) in list(workers.items()):
                if process.poll() is None:
                    continue
                del workers[number]
                if ended(number, log, process):
                    workers[number] = start(number)
            if tick:
                tick()
    finally:
        _end([process for _, process in workers.values()])


def _start(options, log, threads):
    """Start a worker; its share of the cores is a default that the environment overrides.

    It reads its options from a nameless file: as an argument those of a large study would be too
    long (Linux allows 128 KiB), and a pipe would hold us up until they are read.
    """
    environment = {**shares(threads), **os.environ}
    with tempfile.TemporaryFile() as told, open(log, "a", encoding="utf-8") as file:
        told.write(json.dumps(options).encode())
        told.seek(0)
        return subprocess.Popen(
            _COMMAND, stdin=told, stdout=file, stderr=subprocess.STDOUT, env=environment
        )


def _began(log):
    """Return the ids of the cells that a worker began."""
    words = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [word.removeprefix(BEGAN) for word in words if word.startswith(BEGAN)]


def _lose(out, cells, process, log, began):
    """Record the cell that a dead worker was at.

    Raises:
        RuntimeError: the worker gave up by itself, or died before it began.
    """
    if process.returncode in _STOPPED or not began:
        words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise RuntimeError(
            "The workers of a study must be able to go on. Received: exit code "
            f"{process.returncode} and {' '.join(words[-1:]) or 'no word'!r}. All of it stands in "
            f"{log}; the same command goes on from here."
        )
    cell = next(cell for cell in cells if cell.id == began[-1])
    with folders.held(out, cell) as mine:
        past = folders.record(out, cell) if mine else None
        # Another worker may hold the cell by now, or have ended it.
        if past and past["process"] == process.pid and past["state"] == folders.RUNNING:
            reason = f"{folders.CRASHED} (code {process.returncode})"
            folders.write_record(out, cell, folders.FAILED, reason=reason)


def _end(processes):
    for process in processes:
        process.terminate()
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE_S)
        if process.poll() is None:
            process.kill()
            process.wait()
