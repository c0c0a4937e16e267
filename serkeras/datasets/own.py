"""Own recordings: a CSV file, a DataFrame, or a folder with a subfolder per emotion."""

import os
from pathlib import Path

import pandas as pd

from serkeras._files import read_csv
from serkeras.datasets import _table, registry
from serkeras.datasets.labels import EMOTIONS, canonical, relabel

# What libsndfile reads and people record in.
ENDINGS = (*_table.ENDINGS, ".ogg", ".oga", ".opus", ".aif", ".aiff", ".au", ".caf")

_SEX = {"f": "female", "w": "female", "woman": "female", "m": "male", "man": "male"}


def load_own(source, name=None, label_scheme="own"):
    """Load own recordings as a manifest.

    Args:
        source: one of

            - path of a CSV file (comma or semicolon, UTF-8), or a DataFrame, with the columns
              `path` and `emotion`, and as far as known `speaker`, `sex`, `statement`,
              `intensity`, `repetition`, and `original`, the path of the recording that a file
              is a copy of; further columns are kept. Relative paths count from
              the folder of the CSV file (of a DataFrame: from the working folder). A manifest
              saved with `to_csv` reads back as it was.
            - path of a folder with one subfolder per emotion; clips at any depth below it.

        name: name of the data set, used in clip ids and speakers; None takes the file's or
            folder's name (`"own"` for a DataFrame).
        label_scheme: `"own"`, `"seven"` or `"four"`, see `relabel`.

    Returns:
        Manifest as of `load`. Emotion words are kept as given, except that words of
        `labels.EMOTIONS` are taken in any case and simple synonyms become them (anger: angry,
        happiness: happy, fearful: fear, sadness: sad, surprised: surprise, disgusted: disgust,
        bored: boredom, calmness: calm).

    Raises:
        ValueError: a column is missing, a value is missing, a file or clip stands there
            twice, or an emotion folder is empty.
        FileNotFoundError: the source, or files that it names, are not there.

    Warns:
        UserWarning: speakers are unknown, so that no speaker-disjoint split is possible.
    """
    if isinstance(source, pd.DataFrame):
        clips = _from_frame(source.copy(), name or "own", os.getcwd(), "the DataFrame")
    else:
        source = Path(os.path.abspath(Path(source).expanduser()))
        if source.is_dir():
            clips = _from_frame(_list_folder(source), name or source.name, source, source)
        elif source.is_file():
            clips = _from_frame(_read_csv(source), name or source.stem, source.parent, source)
        else:
            raise FileNotFoundError(
                "Own recordings must be a CSV file or a folder with a subfolder per emotion. "
                f"Received: {source}, which does not exist. Check the path."
            )
    unknown = int(clips["speaker"].isna().sum())
    if unknown:
        _table.warn(
            f"{clips['corpus'].iloc[0]}: the speakers of {unknown} of {len(clips)} clips are "
            "unknown; a speaker-disjoint split is impossible, and the scores of a random split "
            "will be too good for new speakers. Give a CSV file with a column `speaker`.",
        )
    return relabel(clips, label_scheme)


def list_audio(folder):
    """List the audio files below a folder, of every format that libsndfile reads.

    Args:
        folder: path; links are followed, hidden files and folders are passed over.

    Returns:
        Sorted list of absolute `pathlib.Path`.
    """
    return _table.find_audio(folder, ENDINGS)


