"""Runs that travel: packed for the Keras conventions of model hubs, pushed, fetched, opened.

A packed run is a folder that both `keras.saving.load_model` and `serkeras` open: the parts of a
`.keras` file lie in it unzipped, beside the run's own JSON files and a card. None of them is code.
"""

import contextlib
import copy
import os
import re
import shutil
import uuid
import zipfile
from pathlib import Path

from serkeras import datasets
from serkeras._files import cache_dir, read_json, write_json
from serkeras.config import Experiment
from serkeras.runs import refuse_several

PREFIX = "hf://"
# Keras writes these into its archives; nothing else is taken out of one, or off a hub.
_KERAS = ("config.json", "metadata.json", "model.weights.h5")
# Parts of split.json and of provenance.json that name recordings.
_CLIPS = ("train", "validation", "test")
_LEARNED_CLIPS = ("clips", "trained_clips")
# The folders of an absolute path, wherever in a text it begins ("lists:/data/me/x.json").
_FOLDERS = re.compile(r"(?<![^\s:=\"'\[,])(?:~|[A-Za-z]:)?[/\\](?![/\\])(?:[^/\\\"']+[/\\])*")
_OWN = ("experiment.json", "metrics.json", "split.json", "provenance.json", "README.md")


def pack(run, out, overwrite=False):
    """Write what others need of a finished run: its network, settings, figures and card.

    Recordings, the names of their files and the folders of this machine stay behind. Digests of
    recordings go along, and the names of speakers, in the form that the corpora, or own tables,
    give them: who opens the run can check that it is not measured on voices that it knows.

    Args:
        run: finished `serkeras.Run` of one network, or the path of its folder.
        out: folder to write, whole or not at all.
        overwrite: replace a packed run in `out`.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        FileExistsError: `out` exists; with `overwrite`, if it holds more than a packed run.
        FileNotFoundError: the run is not finished.
        ValueError: it is an ensemble, or its model is not one of Keras, or broken.
    """
    from serkeras.ensembles import Ensemble, open_run

    run, out = open_run(run), Path(out)
    _check_free(out, overwrite)
    if isinstance(run, Ensemble):
        refuse_several(run.folder)
    run.metrics  # noqa: B018  of an unfinished run it raises, and names the remedy
    aside = out.with_name(f".tmp-{uuid.uuid4().hex}")
    try:
        aside.mkdir(parents=True)
        _unpack_network(run, aside)
        _write_own(run, aside)
        _install(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return out


def push(run, to, private=True):
    """Pack a run and upload it to the Hugging Face hub.

    Args:
        run: as in `pack`.
        to: "hf://owner/name"; the repository is made where there is none.
        private: of a repository that is made now: only its owner sees it.

    Returns:
        Address of the repository.

    Raises:
        ConnectionError: the hub did not take it, and why.
        ImportError: huggingface_hub is not installed.
        ValueError: `to` is no such name; see also `pack`.
    """
    name, hub = _name(to), _hub()
    aside = cache_dir() / "packed" / uuid.uuid4().hex
    try:
        pack(run, aside)
        with _explained(to):
            api = hub.HfApi(library_name="serkeras")
            address = api.create_repo(name, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=name, folder_path=str(aside), commit_message="A run trained with serkeras"
            )
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return str(address)


def fetch(address, revision=None):
    """Return the folder of a packed run from the hub, downloaded once.

    Only the files of a packed run are taken, so nothing that could be run arrives; what Keras
    makes of them is loaded in safe mode.

    Args:
        address: "hf://owner/name".
        revision: branch, tag or commit; a commit makes sure that it stays the same model.

    Raises:
        ConnectionError: the hub did not give it, and why.
        ImportError: huggingface_hub is not installed.
        ValueError: `address` is no such name, or the repository holds no packed run.
    """
    name, hub = _name(address), _hub()
    wanted = [*_KERAS, *_OWN]
    with _explained(address):
        folder = hub.snapshot_download(name, revision=revision, allow_patterns=wanted)
    folder = Path(folder)
    missing = [each for each in wanted if not (folder / each).is_file()]
    if missing:
        raise ValueError(
            "A repository must hold a run that `python -m serkeras share` packed. Received: "
            f"{address} without {', '.join(missing)}. Other Keras models load with "
            "keras.saving.load_model."
        )
    return folder


def is_packed(folder):
    """Whether a folder holds the network of a packed run."""
    return all((Path(folder) / name).is_file() for name in _KERAS)


def _check_free(out, overwrite):
    if not out.exists():
        return
    others = [path.name for path in out.iterdir()] if out.is_dir() else [out.name]
    others = sorted({*others} - {*_KERAS, *_OWN})
    if not overwrite or others or not is_packed(out):
        what = f", which holds {', '.join(others[:3])}" if others else ""
        raise FileExistsError(
            "A packed run replaces nothing but another one, and only when asked to. Received: "
            f"{out}{what}. Choose another folder, or give --overwrite."
        )


def _install(aside, out):
    """Put a packed run into its place; an older one stays until the new one is there."""
    old = out.with_name(f".old-{uuid.uuid4().hex}")
    if out.exists():
        os.replace(out, old)
    try:
        os.replace(aside, out)
    except OSError:
        if old.exists():
            os.replace(old, out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _unpack_network(run, folder):
    if not (run.folder / "model.keras").is_file():
        if not is_packed(run.folder):
            raise ValueError(
                f"Only networks of Keras can be shared. Received: {run.folder}, the model "
                f"{run.experiment.model.name!r}. Train a network."
            )
        for name in _KERAS:
            shutil.copyfile(run.folder / name, folder / name)
        return
    try:
        with zipfile.ZipFile(run.folder / "model.keras") as archive:
            for name in _KERAS:
                archive.extract(name, folder)
    except (KeyError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"A run must hold a whole model.keras. Received: {run.folder}, where it is broken "
            f"({error}). Train it again."
        ) from error


def _write_own(run, folder):
    from serkeras import cards

    found = {name: read_json(run.folder / name) for name in _OWN if name.endswith(".json")}
    for facts in (found["experiment.json"], found["metrics.json"]["run"]):
        facts["data"] = [datasets.name_of(spec) for spec in facts["data"]]
    split, learned = found["split.json"], found["provenance.json"]
    found["split.json"] = {key: split[key] for key in split if key not in _CLIPS}
    learned.update({key: [] for key in _LEARNED_CLIPS if key in learned})
    found = {name: _without_folders(values) for name, values in found.items()}
    for name, values in found.items():
        write_json(folder / name, values)
    if is_packed(run.folder):  # its card was made where the recordings were
        card = (run.folder / "README.md").read_text("utf-8")
    else:
        here = copy.copy(run)  # a card of what is shared, with the split's lists at hand
        here.experiment = Experiment.from_dict(found["experiment.json"])
        here.metrics = found["metrics.json"]
        card = cards.model_card_text(here)
    (folder / "README.md").write_text(card, encoding="utf-8")


def _without_folders(value):
    """Return JSON values whose texts name files, but not where they lie."""
    if isinstance(value, dict):
        return {key: _without_folders(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_folders(each) for each in value]
    return _FOLDERS.sub("", value) if isinstance(value, str) else value


@contextlib.contextmanager
def _explained(address):
    """Turn what the hub's package raises, of classes that change, into one kind of error."""
    try:
        yield
    except Exception as error:
        raise ConnectionError(
            f"The hub must be reachable, and the place open to you. Received: {address}, "
            f"{type(error).__name__}: {error}. Check the name and the line, and `hf auth login`."
        ) from error


def _name(address):
    name = str(address).removeprefix(PREFIX)
    owner, _, rest = name.partition("/")
    if not str(address).startswith(PREFIX) or not owner or not rest or "/" in rest:
        raise ValueError(
            f"A place on the hub must be {PREFIX}owner/name. Received: {address!r}. Give that, "
            "or the path of a folder."
        )
    return name


def _hub():
    try:
        import huggingface_hub
    except ImportError as error:
        raise ImportError(
            "The hub needs the package huggingface_hub. Received: it is not installed. Run "
            "pip install 'serkeras[hub]'."
        ) from error
    return huggingface_hub
