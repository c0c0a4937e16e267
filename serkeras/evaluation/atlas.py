"""An atlas of features on one page: a row for every feature, a column for every emotion."""

import io
from pathlib import Path

import numpy as np

from serkeras._files import atomic_path
from serkeras.audio import load_clip
from serkeras.config import AudioConfig, FeatureConfig
from serkeras.datasets import registry as corpora
from serkeras.evaluation import _atlas_page, _atlas_rows, plots

STACK = "mel+mfcc+chroma+spectral_contrast+tonnetz"
_AUDIO, _SIZES = AudioConfig(), FeatureConfig(n_mfcc=40)


def default_rows(sizes=_SIZES):
    """Return what the atlas shows: every feature, one whitened, and a stack.

    Args:
        sizes: `serkeras.config.FeatureConfig` whose n_fft, n_mfcc and so on all rows have.

    Returns:
        List of `FeatureConfig`.
    """
    sizes = sizes.replace(whiten=False, average="none", frames=None)
    rows = []
    for name in _atlas_rows.LOOKS:
        rows.append(sizes.replace(name=name))
        if name == "log_mel":
            rows.append(sizes.replace(name=name, whiten=True))
        if name == "tonnetz":
            rows.append(sizes.replace(name=STACK))
    return rows


def choose(clips, speaker=None):
    """Choose one clip of each emotion, all of one speaker.

    They say the same statement as far as the manifest knows statements and the speaker has said
    it in that emotion; among several clips the first is taken.

    Args:
        clips: manifest with the columns path, emotion and speaker.
        speaker: of that column; None takes the one with the most emotions, the first by name
            among equals.

    Returns:
        Rows of `clips`: neutral first, then by emotion.

    Raises:
        ValueError: a column is missing, no speaker is known, or the speaker has fewer than two
            emotions.
    """
    missing = [name for name in ("path", "emotion", "speaker") if name not in clips]
    known = clips if missing else clips.dropna(subset=["speaker"])
    if missing or known.empty:
        raise ValueError(
            "`clips` must have the columns path, emotion and speaker, and speakers must be "
            f"known. Received: {len(clips)} clips, missing columns {missing}. Load a corpus "
            "with serkeras.datasets.load, or add a column `speaker` to your CSV file."
        )
    if speaker is None:
        speaker = known.groupby("speaker")["emotion"].nunique().idxmax()
    own = known[known["speaker"] == speaker]
    if own["emotion"].nunique() < 2:
        raise ValueError(
            "An atlas compares at least two emotions of one speaker. Received: "
            f"{sorted(own['emotion'].unique())} of {speaker!r}. Choose another among "
            f"{sorted(known['speaker'].unique())[:8]}, or load more clips."
        )
    own = _same_statement_first(own).drop_duplicates("emotion")
    rest = own["emotion"] != "neutral"
    return own.assign(rest=rest).sort_values(["rest", "emotion"]).drop(columns="rest")


def _same_statement_first(clips):
    if "statement" not in clips or clips["statement"].isna().all():
        return clips
    common = clips.groupby("statement")["emotion"].nunique().idxmax()
    other = clips["statement"].ne(common).fillna(True).to_numpy(bool)
    return clips.iloc[np.argsort(other, kind="stable")]


def feature_atlas(clips, audio=_AUDIO, features=None, speaker=None):
    """Draw every feature of one speaker's clips, one of each emotion.

    Colours, and the axes of lines, mean the same along a row. Of a stack each bin is shown with
    mean 0 and deviation 1 over the row, since its parts have different units; three channels
    are shown as red, green and blue.

    Args:
        clips: manifest with the columns path, emotion and speaker; statement and corpus are
            used where they are known.
        audio: `serkeras.config.AudioConfig`.
        features: sequence of `serkeras.config.FeatureConfig`, one a row; None is
            `default_rows()`.
        speaker: see `choose`.

    Returns:
        `matplotlib.figure.Figure`, 16 inches wide; with all features 20 inches high.

    Raises:
        ValueError: there is no feature, or see `choose` and `serkeras.features.compute`.
        serkeras.audio.AudioError: a recording cannot be used.
    """
    features = default_rows() if features is None else list(features)
    if not features:
        raise ValueError(
            "`features` must name at least one feature. Received: none. Leave it out for all."
        )
    chosen = choose(clips, speaker)
    waves = [load_clip(path, audio) for path in chosen["path"]]
    rows = [_atlas_rows.make(config, waves, audio.sample_rate) for config in features]
    title, credit = _title(chosen, audio), _credit(chosen.iloc[0])
    return _atlas_page.draw(rows, list(chosen["emotion"]), audio.sample_rate, title, credit)


def write(path, clips, audio=_AUDIO, features=None, speaker=None):
    """Write `feature_atlas` as a PNG file of 256 colours, whole or not at all.

    Args:
        path: file that ends in .png; missing folders are made.
        clips, audio, features, speaker: see `feature_atlas`.

    Raises:
        ValueError: `path` has another ending, or see `feature_atlas`.
        serkeras.audio.AudioError: a recording cannot be used.
    """
    from PIL import Image

    drawn, path = io.BytesIO(), Path(path)
    if path.suffix != ".png":
        raise ValueError(
            f"`path` must end in .png. Received: {str(path)!r}. Draw `feature_atlas` and call "
            "its savefig for other formats."
        )
    feature_atlas(clips, audio, features, speaker).savefig(drawn, format="png", dpi=plots.DPI)
    # A third of the size; the second pass keeps the ends of the colour scales apart.
    picture = Image.open(drawn).convert("RGB").quantize(256, kmeans=2, dither=Image.Dither.NONE)
    with atomic_path(path) as temporary:
        picture.save(temporary, optimize=True, dpi=(plots.DPI, plots.DPI))


def _title(chosen, audio):
    first = chosen.iloc[0]
    words = [f"speaker {first['speaker']}"]
    if "statement" in chosen and chosen["statement"].nunique(dropna=False) == 1:
        words.append(f"statement “{first['statement']}”")
    words += [f"{audio.sample_rate / 1000:g} kHz", f"{len(chosen)} emotions"]
    return ", ".join(words)


def _credit(clip):
    """Say whose recordings these are, "" for own ones: licences ask for it."""
    corpus = clip.get("corpus")
    if corpus not in corpora.names():
        return ""
    card = corpora.card(corpus)
    return f"Recordings: {card.citation} Licence: {card.licence}."
