"""A preset's files: found in the caches of this machine, or fetched from Hugging Face's hub."""

import os
import re
from pathlib import Path

from serkeras._files import atomic_write, cache_dir, shared_cache_dir
from serkeras.ssl import checkpoints
from serkeras.ssl.hub_files import ask, bring, endpoint

_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_REVISION = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*")


def places():
    """Return the folders that are searched: ours (downloads go there) and Hugging Face's own.

    Both have the hub's layout: `models--OWNER--NAME/snapshots/REVISION/`, with the commit that a
    branch stands for in `refs/`.
    """
    home = Path(os.environ.get("HF_HOME") or shared_cache_dir() / "huggingface")
    hub = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or home / "hub"
    return [cache_dir() / "presets", Path(hub).expanduser()]


def check(name, revision):
    """Refuse what can be no id or revision of the hub.

    Raises:
        FileNotFoundError: `name` is not of the form OWNER/NAME.
        ValueError: `revision` is not of the form of a branch, tag or commit.
    """
    if not _ID.fullmatch(name):
        raise FileNotFoundError(
            "A preset must be a folder that exists or an id of the hub, OWNER/NAME. Received: "
            f"{name!r}. Correct the path or the id."
        )
    if not _REVISION.fullmatch(revision):
        raise ValueError(
            "`revision` must be a branch, tag or commit of the hub. Received: "
            f"{revision!r}. Give for instance 'main'."
        )


def find(name, revision):
    """Return the folder of a whole copy of a preset on this machine, or None.

    Args:
        name: id on the hub.
        revision: branch, tag or commit.
    """
    for place in places():
        home = _home(place, name)
        ref = home / "refs" / revision
        commit = ref.read_text().strip() if ref.is_file() else revision
        if _REVISION.fullmatch(commit) and _is_whole(home / "snapshots" / commit):
            return home / "snapshots" / commit
    return None


def fetch(name, revision, progress=True):
    """Fetch a preset's files into the kit's cache; a broken download is gone on with.

    Settings, the preparation of waveforms where it is published, and the weights: safetensors
    where there are such, else pytorch_model.bin. All are of one commit, each verified by the
    checksum that the hub gives.

    Args:
        name: id on the hub.
        revision: branch, tag or commit.
        progress: whether to show progress bars.

    Returns:
        `pathlib.Path` of the folder.

    Raises:
        ValueError: what came has another checksum.
        FileNotFoundError: the hub has no such preset, or one without such weights.
        PermissionError: the hub wants another token.
        ConnectionError: it could not be reached, or broke off.
        ModuleNotFoundError: the package that reads the weights is not installed.
    """
    config = ask(name, revision, checkpoints.CONFIG)
    if config is None:
        raise FileNotFoundError(
            f"A preset must be a folder, or on the hub with a {checkpoints.CONFIG}. Received: "
            f"{name!r} (revision {revision}): there is no such folder, and {endpoint()} has none. "
            "Correct the name or the revision."
        )
    commit = config.commit or revision
    home = _home(places()[0], name)
    folder = home / "snapshots" / commit
    for remote in (config, *_preparation(name, commit)):
        bring(remote, folder, progress)
    # Last, so that a folder with weights is whole.
    _bring_weights(name, commit, folder, progress)
    if commit != revision:
        with atomic_write(home / "refs" / revision) as file:
            file.write(commit)
    return folder


def _home(place, name):
    return place / f"models--{name.replace('/', '--')}"


def _is_whole(folder):
    try:
        checkpoints.read_json(folder / checkpoints.CONFIG)
        checkpoints.weight_files(folder)
    except (FileNotFoundError, ValueError):
        return False
    return True


def _preparation(name, commit):
    remote = ask(name, commit, checkpoints.PREPROCESSOR)
    return () if remote is None else (remote,)


def _bring_weights(name, commit, folder, progress):
    remote = _weights(name, commit)
    bring(remote, folder, progress)
    if not remote.name.endswith(checkpoints.INDEX):
        return
    for shard in checkpoints.shard_names(folder / remote.name):
        # Asked for one by one: signed addresses hold for a while only.
        part = ask(name, commit, shard)
        if part is None:
            raise FileNotFoundError(
                f"All shards that {remote.name} lists must be on the hub. Received: {name!r} "
                f"without {shard}. Take another preset or revision."
            )
        bring(part, folder, progress)


def _weights(name, commit):
    """Return the one file of weights, or the index of the shards."""
    for kind in checkpoints.KINDS:
        for file in (kind, kind + checkpoints.INDEX):
            remote = ask(name, commit, file)
            if remote is not None:
                # Before hundreds of megabytes that could not be read.
                checkpoints.require_reader(checkpoints.KINDS[kind], f"{file} of {name!r}")
                return remote
    raise FileNotFoundError(
        f"A preset must have one of {list(checkpoints.KINDS)}, or their shards. Received: {name!r} "
        f"({commit}), where {endpoint()} has none. Take another preset or revision."
    )
