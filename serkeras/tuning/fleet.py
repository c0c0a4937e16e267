"""Several processes on this machine for one search: a chief that hands out trials, and workers."""

import os
import shlex
import socket
import subprocess
import sys
import time

import joblib
from tqdm import tqdm

from serkeras._files import read_json
from serkeras._processes import shares
from serkeras.tuning import beginnings
from serkeras.tuning.oracles import CHIEF_FAILED
from serkeras.tuning.tuner import RECORD

CHIEF = "chief"
_POLL_S = 0.5
_PATIENCE_S = 30.0  # for workers to hear that there is nothing left
_RESTARTS = 5


def supervise(folder, workers, progress=True):
    """Run a chief and workers until the search is over.

    A process that dies is started again under its own name: the chief takes its state from the
    folder, a worker its trial, which goes on from its last epoch, unless it has cost processes
    before, see `serkeras.tuning.beginnings`. (keras-tuner's chief waits for ever for a worker that
    does not come back.)

    Args:
        folder: `pathlib.Path` of a search that has been begun.
        workers: int, processes that run trials.
        progress: show a bar of the trials.

    Raises:
        RuntimeError: a process died again and again while no trial ended, or three trials failed
            one after another; its log is named.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    address = {"KERASTUNER_ORACLE_IP": "127.0.0.1", "KERASTUNER_ORACLE_PORT": str(_free_port())}
    names = [CHIEF, *(f"worker{number}" for number in range(workers))]
    defaults = {
        **shares(max(1, joblib.cpu_count() // workers)),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    deaths = dict.fromkeys(names, 0)

    def start(name):
        return _start(folder, name, {**defaults, **os.environ, **address}, logs / f"{name}.log")

    processes = {name: start(name) for name in names}
    try:
        with tqdm(desc="search", unit="trial", disable=not progress) as bar:
            while processes[CHIEF].poll() != 0:
                if processes[CHIEF].poll() == CHIEF_FAILED:
                    raise RuntimeError(_failure(folder, logs / f"{CHIEF}.log"))
                # The next chief hands out what is going on once more, so all begin again with it.
                fallen = names if processes[CHIEF].poll() else _dead(processes)
                for name in fallen:
                    deaths[name] += bool(processes[name].poll())
                    _require_alive(name, deaths[name], logs)
                    _end(folder, processes[name])
                    processes[name] = start(name)
                ended = len(list(folder.glob(f"trials/*/{RECORD}")))
                if ended > bar.n:
                    bar.update(ended - bar.n)
                    # A search of many trials may lose a process to several of them.
                    deaths = dict.fromkeys(names, 0)
                time.sleep(_POLL_S)
        _wait(processes.values())
    finally:
        for process in processes.values():
            _end(folder, process)


def words(folder):
    """Return the command of one process of a search; who it is stands in its environment."""
    return [sys.executable, "-m", "serkeras.tuning.worker", str(folder)]


def _start(folder, name, more, log):
    environment = {**more, "KERASTUNER_TUNER_ID": name}
    with open(log, "a", encoding="utf-8") as file:
        print(f"$ {shlex.join(words(folder)[1:])} as {name}", file=file, flush=True)
        return subprocess.Popen(
            words(folder), stdout=file, stderr=subprocess.STDOUT, env=environment
        )


def _end(folder, process):
    """End a process; one that was alive until now was not ended by its trial."""
    alive = process.poll() is None
    process.kill()
    process.wait()
    if alive:
        beginnings.pardon(folder, process.pid)


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _require_alive(name, deaths, logs):
    if deaths > _RESTARTS:
        log = logs / f"{name}.log"
        last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
        raise RuntimeError(
            f"The processes of a search must be able to go on. Received: {name} ended "
            f"{deaths} times, at last with {' '.join(last)!r}. All of it stands in {log}; the same "
            "command goes on from here."
        )


def _dead(processes):
    """Return who has ended with an error."""
    return [name for name, process in processes.items() if process.poll()]


def _failure(folder, log):
    """Return why a chief cannot go on: its error, and what the last failed trial said."""
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1]
    records = [read_json(path) for path in sorted(folder.glob(f"trials/*/{RECORD}"))]
    reasons = [record["reason"] for record in records if record["state"] == "failed"]
    told = f"; the last failed trial said {reasons[-1]!r}" if reasons else ""
    return (
        f"Trials of a search must succeed. Received: {last!r} of the chief{told}. Correct the "
        f"space or the settings; what is finished is kept. All of it stands in {log}."
    )


def _wait(processes):
    until = time.monotonic() + _PATIENCE_S
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            return
