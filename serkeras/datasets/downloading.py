"""Fetch corpora from their makers, where that is allowed."""

import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

from serkeras import _downloads
from serkeras._files import cache_dir
from serkeras.datasets import _table, registry


def download(name, root=None, progress=True):
    """Fetch a corpus, verify it and unpack it.

    The archive is kept in `downloads/` of the cache folder: once it is there whole and
    verified it is not fetched again. An interrupted download of an archive with a known
    checksum goes on where it stopped if the server can; one without a checksum starts anew,
    since nothing would tell a patchwork of two versions. The archive is unpacked into a
    temporary folder that is moved into place whole. A file or folder that is already there is
    never deleted or overwritten.

    Args:
        name: registered corpus.
        root: folder to be made; None takes `corpora/<name>` of the cache folder, where `load`
            finds it.
        progress: whether to show progress bars.

    Returns:
        `pathlib.Path` of the folder, to be passed to `load` as `root`.

    Raises:
        ValueError: unknown name, a checksum that does not fit, or an unsafe or broken archive.
        PermissionError: the corpus may not be fetched this way; the text says what to do.
        FileExistsError: something else lies where the corpus is to go.
        ConnectionError: the download failed.
    """
    card = registry.card(name)
    target = Path(root).expanduser().absolute() if root is not None else registry.home(name)
    if _is_there(card, target):
        return target
    if not card.archives:
        raise PermissionError(
            f"The corpus {name} cannot be fetched automatically. Received: "
            f"download({name!r}). {card.by_hand} Then load({name!r}, root=FOLDER)."
        )
    archives = [_fetch(card, archive, progress) for archive in card.archives]
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".tmp-"))
    try:
        for archive in archives:
            unpack(archive, fresh, progress)
        _count(card, fresh)
        if target.is_dir():
            target.rmdir()
        fresh.chmod(0o755)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target


def _clips_in(card, folder):
    """Return the names of the corpus's clips below a folder."""
    files = _table.find_audio(folder) if folder.is_dir() else []
    return {row["name"] for row in map(registry.module(card.name).parse, files) if row}


def _is_there(card, target):
    """Tell whether a corpus lies whole in a folder; refuse anything else that lies there."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return False
    clips = _clips_in(card, target)
    if len(clips) >= card.clips:
        return True
    raise FileExistsError(
        f"A corpus is fetched into a new folder. Received: {target} with {len(clips)} of "
        f"{card.clips} clips of {card.name}. Nothing was changed; move it away or pass another "
        "root."
    )


def _count(card, folder):
    """Refuse an archive without the corpus's clips; say when some are missing."""
    clips = _clips_in(card, folder)
    if not clips:
        raise ValueError(
            f"The archive of {card.name} must hold its clips. Received: none from "
            f"{', '.join(archive.url for archive in card.archives)}. {card.by_hand}"
        )
    if len(clips) < card.clips:
        _table.warn(f"{card.name}: the archive held {len(clips)} of {card.clips} documented clips.")


def _fetch(card, archive, progress):
    """Return the path of a verified archive, from the cache or the network."""
    path = cache_dir() / "downloads" / card.name / archive.filename
    try:
        _downloads.fetch(archive.url, path, archive.checksum, progress)
    except ConnectionError as error:
        raise ConnectionError(
            f"The archive of {card.name} must be fetched from {archive.url}. Received: {error}. "
            f"Call download again. By hand: {card.by_hand}"
        ) from error
    return path


def unpack(archive, folder, progress=True):
    """Unpack a zip file, refusing members that would land outside the folder.

    Args:
        archive: zip file.
        folder: existing folder.
        progress: whether to show a progress bar.

    Raises:
        ValueError: the archive is no zip file, is damaged, needs more room than there is, or
            has a member with an absolute path, with `..`, or that is a link. Nothing of it
            is then written outside `folder`.
    """
    from tqdm.auto import tqdm

    try:
        with zipfile.ZipFile(archive) as bundle:
            members = bundle.infolist()
            _refuse_unsafe(archive, members)
            _need_room(archive, members, folder)
            for member in tqdm(members, desc="unpack", unit="file", disable=not progress):
                bundle.extract(member, folder)
    except (zipfile.BadZipFile, EOFError, zipfile.zlib.error) as error:
        raise ValueError(
            f"The archive must be a whole zip file. Received: {archive} ({error}). Move it away "
            "and call download again."
        ) from error


def _refuse_unsafe(archive, members):
    """Refuse paths out of the folder, and links."""
    for member in members:
        name = member.filename
        paths = PurePosixPath(name), PureWindowsPath(name)
        outside = any(p.is_absolute() or p.drive or ".." in p.parts for p in paths)
        if outside or stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(
                "An archive must unpack into its own folder. Received: "
                f"{archive} with the member {name!r}. It is not to be trusted; nothing was "
                "unpacked."
            )


def _need_room(archive, members, folder):
    """Require free space for all members before the first is written."""
    need = sum(member.file_size for member in members)
    free = shutil.disk_usage(folder).free
    if need > free:
        raise ValueError(
            f"Unpacking must leave room on the disk. Received: {archive} with {need:,} bytes "
            f"for {free:,} free ones at {folder}. Free some, or pass another root."
        )
