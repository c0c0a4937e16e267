"""What every corpus file stands on: the card, the search for clips, the manifest."""

import dataclasses
import os
import sys
import warnings
from pathlib import Path

import pandas as pd

# The columns of every manifest, in this order; what else a corpus knows follows them.
COLUMNS = (
    "path",
    "clip",
    "corpus",
    "emotion",
    "speaker",
    "sex",
    "statement",
    "intensity",
    "repetition",
)

# In order of preference where one clip lies there in several formats.
ENDINGS = (".wav", ".flac", ".mp3")


@dataclasses.dataclass(frozen=True)
class Archive:
    """One file to download.

    Attributes:
        url: where it lies.
        filename: name to save it under.
        checksum: `"md5:..."` or `"sha256:..."`; None where no published one is
            known for certain.
    """

    url: str
    filename: str
    checksum: str | None = None


@dataclasses.dataclass(frozen=True)
class Card:
    """What one has to know about a corpus before using it.

    Attributes:
        name: registered name.
        title: full name.
        licence: licence, in the words of its makers.
        citation: the reference its makers ask for.
        homepage: where it is published.
        language: spoken language.
        emotions: dict, documented clips per emotion, in serkeras's words.
        speakers: dict, documented clips per speaker; empty where not documented.
        speaker_count: documented number of speakers.
        archives: tuple of `Archive`, what `download` fetches; empty where it may not or
            cannot.
        by_hand: how to get the corpus without `download`.
        note: peculiarities worth knowing.
    """

    name: str
    title: str
    licence: str
    citation: str
    homepage: str
    language: str
    emotions: dict
    speakers: dict
    speaker_count: int
    archives: tuple = ()
    by_hand: str = ""
    note: str = ""

    @property
    def clips(self):
        """Documented number of clips."""
        return sum(self.emotions.values())

    def __str__(self):
        emotions = ", ".join(f"{emotion} {count}" for emotion, count in self.emotions.items())
        facts = {
            "published": f"{self.clips} clips, {self.speaker_count} speakers, {self.language}",
            "emotions": emotions,
            "licence": self.licence,
            "cite": self.citation,
            "see": self.homepage,
            "note": self.note,
        }
        lines = [f"{name + ':':<11}{fact}" for name, fact in facts.items() if fact]
        return "\n".join([self.title, *lines])


def warn(message):
    """Warn, naming the line outside serkeras that led here."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("serkeras."):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def _walk(root):
    """Yield the paths of all files below a folder; hidden ones are passed over.

    Links are followed, since people gather corpora with them, but no folder twice.
    """
    seen = set()
    for folder, folders, files in os.walk(os.path.abspath(root), followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")))
        yield from (Path(folder, name) for name in files if not name.startswith("."))


def find_audio(root, endings=ENDINGS):
    """List the audio files below a folder, sorted; hidden files and folders are passed over.

    Args:
        root: folder.
        endings: tuple of lower-case file endings; case in file names does not matter.

    Returns:
        List of absolute `pathlib.Path`.
    """
    return sorted(path for path in _walk(root) if path.name.lower().endswith(endings))


def holds_clip(root, parse):
    """Tell whether one audio file below a folder is named as `parse` reads; stops at the first."""
    return any(
        path.name.lower().endswith(ENDINGS) and parse(path) is not None for path in _walk(root)
    )


def find_file(root, name):
    """Find a list that belongs to a corpus: below `root`, or in the folder that holds `root`.

    Returns:
        `pathlib.Path` of the shallowest match, or None.
    """
    found = [path for path in _walk(root) if path.name == name]
    beside = Path(os.path.abspath(root)).parent / name
    if not found and beside.is_file():
        return beside
    return min(found, key=lambda path: (len(path.parts), path), default=None)


def scan(root, corpus, parse, aside=None):
    """Build the manifest of a corpus from the names of its files.

    Args:
        root: folder; files are found at any depth.
        corpus: registered name, used in messages and clip ids.
        parse: function from a `pathlib.Path` to a dict of manifest values or None where the
            name is not one of this corpus. The dict holds `name` (canonical name of the clip,
            without ending), `emotion`, `speaker` (without prefix) and what else is known.
        aside: None, or a pair (function from path to bool, what these files are): files of
            the corpus that do not belong into the manifest.

    Returns:
        Manifest, DataFrame sorted by clip.

    Raises:
        FileNotFoundError: no file name below `root` could be read.

    Warns:
        UserWarning: files were passed over, or second copies dropped; one line each.
    """
    rows, strangers, left = [], [], []
    files = find_audio(root)
    for path in files:
        row = parse(path)
        if row is not None:
            rows.append({"path": str(path), **row})
        elif aside is not None and aside[0](path):
            left.append(path)
        else:
            strangers.append(path)
    if not rows:
        raise FileNotFoundError(
            f"A folder of {corpus} must hold clips named as published. Received: {root} with "
            f"{len(files)} audio files ({', '.join(ENDINGS)}), none of them so named"
            f"{_examples(strangers)}. Check the folder, or load it as own recordings."
        )
    if left:
        warn(f"{corpus}: {len(left)} {aside[1]} were left out{_examples(left)}.")
    if strangers:
        warn(
            f"{corpus}: {len(strangers)} audio files have names that are not the corpus's and "
            f"were passed over{_examples(strangers)}."
        )
    return manifest(_first_copies(rows, corpus), corpus)


def _examples(paths):
    """Name up to three files of a list."""
    shown = ", ".join(path.name for path in paths[:3])
    return f" (such as {shown})" if shown else ""


def _first_copies(rows, corpus):
    """Keep one row per clip: the preferred format, then the shallowest, then the first path."""

    def preference(row):
        path = Path(row["path"])
        return ENDINGS.index(path.suffix.lower()), len(path.parts), row["path"]

    kept = {}
    for row in sorted(rows, key=preference):
        kept.setdefault(row["name"], row)
    copies = len(rows) - len(kept)
    if copies:
        warn(
            f"{corpus}: {copies} second copies of clips (same name in another folder or "
            "format) were left out."
        )
    return list(kept.values())


def manifest(rows, corpus):
    """Turn parsed rows into a manifest with the columns, types and order of `COLUMNS`.

    Args:
        rows: list of dicts as `scan` describes them, with `path`.
        corpus: prefix of clip ids and speakers.

    Returns:
        DataFrame sorted by clip, RangeIndex; text columns have pandas's `string` type.
    """
    table = pd.DataFrame(rows)
    table["clip"] = corpus + "/" + table["name"].astype("string")
    table["corpus"] = corpus
    table["speaker"] = corpus + "-" + table["speaker"].astype("string")
    return arrange(table.drop(columns="name"))


def arrange(table):
    """Give a table the columns and types of a manifest and sort it by clip.

    Args:
        table: DataFrame with at least path, clip, corpus, emotion; missing ones become <NA>.

    Returns:
        DataFrame, extra columns behind the fixed ones in the order they came.
    """
    extras = [column for column in table.columns if column not in COLUMNS]
    table = table.reindex(columns=[*COLUMNS, *extras])
    for column in COLUMNS[:-1]:
        table[column] = table[column].astype("string")
    table["repetition"] = table["repetition"].astype("Int64")
    return table.sort_values("clip", kind="stable").reset_index(drop=True)
