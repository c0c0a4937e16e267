"""Fetch corpora from their makers, where that is allowed."""

import contextlib
import logging
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

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
    import pooch
    import requests

    folder = cache_dir() / "downloads" / card.name
    path = folder / archive.filename
    if path.exists():
        _verify_kept(path, archive)
        return path
    folder.mkdir(parents=True, exist_ok=True)
    fetcher = _Resuming(path.with_name(path.name + ".part"), archive, progress)
    try:
        with _quiet(pooch.get_logger()):
            pooch.retrieve(archive.url, archive.checksum, path.name, folder, downloader=fetcher)
        return path
    except (requests.exceptions.RequestException, ConnectionError) as error:
        raise ConnectionError(
            f"The archive of {card.name} must be fetched from {archive.url}. Received: {error}. "
            f"Call download again. By hand: {card.by_hand}"
        ) from error
    except ValueError as error:
        raise ValueError(
            f"The archive of {card.name} must have the checksum {archive.checksum}. Received: "
            f"another from {archive.url} ({error}). What was fetched was thrown away; try "
            "again later, or compare with the checksum its makers publish at "
            f"{card.homepage}."
        ) from error


@contextlib.contextmanager
def _quiet(logger):
    """Keep a logger from saying what the progress bar says."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _verify_kept(path, archive):
    """Require an archive that is already there to be the right one; never delete it."""
    import pooch

    if archive.checksum is None:
        return
    kind, _, wanted = archive.checksum.partition(":")
    found = pooch.file_hash(str(path), alg=kind)
    if found != wanted:
        raise ValueError(
            f"The archive must have the checksum {archive.checksum}. Received: {path} with "
            f"{kind}:{found}. It was left as it is; move it away to have it fetched anew."
        )


class _Resuming:
    """Downloader for pooch that goes on with a half-fetched file.

    Args:
        part: path where an unfinished download is kept.
        archive: the `Archive`; without a checksum an unfinished download is not gone on with.
        progress: whether to show a progress bar.
    """

    def __init__(self, part, archive, progress):
        self.part = part
        self.resumes = archive.checksum is not None
        self.progress = progress

    def __call__(self, url, output_file, pooch):
        """Fetch `url` into `output_file`; pooch (the caller) checks the checksum."""
        import requests

        start = self.part.stat().st_size if self.resumes and self.part.exists() else 0
        # Compressed transfer would make byte positions meaningless.
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with requests.get(url, headers=headers, stream=True, timeout=30) as response:
            if start and response.status_code == 416:
                # The part is as long as the file, or longer: the checksum decides.
                total = start
            else:
                response.raise_for_status()
                start = start if response.status_code == 206 else 0
                total = self._write(response, start)
        got = self.part.stat().st_size
        if total is not None and got < total:
            raise ConnectionError(f"{got} of {total} bytes came")
        os.replace(self.part, output_file)

    def _write(self, response, start):
        """Append the body to the part; return the length the whole must have, or None."""
        from tqdm.auto import tqdm

        length = response.headers.get("Content-Length")
        total = start + int(length) if length is not None else None
        with (
            open(self.part, "ab" if start else "wb") as file,
            tqdm(
                total=total,
                initial=start,
                unit="B",
                unit_scale=True,
                desc=self.part.stem,
                disable=not self.progress,
            ) as bar,
        ):
            for chunk in response.iter_content(1 << 16):
                file.write(chunk)
                bar.update(len(chunk))
        return total


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
