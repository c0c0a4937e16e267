"""Runs that travel: packed for the Keras conventions of model hubs, pushed, fetched, opened.

A packed run is a folder that both `keras.saving.load_model` and `serkeras` open: the parts of a
`.keras` file lie in it unzipped, beside the run's own JSON files and a card. None of them is code.
"""

import copy
import os
import shutil
import uuid
import zipfile
from dataclasses import replace
from pathlib import Path

from serkeras import datasets
from serkeras._files import cache_dir, read_json, write_json
from serkeras.runs import refuse_several

PREFIX = "hf://"
# Keras writes these into its archives; nothing else is taken out of one, or off a hub.
_KERAS = ("config.json", "metadata.json", "model.weights.h5")
_CLIPS = ("train", "validation", "test")  # parts of split.json that name recordings
_OWN = ("experiment.json", "metrics.json", "split.json", "provenance.json", "README.md")


def pack(run, out, overwrite=False):
    """Write what others need of a finished run: its network, settings, figures and card.

    Recordings, the names of their files and the folders of this machine stay behind. Names of
    speakers go along, in the form that the corpora give them: who opens the run can check that
    it is not measured on voices that it knows.

    Args:
        run: finished `serkeras.Run` of one network, or the path of its folder.
        out: folder to write, whole or not at all.
        overwrite: replace a packed run in `out`.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        FileExistsError: `out` exists; with `overwrite`, if it is no packed run.
        FileNotFoundError: the run is not finished.
        ValueError: it is an ensemble, or its model is not one of Keras.
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
        if out.exists():
            shutil.rmtree(out)
        os.replace(aside, out)
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
        ImportError: huggingface_hub is not installed.
        ValueError: `to` is no such name; see also `pack`.
    """
    name, hub = _name(to), _hub()
    aside = cache_dir() / "packed" / uuid.uuid4().hex
    try:
        pack(run, aside)
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
        ImportError: huggingface_hub is not installed.
        ValueError: `address` is no such name, or the repository holds no packed run.
    """
    name = _name(address)
    folder = Path(
        _hub().snapshot_download(name, revision=revision, allow_patterns=[*_KERAS, *_OWN])
    )
    missing = [each for each in (*_KERAS, *_OWN[:3]) if not (folder / each).is_file()]
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
    if not overwrite or not (is_packed(out) and (out / "experiment.json").is_file()):
        raise FileExistsError(
            "A packed run replaces nothing but another one, and only when asked to. Received: "
            f"{out}. Choose another folder, or give --overwrite."
        )


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
    with zipfile.ZipFile(run.folder / "model.keras") as archive:
        for name in _KERAS:
            archive.extract(name, folder)


def _write_own(run, folder):
    from serkeras import cards

    run = _without_places(run)
    write_json(folder / "experiment.json", run.experiment.to_dict())
    write_json(folder / "metrics.json", run.metrics)
    split = read_json(run.folder / "split.json")
    write_json(folder / "split.json", {key: split[key] for key in split if key not in _CLIPS})
    is_again = is_packed(run.folder)  # its card was made where the recordings were
    card = (run.folder / "README.md").read_text("utf-8") if is_again else cards.model_card_text(run)
    provenance = run.folder / "provenance.json"
    if provenance.is_file():
        shutil.copyfile(provenance, folder / "provenance.json")
    (folder / "README.md").write_text(card, encoding="utf-8")


def _without_places(run):
    """Return a run that says of its data what they are called, not where they lie."""
    here = copy.copy(run)
    here.experiment = replace(
        run.experiment, data=tuple(datasets.name_of(spec) for spec in run.experiment.data)
    )
    facts = {**run.metrics["run"], "data": list(here.experiment.data)}
    here.metrics = {**run.metrics, "run": facts}
    return here


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
