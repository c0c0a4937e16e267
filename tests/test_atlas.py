"""The atlas: rows and columns as asked, numbers as computed, one scale a row, one speaker."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from matplotlib.colors import to_rgb
from PIL import Image

from serkeras.audio import load_clip
from serkeras.config import AudioConfig, FeatureConfig
from serkeras.evaluation import atlas
from serkeras.features import registry

AUDIO = AudioConfig(duration_s=0.5)
SIZES = FeatureConfig(n_fft=512, hop_length=256, n_mels=32, n_mfcc=13, width=40, image_size=48)
EMOTIONS = ["neutral", "angry", "sad"]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    """Three speakers with two statements; the middle one alone has all three emotions."""
    folder, rows = tmp_path_factory.mktemp("clips"), []
    rng = np.random.default_rng(0)
    plan = {"a": ["angry", "sad"], "b": ["sad", "angry", "neutral"], "c": ["sad"]}
    for speaker, emotions in plan.items():
        for statement in ("one", "two"):
            for emotion in emotions:
                # Speaker b says "one" in two emotions only, so that "two" is what is common.
                if (speaker, statement, emotion) == ("b", "one", "sad"):
                    continue
                path = folder / f"{speaker}-{statement}-{emotion}.wav"
                loud = {"angry": 0.5, "sad": 0.05, "neutral": 0.2}[emotion]
                pitch = rng.uniform(100, 300) * np.arange(8000) / 16000
                wave = np.sign(np.sin(2 * np.pi * pitch)) + 0.1 * rng.normal(size=8000)
                soundfile.write(path, loud * wave / 2, 16000, subtype="FLOAT")
                rows.append((str(path), emotion, speaker, statement, "own"))
    return pd.DataFrame(rows, columns=["path", "emotion", "speaker", "statement", "corpus"])


@pytest.fixture(scope="module")
def figure(clips):
    """The atlas of all features of speaker b."""
    return atlas.feature_atlas(clips, AUDIO, atlas.default_rows(SIZES))


@pytest.fixture(scope="module")
def grid(figure):
    """Panels by row, from the top, then by column."""
    return panels(figure)


def panels(figure):
    rows = {}
    for axis in figure.axes:
        if axis.get_label() != "<colorbar>":
            rows.setdefault(round(axis.get_position().y1, 6), []).append(axis)
    by_column = [sorted(row, key=lambda axis: axis.get_position().x0) for row in rows.values()]
    return sorted(by_column, key=lambda row: -row[0].get_position().y1)


def data(panel):
    """What a panel draws, as an array."""
    if panel.lines:
        return np.asarray(panel.lines[0].get_ydata())
    return np.asarray(panel.images[0].get_array())


def test_every_feature_has_a_row():
    rows = atlas.default_rows(SIZES)
    assert {row.name for row in rows} - {atlas.STACK} == set(registry.names())
    assert [row.name for row in rows if row.whiten] == ["log_mel"]
    assert all(row.n_mels == 32 and row.n_fft == 512 for row in rows)


def test_rows_and_columns(grid, figure):
    assert [len(row) for row in grid] == [len(EMOTIONS)] * len(atlas.default_rows())
    assert [panel.get_title() for panel in grid[0]] == EMOTIONS
    words = " ".join(text.get_text().replace("\n", "") for text in figure.texts)
    for row in atlas.default_rows():
        assert row.name in words


def test_one_speaker_and_one_statement(clips, figure):
    chosen = atlas.choose(clips)
    assert list(chosen["emotion"]) == EMOTIONS
    assert set(chosen["speaker"]) == {"b"}
    assert set(chosen["statement"]) == {"two"}
    assert any("speaker b, statement “two”" in text.get_text() for text in figure.texts)
    assert set(atlas.choose(clips, "a")["speaker"]) == {"a"}
    without = atlas.choose(clips.drop(columns="statement"))
    assert list(without["emotion"]) == EMOTIONS


def test_an_emotion_without_the_common_statement_keeps_its_column(clips):
    of_sad = clips["emotion"] == "sad"
    unknown = atlas.choose(clips.assign(statement=clips["statement"].where(~of_sad)))
    assert list(unknown["emotion"]) == EMOTIONS
    # Neutral and angry are said in both statements, sad in a third.
    third = atlas.choose(clips.assign(statement=clips["statement"].where(~of_sad, "three")))
    assert list(third["statement"]) == ["one", "one", "three"]


@pytest.mark.parametrize("index", range(len(atlas.default_rows())))
def test_panels_draw_what_the_registry_computes(index, grid, clips):
    config = atlas.default_rows(SIZES)[index]
    waves = np.stack([load_clip(path, AUDIO) for path in atlas.choose(clips)["path"]])
    wanted = registry.compute(waves, config, AUDIO.sample_rate)
    drawn = np.ma.stack([data(panel) for panel in grid[index]])
    if config.name == atlas.STACK:
        bins = wanted.transpose(1, 0, 2).reshape(wanted.shape[1], -1)
        wanted = (wanted - bins.mean(1)[:, None]) / np.maximum(bins.std(1), 1e-6)[:, None]
        np.testing.assert_allclose(drawn, wanted, atol=1e-3)
    elif config.name in ("multi_resolution", "spectrogram_mfcc_delta"):
        for channel in range(3):  # stretched over what one row spans: the order stays
            old, new = wanted[..., channel].ravel(), np.asarray(drawn)[..., channel].ravel()
            inside = (new > 0) & (new < 1)
            slope, offset = np.polyfit(old[inside], new[inside], 1)
            np.testing.assert_allclose(slope * old[inside] + offset, new[inside], atol=1e-3)
            assert inside.mean() > 0.5
    else:
        wanted = wanted[:, 0] if wanted.ndim == 3 and wanted.shape[1] == 1 else wanted
        wanted = np.where(wanted > 0, wanted, np.nan) if config.name == "pitch" else wanted
        np.testing.assert_array_equal(drawn.data, wanted)


def test_one_scale_along_a_row(grid):
    for row in grid:
        for panel in row:
            if panel.lines:
                assert panel.get_ylim() == row[0].get_ylim()
                values = data(panel)
                inside = values[np.isfinite(values)]
                low, high = panel.get_ylim()
                assert ((inside >= low) & (inside <= high)).all()
            elif data(panel).ndim == 2:
                assert panel.images[0].get_clim() == row[0].images[0].get_clim()
                assert panel.images[0].cmap.name == row[0].images[0].cmap.name
            assert panel.get_xlim() == grid[0][0].get_xlim()


def test_the_bar_shows_the_scale_of_its_row(figure, grid):
    bars = [axis for axis in figure.axes if axis.get_label() == "<colorbar>"]
    seen = 0
    for row in grid:
        beside = [b for b in bars if abs(b.get_position().y0 - row[0].get_position().y0) < 1e-6]
        if row[0].images and data(row[0]).ndim == 2:
            (bar,) = beside
            assert bar.get_ylim() == pytest.approx(row[0].images[0].get_clim())
            seen += 1
    assert seen == 10
    picture = min(grid, key=lambda row: row[0].get_position().y0)[0]
    last = [b for b in bars if abs(b.get_position().y0 - picture.get_position().y0) < 1e-6]
    assert last[0].get_ylim() == SIZES.image_range_db


def test_nothing_overlaps_and_all_fits_the_page(figure):
    figure.draw_without_rendering()
    boxes = [(text, text.get_window_extent()) for text in figure.texts if text.get_text()]
    for axis in figure.axes:
        parts = (axis.xaxis.get_tightbbox(), axis.yaxis.get_tightbbox(), axis.get_window_extent())
        boxes += [(axis, part) for part in parts if part is not None]
    for i, (owner, box) in enumerate(boxes):
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1
        others = [other for other in boxes[i + 1 :] if other[0] is not owner]
        assert not [other for other in others if box.overlaps(other[1])], (owner, box)


def test_lines_bins_and_lengths(clips):
    """Averages are lines, over bins or time; clips of different length keep theirs."""
    rows = [
        FeatureConfig(name="mfcc", n_mfcc=13, average="time"),
        FeatureConfig(name="log_mel", average="frequency"),
        FeatureConfig(name="log_mel", frames=5),
    ]
    keep = AudioConfig(duration_s=2.0, fit="keep")
    short = clips.copy()
    path = short["path"][(clips["speaker"] == "b") & (clips["emotion"] == "angry")].iloc[-1]
    longer = path.replace(".wav", "-long.wav")
    soundfile.write(longer, np.tile(soundfile.read(path)[0], 2), 16000, subtype="FLOAT")
    short.loc[short["path"] == path, "path"] = longer
    drawn = panels(atlas.feature_atlas(short, keep, rows))
    assert [data(panel).shape for panel in drawn[0]] == [(13,)] * 3
    assert [data(panel).shape for panel in drawn[1]] == [(16,), (32,), (16,)]
    assert [data(panel).shape for panel in drawn[2]] == [(128, 5)] * 3
    assert [row[0].get_xlabel() for row in drawn] == ["bin", "", "time (s)"]
    assert drawn[0][0].get_xlim() == (-0.5, 12.5)
    # 32 frames, the first in the middle of its hop.
    assert drawn[1][0].get_xlim() == (0, pytest.approx(31.5 * 512 / 16000))


def test_silent_clips(tmp_path):
    rows = [(str(tmp_path / f"{name}.wav"), name, "x") for name in ("angry", "sad")]
    for path, *_ in rows:
        soundfile.write(path, np.zeros(8000), 16000)
    clips = pd.DataFrame(rows, columns=["path", "emotion", "speaker"])
    drawn = atlas.feature_atlas(clips, AUDIO, atlas.default_rows(SIZES))
    assert len(panels(drawn)) == len(atlas.default_rows())
    drawn.draw_without_rendering()


def test_credit_of_a_known_corpus(clips):
    rows = [FeatureConfig(name="waveform")]
    known = atlas.feature_atlas(clips.assign(corpus="ravdess"), AUDIO, rows)
    words = " ".join(text.get_text().replace("\n", " ") for text in known.texts)
    assert "Livingstone" in words
    assert "CC BY-NC-SA 4.0" in words
    own = atlas.feature_atlas(clips, AUDIO, rows)
    assert not any("Licence" in text.get_text() for text in own.texts)


def test_write(clips, tmp_path, monkeypatch):
    rows = [FeatureConfig(name="log_mel", n_mels=32), FeatureConfig(name="rms")]
    first, second = tmp_path / "new" / "a.png", tmp_path / "b.png"
    atlas.write(first, clips, AUDIO, rows)
    atlas.write(second, clips, AUDIO, rows)
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        assert picture.size[0] == 1760
        colours = picture.convert("RGB")
        assert colours.getpixel((2, 2)) == (255, 255, 255)
        blue = np.round(255 * np.array(to_rgb("#0072B2")))
        pixels = np.asarray(colours).astype(int).reshape(-1, 3)
        assert np.abs(pixels - blue).sum(axis=1).min() < 25
    with pytest.raises(ValueError, match="must end in .png"):
        atlas.write(tmp_path / "c.pdf", clips, AUDIO, rows)

    save = Image.Image.save

    def fail(self, target, *arguments, **settings):
        save(self, target, *arguments, **settings)
        if isinstance(target, Path):  # not the buffer into which matplotlib draws
            target.write_bytes(b"half")
            raise OSError("disk")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk"):
        atlas.write(second, clips, AUDIO, rows)
    assert first.read_bytes() == second.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.png", "new"]


@pytest.mark.parametrize(
    ("change", "speaker", "message"),
    [
        (lambda c: c.drop(columns="speaker"), None, r"missing columns \['speaker'\]"),
        (lambda c: c.assign(speaker=pd.NA), None, "speakers must be known"),
        (lambda c: c.iloc[:0], None, "Received: 0 clips"),
        (lambda c: c[c["emotion"] == "sad"], None, r"at least two emotions .*\['sad'\] of 'a'"),
        (lambda c: c, "c", r"Received: \['sad'\] of 'c'"),
        (lambda c: c, "nobody", r"\[\] of 'nobody'. Choose another among \['a', 'b', 'c'\]"),
    ],
)
def test_manifests_that_cannot_be_compared(clips, change, speaker, message):
    with pytest.raises(ValueError, match=message):
        atlas.feature_atlas(change(clips), AUDIO, speaker=speaker)


def test_wrong_features(clips):
    with pytest.raises(ValueError, match="at least one feature. Received: none"):
        atlas.feature_atlas(clips, AUDIO, [])
    with pytest.raises(ValueError, match="The feature must be one of"):
        atlas.feature_atlas(clips, AUDIO, [FeatureConfig(name="loudness")])