def _read_csv(path):
    """Read a CSV file as spreadsheets write it, with commas or semicolons."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            header = file.readline()
        separator = ";" if ";" in header and "," not in header else ","
        table = read_csv(path, _table.COLUMNS[:-1], separator, "utf-8-sig")
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise ValueError(
            "Own recordings must be listed in a CSV file (UTF-8, comma-separated) with the "
            f"columns path and emotion. Received: {path} ({error})."
        ) from error
    return table


def _list_folder(root):
    """List the clips of a folder per emotion as a table with path and emotion."""
    folders = sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if not folders:
        raise ValueError(
            "A folder of own recordings must hold a subfolder per emotion. Received: "
            f"{root} without subfolders. Sort the clips into folders such as angry/ and "
            "happy/, or list them in a CSV file with the columns path and emotion."
        )
    files = {folder: list_audio(folder) for folder in folders}
    _refuse_corpus(root, files)
    empty = [folder.name for folder in folders if not files[folder]]
    if empty:
        raise ValueError(
            "Every subfolder of own recordings is an emotion and must hold audio files "
            f"({', '.join(ENDINGS)}). Received: {root} with nothing in {', '.join(empty)}. "
            "Remove these folders or fill them."
        )
    loose = [p.name for p in sorted(root.iterdir()) if p.name.lower().endswith(ENDINGS)]
    if loose:
        _table.warn(
            f"{root}: {len(loose)} audio files lie outside the emotion folders and were passed "
            f"over (such as {loose[0]}).",
        )
    rows = [(str(p), folder.name) for folder, paths in files.items() for p in paths]
    return pd.DataFrame(rows, columns=["path", "emotion"])


def _refuse_corpus(root, files):
    """Refuse a registered corpus given as own recordings: Actor_01 is no emotion."""
    if any(canonical(folder.name) in EMOTIONS for folder in files):
        return
    paths = [path for found in files.values() for path in found][:20]
    for corpus in registry.names():
        parse = registry.module(corpus).parse
        if paths and all(parse(path) is not None for path in paths):
            raise ValueError(
                "The subfolders of own recordings must be emotions. Received: "
                f"{root} with {next(iter(files)).name}, whose files are named as those of "
                f"{corpus}. Load it as {corpus}={root}."
            )


def _from_frame(table, name, base, source):
    """Check a table of own recordings and turn it into a manifest."""
    table.columns = [str(column).strip() for column in table.columns]
    _need_columns(table, source)
    # A manifest written earlier brings its clip ids and corpora along.
    finished = {"clip", "corpus"} <= set(table.columns)
    table["path"] = _absolute(table["path"], base)
    if "original" in table.columns:
        table["original"] = _absolute(table["original"], base)
        _warn_of_lone_originals(table, source)
    _need_files(table, source)
    table["emotion"] = table["emotion"].astype(str).map(canonical)
    _refuse_case(table, source)
    if not finished:
        table["corpus"] = name
        table["clip"] = name + "/" + pd.Series(_short_names(table["path"], base), table.index)
    _refuse_doubles(table, source)
    if "speaker" in table.columns:
        table["speaker"] = _prefixed(table["speaker"], table["corpus"])
    if "repetition" in table.columns:
        table["repetition"] = _whole_numbers(table["repetition"], source)
    if "sex" in table.columns:
        sex = table["sex"].astype("string").str.strip().str.lower()
        table["sex"] = sex.replace(_SEX)
    return _table.arrange(table)


def _absolute(paths, base):
    """Make paths absolute; missing ones stay missing."""
    plain = paths.astype("string").str.strip().replace("", pd.NA)
    return plain.map(
        lambda path: os.path.abspath(os.path.join(base, Path(path).expanduser())),
        na_action="ignore",
    )


def _warn_of_lone_originals(table, source):
    """Name originals that keep no copies together: a misspelt one would let them leak."""
    named = table["original"].dropna()
    lone = [path for path in named[~named.isin(table["path"])] if not os.path.exists(path)]
    if lone:
        _table.warn(
            f"{source}: {len(lone)} values of the column original name no file that is there and "
            f"no row (such as {lone[0]}). If they are misspelt, nothing keeps these copies on the "
            "side of their recording: correct them then.",
        )


def _need_columns(table, source):
    """Require the columns path and emotion, and a value of both in every row."""
    missing = [column for column in ("path", "emotion") if column not in table.columns]
    if missing:
        raise ValueError(
            "Own recordings must have the columns path and emotion. Received: "
            f"{source} with the columns {', '.join(table.columns)}; missing: "
            f"{', '.join(missing)}. Rename or add them."
        )
    if table.empty:
        raise ValueError(f"Own recordings must list at least one clip. Received: {source} empty.")
    for column in ("path", "emotion"):
        empty = table[column].isna() | (table[column].astype(str).str.strip() == "")
        if empty.any():
            rows = ", ".join(str(row + 1) for row in empty.to_numpy().nonzero()[0][:5])
            raise ValueError(
                f"Every clip must have a {column}. Received: {source} with {empty.sum()} rows "
                f"without one (clips number {rows}). Fill them in or remove the rows."
            )


def _need_files(table, source):
    """Require every listed file to exist."""
    missing = [path for path in table["path"] if not os.path.isfile(path)]
    if missing:
        raise FileNotFoundError(
            f"Every listed file must exist. Received: {source} with {len(missing)} of "
            f"{len(table)} files missing: {', '.join(missing[:5])}"
            f"{', ...' if len(missing) > 5 else ''}. Relative paths count from the folder of "
            "the CSV file."
        )


def _refuse_case(table, source):
    """Refuse Excited beside excited: they would be two classes."""
    for _, words in table.groupby(table["emotion"].str.lower())["emotion"]:
        if words.nunique() > 1:
            raise ValueError(
                "Emotion words must differ in more than case. Received: "
                f"{' and '.join(sorted(words.unique()))} in {source}. Write them one way."
            )


def _refuse_doubles(table, source):
    """Refuse a file or a clip id that stands there twice."""
    for column, rule in (
        ("path", "Every file may be listed once"),
        ("clip", "Every clip needs a name of its own (its path without the ending)"),
    ):
        doubled = table.loc[table[column].duplicated(), column]
        if len(doubled):
            raise ValueError(
                f"{rule}. Received: {source} with {len(doubled)} twice, such as "
                f"{doubled.iloc[0]}. Remove or rename the second."
            )


def _whole_numbers(repetitions, source):
    """Turn repetitions into numbers, or name the first that is none."""
    numbers = pd.to_numeric(repetitions, errors="coerce")
    wrong = repetitions[repetitions.notna() & (numbers.isna() | (numbers % 1 != 0))]
    if len(wrong):
        raise ValueError(
            "A repetition must be a whole number or stay empty. Received: "
            f"{source} with {wrong.iloc[0]}. Correct it; words go into a column of their own."
        )
    return numbers.astype("Int64")


def _short_names(paths, base):
    """Name clips by their path below `base`, or below their common folder, without ending."""
    base = os.path.abspath(base)
    if any(os.path.commonpath([base, path]) != base for path in paths):
        base = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [Path(os.path.relpath(path, base)).with_suffix("").as_posix() for path in paths]


def _prefixed(speakers, corpora):
    """Put the corpus before the speaker unless it stands there already."""
    plain = speakers.astype("string").str.strip().replace("", pd.NA)
    return pd.Series(
        [
            speaker
            if pd.isna(speaker) or speaker.startswith(f"{corpus}-")
            else f"{corpus}-{speaker}"
            for speaker, corpus in zip(plain, corpora, strict=True)
        ],
        index=speakers.index,
        dtype="string",
    )
