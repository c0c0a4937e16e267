# %% [markdown]
# # 02 Corpora: what lies in the recordings before any network
#
# {badge}
# **Question:** what is in a corpus of emotional speech, what could a network learn from it that is
# not emotion, and who is missing?
#
# **Needs:** no downloads, no GPU; notebook 01 first is a good idea. **Time:** about a minute and a
# half on two cores, and half a minute more where the built-in corpus has to be made first.
#
# **You will:** listen, read file names, count, measure loudness and pitch, find out how much they
# give away alone, plant broken and doubled files and have them found, load your own recordings,
# join corpora, and write a data card.

# %% tags=["setup"]

# %% [markdown]
# ## 1. A corpus and its card
#
# `CORPUS` can be any corpus at hand: `"ravdess"`, `"emodb"`, `"tess"`; all cells work with it. The
# built-in one is made by a synthesiser. It is no human voice: it serves to try things out, and
# what you see of it says nothing about people. Every corpus has a card: what its makers published,
# under which licence, and whom to cite.

# %%
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import PIL.Image
from matplotlib.figure import Figure

import serkeras

FAST = bool(os.environ.get("SERKERAS_FAST"))  # the automatic test of this notebook: fewer clips
CORPUS = "synthetic"  # or "ravdess", "emodb", "tess", ...
RATE = 16000
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY = "#E69F00", "#56B4E9", "#8C8C8C"

clips = serkeras.datasets.load(CORPUS)
if FAST:
    clips = clips[clips["speaker"].isin(sorted(clips["speaker"].unique())[:6])]
print(serkeras.datasets.card(CORPUS))


# %% [markdown]
# A helper for this page: figures are kept in few colours, so that the file stays small.


# %%
def to_png(figure):
    """Draw a figure in 96 colours: this notebook has many, and its file stays small."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=84)
    picture = PIL.Image.open(drawn).convert("RGB")
    picture.quantize(96, kmeans=1, dither=PIL.Image.Dither.NONE).save(small, "png", optimize=True)
    return small.getvalue()


_ = get_ipython().display_formatter.formatters["image/png"].for_type(Figure, to_png)  # noqa: F821

# %% [markdown]
# ## 2. Listen, then look
#
# One speaker, one sentence, all emotions. Play them in any order, without looking at the label,
# and write down what you hear. If *you* cannot tell two of them apart, a network will have to
# guess as well. (Only synthetic sound is kept in this file; with a real corpus, run the cell.)

# %% tags=["synthetic-audio"]
import base64

import soundfile
from IPython.display import HTML, display

EMOTIONS = sorted(clips["emotion"].unique())
who, words = clips.groupby(["speaker", "statement"])["emotion"].nunique().idxmax()
first = clips[clips["speaker"] == who]
same_words = first[first["statement"] == words]
examples = same_words.drop_duplicates("emotion", keep="last").set_index("emotion")


def play(path, label):
    """Display a player: MP3, so that this file stays small."""
    mp3 = io.BytesIO()
    soundfile.write(mp3, serkeras.audio.read(path, RATE)[: 3 * RATE], RATE, format="MP3")
    data = base64.b64encode(mp3.getvalue()).decode()
    display(HTML(f'{label}<br><audio controls src="data:audio/mpeg;base64,{data}"></audio>'))


for emotion in examples.index.intersection(["sad", "happy", "angry"]):
    play(examples.loc[emotion, "path"], emotion)

# %% [markdown]
# The same clips as pictures: above the waveform, below the log-Mel spectrogram. Look for three
# things: how tall the waveform is (loudness), how far apart the horizontal lines are and how they
# bend (pitch), and where the speech ends (tempo).

# %%
from serkeras.config import AudioConfig

audio = AudioConfig(sample_rate=RATE, duration_s=3.0)
shown = [emotion for emotion in EMOTIONS if emotion in examples.index]
waves = np.stack([serkeras.audio.load_clip(examples.loc[e, "path"], audio) for e in shown])
mel = serkeras.features.log_mel(waves, sample_rate=RATE)

figure = Figure((12, 3.4), layout="constrained")
axes = figure.subplots(2, len(shown), sharex=True, sharey="row", height_ratios=(1, 1.6))
for column, emotion in enumerate(shown):
    top, bottom = axes[:, column]
    top.plot(np.arange(waves.shape[1]) / RATE, waves[column], linewidth=0.3, color=BLUE)
    top.set_title(emotion)
    image = {"origin": "lower", "aspect": "auto", "extent": (0, 3, 0, 128)}
    # One level, one colour in all: soft speech must look soft.
    levels = {"cmap": "magma", "vmin": mel.max() - 80, "vmax": mel.max()}
    drawn = bottom.imshow(mel[column], **levels, **image)
    bottom.set_xlabel("time (s)")
figure.colorbar(drawn, ax=axes[1], label="level (dB)", pad=0.01)
axes[0, 0].set_ylabel("amplitude")
axes[1, 0].set_ylabel("mel band")
figure

# %% [markdown]
# ## 3. What file names say
#
# Most corpora keep their labels in the file names, each in its own code. A number at the wrong
# place, read as an emotion, is a wrong label that no network complains about. `parse` reads a name
# for each corpus:

# %%
from serkeras.datasets import registry

names = {
    "ravdess": "03-01-06-02-01-02-12.wav",
    "savee": "DC_su07.wav",
    "tess": "OAF_back_fear.wav",
    "cremad": "1001_IEO_FEA_HI.wav",
    "emodb": "03a01Wa.wav",
    "synthetic": "05-angry-boat-strong-1.flac",
}
parsed = {file: registry.module(corpus).parse(Path(file)) for corpus, file in names.items()}
table = pd.DataFrame(parsed).T[["emotion", "speaker", "sex", "statement", "intensity"]]
table.insert(0, "corpus", list(names))
table.fillna("")

# %% [markdown]
# RAVDESS alone writes seven numbers: modality, channel, emotion, intensity, statement, repetition
# and actor; odd actors are men. EmoDB codes emotions by the first letter of the *German* word: the
# `W` above is *Wut*, anger. You will write the reader for RAVDESS in the exercises.
#
# ## 4. Balance
#
# How many clips of each emotion, by women and by men? If one sex says an emotion more often, a
# network can guess the emotion from the voice.

# %%
count = clips.assign(sex=clips["sex"].fillna("unknown"))
count = count.groupby(["emotion", "sex"]).size().unstack(fill_value=0)
colours = {"female": ORANGE, "male": BLUE, "unknown": GREY}
figure = Figure((7, 2.8), layout="constrained")
axis = figure.subplots()
left = np.zeros(len(count))
for sex in count:
    bars = axis.barh(count.index, count[sex], left=left, color=colours[sex], label=sex)
    axis.bar_label(bars, label_type="center", color="white")
    left = left + count[sex].to_numpy()
axis.set(title=f"Clips in {CORPUS}, by emotion and sex of the speaker", xlabel="clips")
axis.invert_yaxis()
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% [markdown]
# Not every corpus is so even. Here is what the cards of all six document. The last column is the
# accuracy of a parrot that always says the most frequent emotion. Its UAR, the mean recall over
# the emotions, is one divided by their number, however uneven they are. That is why UAR stands
# beside accuracy in this kit.

# %%
documented = {name: serkeras.datasets.card(name).emotions for name in serkeras.datasets.names()}
documented = pd.DataFrame(documented).T.fillna(0).astype(int)
parrot = documented.max(axis=1) / documented.sum(axis=1)
table = documented.replace(0, "-").astype(str)
table["parrot's accuracy"] = parrot.map("{:.0%}".format)
table["parrot's UAR"] = (1 / (documented > 0).sum(axis=1)).map("{:.0%}".format)
table

# %% [markdown]
# ## 5. The kit measures all recordings
#
# `data_card` reads every file as it lies there and writes a page: balance, rates, durations,
# levels, licences, and what a model could learn instead of emotion. We use its numbers in the next
# sections and come back to the page at the end.

# %%
import json

from serkeras.cards import data_card

page = data_card([CORPUS if not FAST else clips], out="card", progress=False)
measured = json.loads((page.parent / "result.json").read_text())
whole = measured["recordings"]["all"]["all"]
print(f"{whole['clips']} clips, {60 * whole['hours']:.0f} minutes, rates {whole['rates']}")
pd.Series(whole["duration_s"]).round(2).to_frame("duration (s)").T

# %% [markdown]
# ## 6. Durations: the length that a network is given
#
# A network wants clips of one length. Longer ones are cut, and the end of an utterance is gone;
# shorter ones are padded with zeros, and the network looks at nothing. So look at the durations
# before you choose.


# %%
seconds = np.array([soundfile.info(path).duration for path in clips["path"]])
figure = Figure((7, 2.6), layout="constrained")
axis = figure.subplots()
for sex, colour in (("female", ORANGE), ("male", BLUE)):
    values = seconds[(clips["sex"] == sex).to_numpy()]
    axis.hist(values, bins=25, histtype="step", color=colour, linewidth=1.6, label=sex)
axis.set(title="How long the recordings are", xlabel="duration (s)", ylabel="clips")
axis.legend()
figure

# %% [markdown]
# Turn the slider where you run this yourself: the grey part of each bar is padding, the red one is
# cut off. What a length costs over all clips is exercise 2.2.

# %% tags=["widget"]
import ipywidgets


def at_length(length):
    """Draw the forty longest and shortest clips against a length."""
    ordered = np.sort(seconds)[:: max(1, len(seconds) // 40)]
    figure = Figure((8, 2.4), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(ordered))
    axis.bar(places, np.minimum(ordered, length), color=BLUE, label="kept")
    axis.bar(places, np.maximum(ordered - length, 0), bottom=length, color=VERMILION, label="cut")
    padding = np.maximum(length - ordered, 0)
    axis.bar(places, padding, bottom=ordered, color="#DDDDDD", label="padding")
    axis.set(title=f"Clips at {length:.1f} s", ylabel="duration (s)", xticks=[])
    axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    display(figure)


_ = ipywidgets.interact(at_length, length=ipywidgets.FloatSlider(2.5, min=1, max=4, step=0.1))

# %% [markdown]
# ## 7. Loudness
#
# The level of a recording is ten times the logarithm of its mean power: the *RMS level* in
# decibels of full scale. It has a weakness: silence counts. Two seconds of room tone behind a cry
# make the *same* cry softer. Broadcasters measure only the blocks that are not much softer than
# the rest (ITU-R BS.1770; their measure also weights frequencies as ears do, which we leave out):


# %%
def rms_level(wave):
    """Return the RMS level in dB of full scale."""
    return 10 * np.log10(np.mean(np.square(wave, dtype=float)) + 1e-10)


def gated_level(wave, rate=RATE):
    """Return the level of the blocks of 0.4 s that pass two gates, in dB of full scale."""
    size, step = int(0.4 * rate), int(0.1 * rate)
    starts = range(0, max(1, len(wave) - size + 1), step)
    power = np.array([np.mean(np.square(wave[s : s + size], dtype=float)) for s in starts])
    power = power[power > 1e-7]  # -70 dB: what nobody hears
    if not len(power):
        return -100.0
    return 10 * np.log10(power[power >= power.mean() / 10].mean())  # 10 dB below their mean


cry = serkeras.audio.read(first.loc[first["emotion"] == "angry", "path"].iloc[-1], RATE)
for name, wave in (("as recorded", cry), ("2 s of silence behind", np.pad(cry, (0, 2 * RATE)))):
    print(f"{name:22} RMS {rms_level(wave):6.1f} dB, gated {gated_level(wave):6.1f} dB")

# %% [markdown]
# Now all clips. Whiskers reach from the 5th to the 95th percentile; guess before you scroll which
# emotions will be the loudest.


# %%
def boxes(axis, values, groups, order, colour):
    """Draw a box for each group."""
    groups = np.asarray(groups)
    drawn = axis.boxplot(
        [values[groups == group] for group in order],
        tick_labels=order,
        whis=(5, 95),
        showfliers=False,
        patch_artist=True,
        medianprops={"color": "black"},
    )
    for box in drawn["boxes"]:
        box.set_facecolor(colour)
    axis.tick_params("x", rotation=40)
    axis.grid(axis="y", alpha=0.3)


level = np.array([gated_level(serkeras.audio.read(path, RATE)) for path in clips["path"]])
figure = Figure((10, 3.2), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1, 1.6))
boxes(left, level, clips["emotion"], EMOTIONS, SKY)
left.set(title="Level by emotion", ylabel="gated level (dB)")
speakers = sorted(clips["speaker"].unique())
boxes(right, level, clips["speaker"], speakers, ORANGE)
right.set(title="The same clips by speaker", xticklabels=[s.split("-")[-1] for s in speakers])
right.tick_params("x", rotation=90)
figure

# %% [markdown]
# On the left is why loudness is a strong cue in corpora: the microphone stood still while people
# acted. On the right is the catch: every speaker covers most of the range, and other microphones,
# distances and telephones move all of it. Turn the gain up by ten decibels, and a sad clip has the
# level of a much louder emotion.
#
# Report S2 printed the mean of the highest samples by emotion, for four real corpora together.
# Here it is beside ours. Which emotions keep their rank?

# %%
REPORT_S2 = {"angry": 0.575, "disgust": 0.211, "fear": 0.286, "happy": 0.337,
             "neutral": 0.156, "sad": 0.105, "surprise": 0.219}  # fmt: skip
ours = {name: found["highest"] for name, found in measured["recordings"]["emotion"].items()}
pair = pd.DataFrame({"report S2": REPORT_S2, CORPUS: ours}).dropna()
print(f"rank correlation {pair.corr('spearman').iloc[0, 1]:.2f}")
figure = Figure((8, 2.8), layout="constrained")
axis = figure.subplots()
places = np.arange(len(pair))
for shift, (name, colour) in zip((-0.2, 0.2), zip(pair, (GREY, BLUE), strict=True), strict=True):
    bars = axis.bar(places + shift, pair[name], width=0.4, color=colour, label=name)
    axis.bar_label(bars, fmt="%.2f", fontsize=8)
axis.set(xticks=places, xticklabels=pair.index, ylabel="full scale is 1", ylim=(0, 0.65))
axis.set_title("Highest sample of a clip, mean over the clips of an emotion")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% [markdown]
# ## 8. Pitch
#
# The vocal folds open and close so many times a second: that is the fundamental frequency, heard
# as pitch. The kit finds it frame by frame (probabilistic YIN) and gives 0 where nothing voiced is
# heard. It takes a while, so we take one clip of each speaker and emotion (more where speakers are
# few). Ears compare pitch by ratios; twelve *semitones* are a factor of two.

# %%
from serkeras.config import FeatureConfig

groups = clips.groupby(["speaker", "emotion"])
each = 1 if FAST else max(1, 168 // groups.ngroups)
some = groups.tail(each).reset_index(drop=True)
short = AudioConfig(sample_rate=RATE, duration_s=2.5)
waves = np.stack([serkeras.audio.load_clip(path, short) for path in some["path"]])
pitch = FeatureConfig(name="pitch")
hertz = serkeras.features.compute(waves, pitch, RATE, n_jobs=-1)[:, 0]
voiced = np.where(hertz > 0, hertz, np.nan)
is_heard = (hertz > 0).any(axis=1)
print(f"{(~is_heard).sum()} clips in which no voiced sound was found are left out")
some, voiced = some[is_heard].reset_index(drop=True), voiced[is_heard]
some["pitch_hz"] = np.nanmedian(voiced, axis=1)
low, high = np.nanpercentile(12 * np.log2(voiced / 100), [10, 90], axis=1)
some["range_st"] = high - low
some.groupby("sex")["pitch_hz"].median().round(0).to_frame("median pitch (Hz)").T

# %% [markdown]
# Left: pitch in hertz. Women and men lie further apart than most emotions do, so the boxes are
# wide. Middle: the same, as the distance to the speaker's own neutral voice (which is 0 by
# definition). Now the emotions part: *relative* pitch is the cue. A network that hears one clip of
# a stranger does not know that person's neutral voice.

# %%
neutral = some[some["emotion"] == "neutral"].groupby("speaker")["pitch_hz"].median()
some = some[some["speaker"].isin(neutral.index)].reset_index(drop=True)
some["relative_st"] = 12 * np.log2(some["pitch_hz"] / some["speaker"].map(neutral))
figure = Figure((11, 3.2), layout="constrained")
axes = figure.subplots(1, 3)
boxes(axes[0], some["pitch_hz"].to_numpy(), some["emotion"], EMOTIONS, SKY)
axes[0].set(title="Median pitch", ylabel="Hz")
boxes(axes[1], some["relative_st"].to_numpy(), some["emotion"], EMOTIONS, ORANGE)
axes[1].axhline(0, color="black", linewidth=0.8)
axes[1].set(title="Relative to the speaker's neutral", ylabel="semitones")
boxes(axes[2], some["range_st"].to_numpy(), some["emotion"], EMOTIONS, "#A6DBC8")
axes[2].set(title="Range (10th to 90th percentile)", ylabel="semitones")
figure

# %% [markdown]
# ## 9. How much do single numbers give away?
#
# Let one number per clip guess the emotion. The guesser asks the nine most similar clips *of other
# speakers* what they are. No network, no spectrogram. UAR of such a guess is what a network has to
# beat before it may claim to have learned more than loudness.

# %%
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

some["level_db"] = pd.Series(level, index=clips["clip"]).loc[some["clip"]].to_numpy()
some["duration_s"] = [soundfile.info(path).duration for path in some["path"]]
SETS = {
    "level": ["level_db"],
    "duration": ["duration_s"],
    "pitch": ["pitch_hz"],
    "pitch range": ["range_st"],
    "all four": ["level_db", "duration_s", "pitch_hz", "range_st"],
}


def guess(columns):
    """Return accuracy, UAR and so on, with intervals, of a guess by the nearest clips."""
    near = make_pipeline(StandardScaler(), KNeighborsClassifier(9))
    folds = GroupKFold(min(6, some["speaker"].nunique()))
    said = cross_val_predict(
        near, some[columns], some["emotion"], groups=some["speaker"], cv=folds,
        method="predict_proba",
    )  # fmt: skip
    truth = pd.Categorical(some["emotion"], categories=EMOTIONS).codes.astype(int)
    return serkeras.evaluation.metrics.evaluate(truth, said, EMOTIONS, some)


import serkeras.evaluation.metrics

uars = {name: guess(columns)["uar"] for name, columns in SETS.items()}

# %% [markdown]
# The bars are the UAR of each guess; the last one has all four numbers at once.

# %%
figure = Figure((8, 2.8), layout="constrained")
axis = figure.subplots()
values = [100 * uar["value"] for uar in uars.values()]
error = [[100 * (u["value"] - u["low"]), 100 * (u["high"] - u["value"])] for u in uars.values()]
bars = axis.barh(list(uars), values, xerr=np.transpose(error), color=BLUE, capsize=3)
bars[-1].set_color(VERMILION)
axis.bar_label(bars, fmt="%.0f", label_type="center", color="white")
axis.axvline(100 / len(EMOTIONS), color="black", linestyle=":")
axis.invert_yaxis()
axis.set_title("What a few numbers say about the emotion of a new speaker")
axis.set_xlabel("UAR (%), 95 % interval over speakers; dotted: guessing")
figure

# %% [markdown]
# ## 10. Break it: a folder that nobody has looked at
#
# Real folders are never clean. We make a small one of our own, a subfolder an emotion, which is
# how the kit takes own recordings. It is sound at first; the audit has nothing to say:

# %%
mine = Path("mine")
shutil.rmtree(mine, ignore_errors=True)
one = first.groupby("emotion").tail(2)
for row in one.itertuples():
    (mine / row.emotion).mkdir(parents=True, exist_ok=True)
    ending = Path(row.path).suffix
    shutil.copy(row.path, mine / row.emotion / f"{row.emotion}-{row.Index}{ending}")
own = serkeras.datasets.load_own(mine)
print(f"{len(own)} clips, findings: {len(serkeras.datasets.audit(own, progress=False))}")
own[["clip", "corpus", "emotion", "speaker"]].head(3)

# %% [markdown]
# Now what people do. A folder is copied "to be safe". A file gets another ending because some
# programme wanted it. A recording is filed under a second emotion as well. A microphone was turned
# up too far, another was off; a download broke off; somebody exported at 8 kHz.


# %%
def save(name, wave, rate=RATE):
    """Write a waveform into the folder."""
    soundfile.write(mine / name, np.clip(wave, -1, 1), rate, subtype="PCM_16")


sad, angry = sorted(mine.glob("sad/*")), sorted(mine.glob("angry/*"))
shutil.copytree(mine / "happy", mine / "happy" / "copy of happy")
flac = io.BytesIO()
soundfile.write(flac, cry, RATE, format="FLAC")
_ = (mine / "angry" / "renamed.wav").write_bytes(flac.getvalue())
shutil.copy(sad[0], mine / "angry" / f"moved{sad[0].suffix}")
save("angry/too loud.wav", 30 * cry)
save("neutral/switched off.wav", np.zeros(2 * RATE))
save("neutral/a click.wav", cry[:3000])
save("sad/exported.wav", serkeras.audio.read(sad[0], 8000), 8000)
save("sad/broken off.wav", cry)
whole_file = (mine / "sad" / "broken off.wav").read_bytes()
_ = (mine / "sad" / "broken off.wav").write_bytes(whole_file[: len(whole_file) // 2])

# %% [markdown]
# Load it again, and ask the audit what is wrong.

# %%
own = serkeras.datasets.load_own(mine)
found = serkeras.datasets.audit(own, progress=False)
pd.set_option("display.max_colwidth", 90)
found.drop(columns="path")

# %% [markdown]
# Every fault is found: doubles by their bytes, the moved clip because two files of the same sound
# are labelled differently, and so on. But a copy at another rate, louder or cut, is no double
# to the audit: `exported` is only "mixed rates". The audit never deletes anything; that stays your
# decision.
#
# Which of these is the worst? A broken file stops a training, and one sees it. The doubled folder
# *helps*: at a random split into six parts, five of six clips have their twin on the training side,
# and whoever has learned a clip by heart is right about its twin. Here the guesser asks the single
# nearest clip, by its mean log-Mel spectrogram. Once the corpus is as it should be, once it lies
# there twice:

# %%
waves = np.stack([serkeras.audio.load_clip(path, short) for path in clips["path"]])
numbers = serkeras.features.log_mel(waves, sample_rate=RATE, n_mels=40).mean(axis=2)
nearest = make_pipeline(StandardScaler(), KNeighborsClassifier(1))


def accuracy(times, folds, groups=None):
    """Return the accuracy in percent when each clip is there so many times."""
    x, y = np.tile(numbers, (times, 1)), np.tile(clips["emotion"].to_numpy(str), times)
    said = cross_val_predict(nearest, x, y, cv=folds, groups=groups)
    return 100 * np.mean(said == y)


from sklearn.model_selection import KFold

folds = min(6, clips["speaker"].nunique())
shuffled = KFold(6, shuffle=True, random_state=0)
claims = {
    "every clip twice, random split": accuracy(2, shuffled),
    "every clip once, random split": accuracy(1, shuffled),
    "every clip once, new speakers": accuracy(1, GroupKFold(folds), clips["speaker"]),
}

# %% [markdown]
# Before you look: how large will the difference between the first and the second bar be?

# %%
figure = Figure((8, 2.1), layout="constrained")
axis = figure.subplots()
bars = axis.barh(list(claims), list(claims.values()), color=[VERMILION, ORANGE, BLUE])
axis.bar_label(bars, fmt="%.0f %%", padding=3)
axis.axvline(100 / len(EMOTIONS), color="black", linestyle=":")
axis.invert_yaxis()
axis.set(xlim=(0, 112), xlabel="accuracy (%); dotted: guessing")
axis.set_title("The same guesser, the same recordings")
figure

# %% [markdown]
# The guesser has not become better by a copied folder. Only the question has become easier. The
# kit's splits have a guard that compares the bytes of all files; here a split is made by hand, as
# scripts do, with one twin on each side:

# %%
happy = own[own["emotion"] == "happy"].reset_index(drop=True)
is_copy = happy["clip"].str.contains("copy of")
by_hand = serkeras.splits.Split(
    train=happy[~is_copy].head(1),
    validation=happy[~is_copy].tail(1),
    test=happy[is_copy].head(1),
    kind="by hand",
    seed=None,
)
try:
    serkeras.splits.check(by_hand)
except ValueError as error:
    print(error)

# %% [markdown]
# ## 11. Own recordings
#
# A folder says the emotion and nothing else. A CSV file can say more; the column `speaker` is the
# one that matters, for without it nobody can hold speakers apart. Words are taken in several
# spellings ("anger" becomes `angry`), and whatever else you know is kept as a column.

# %%
listed = pd.DataFrame(
    {
        "path": [str(path) for path in (sad[0], angry[0])],
        "emotion": ["sadness", "Anger"],
        "speaker": ["kim", "lee"],
        "room": ["kitchen", "studio"],
    }
)
listed.to_csv("mine.csv", index=False)
manifest = serkeras.datasets.load_own("mine.csv")
manifest.drop(columns="path").dropna(axis=1)

# %% [markdown]
# The CSV file goes wherever a corpus goes: `serkeras.train("cnn", data=["mine.csv"])`.
#
# ## 12. Joining corpora
#
# Corpora speak of different emotions. Joined ones need a common scheme: `"seven"` counts *calm* as
# neutral and drops *boredom*, `"four"` keeps angry, happy, neutral and sad. A scheme is a decision
# and changes what a figure means: fewer and clearer classes are easier.

# %%
from serkeras.datasets.labels import SCHEMES

rows = {name: {word: scheme.get(word, "(dropped)") for word in documented.columns}
        for name, scheme in SCHEMES.items() if scheme}  # fmt: skip
pd.DataFrame(rows).T

# %% [markdown]
# And joining brings a cue of its own. The shares below are from the cards. Whoever recognises the
# *corpus*, by its room, its microphone, its sentence, already knows something about the emotion.

# %%
shares = 100 * documented.div(documented.sum(axis=1), axis=0)
figure = Figure((9, 2.9), layout="constrained")
axis = figure.subplots()
picture = axis.imshow(shares, cmap="Blues", vmin=0, vmax=30, aspect="auto")
for (row, column), share in np.ndenumerate(shares.to_numpy()):
    text = f"{share:.0f}" if share else "none"
    axis.text(column, row, text, ha="center", va="center", color="white" if share > 18 else "black")
axis.set(xticks=range(shares.shape[1]), xticklabels=shares.columns)
axis.set(yticks=range(len(shares)), yticklabels=shares.index)
axis.set_title("Share of each emotion in a corpus (%), as documented")
figure.colorbar(picture, ax=axis, label="%")
figure

# %% [markdown]
# Joined, the audit compares corpora as well. Our small folder beside the corpus it was taken from:
# the rates differ within, and clips of one stand in the other under another name.

# %%
joined = serkeras.datasets.load_many([clips, own])
between = serkeras.datasets.audit(joined, progress=False)
between["finding"].value_counts().to_frame("clips")

# %% [markdown]
# ## 13. The data card
#
# Section 5 has written a page. Whoever gets a result of yours should get this page with it: what
# the data are, who speaks, what they may be used for, and what a model could have learned instead.
# Its own words, without the figures and the long tables:

# %%
from IPython.display import Markdown

text = page.read_text(encoding="utf-8")
wanted = ("Where it comes from", "What a model could learn instead")
parts = [part for part in text.split("\n## ") if part.startswith(wanted)]
Markdown("\n\n".join(f"### {part}" for part in parts))

# %% [markdown]
# Licences differ, and they reach further than one thinks: a licence that forbids commercial use
# (NC) or changed copies (ND) bears on what may be done with a model that was trained on the
# recordings, and with pictures and sounds made of them.

# %%
cards = {name: serkeras.datasets.card(name) for name in serkeras.datasets.names()}
facts = ("clips", "speaker_count", "language", "licence")
pd.DataFrame({name: [getattr(card, fact) for fact in facts] for name, card in cards.items()},
             index=["clips", "speakers", "language", "licence"]).T  # fmt: skip

# %% [markdown]
# ## 14. Who is missing?
#
# | corpus | who speaks | what is said |
# |---|---|---|
# | RAVDESS | 12 women and 12 men, actors, 21 to 33 years old | two sentences |
# | SAVEE | four men, 27 to 31 | 120 sentences a speaker |
# | TESS | two women, 26 and 64 | "Say the word ..." with 200 words |
# | CREMA-D | 43 women and 48 men, actors, 20 to 74 | twelve sentences |
# | EmoDB | five women and five men, actors, 21 to 35 | ten sentences |
#
# All of them *act*, in quiet rooms, one emotion at a time, on words that mean nothing to them.
# Children are missing and, but for CREMA-D and one woman, everybody over 35. Most dialects and all
# but two languages are missing, and so are hoarse, ill, tired and shy voices, people who stammer,
# laughter, several emotions at once, and the many moments without any. A recogniser
# trained on this says how young actors of two languages play emotions. It says nothing about what
# somebody feels, and should not be used to judge anybody.

# %%
people = pd.DataFrame({name: {"speakers": c.speaker_count, "clips": c.clips}
                       for name, c in cards.items()}).T.drop("synthetic")  # fmt: skip
figure = Figure((9, 2.4), layout="constrained")
for axis, column, colour in zip(figure.subplots(1, 2), people, (BLUE, ORANGE), strict=True):
    bars = axis.barh(people.index, people[column], color=colour)
    axis.bar_label(bars, padding=3)
    axis.invert_yaxis()
    axis.set(title=column.capitalize(), xlim=(0, 1.15 * people[column].max()))
figure.suptitle("Many clips are not many people (documented numbers)")
figure

# %% [markdown]
# ## 15. Exercises
#
# **2.1** Read a RAVDESS name: `03-01-06-02-01-02-12.wav` is audio-only (03), speech (01), emotion
# 06, strong (02; 01 is normal), the first of the two sentences, second repetition, actor 12. The
# emotions are neutral, calm, happy, sad, angry, fear, disgust, surprise, from 01 to 08. Return a
# dictionary with `emotion`, `intensity` ("normal" or "strong"), `speaker` (the number) and `sex`;
# return `None` for what is no RAVDESS speech clip (channel 02 is song).


# %%
def parse_ravdess(name):
    """Return what a RAVDESS file name says, or None."""
    # <solution>
    parts = name.rsplit(".", 1)[0].split("-")
    if len(parts) != 7 or not all(len(part) == 2 and part.isdigit() for part in parts):
        return None
    words = ("neutral", "calm", "happy", "sad", "angry", "fear", "disgust", "surprise")
    _, channel, emotion, intensity, _, _, actor = map(int, parts)
    if channel != 1 or not 1 <= emotion <= 8 or not 1 <= actor <= 24:
        return None
    return {
        "emotion": words[emotion - 1],
        "intensity": "normal" if intensity == 1 else "strong",
        "speaker": actor,
        "sex": "male" if actor % 2 else "female",
    }
    # </solution>


# %%
from serkeras import labs

_ = labs.check("2.1", parse_ravdess)

# %% [markdown]
# **2.2** What does a fixed length cost? Return two shares: of the clips that are longer than
# `seconds` and are cut, and of all that the network is given which is zeros. (A clip of 2 s at 3 s
# is one third zeros; one of 4 s has none.) If it passes, the cost of each length is drawn.


# %%
def cut_and_padded(durations, seconds):
    """Return the share of clips that are cut, and the share of the input that is zeros."""
    # <solution>
    durations = np.asarray(durations, float)
    padding = np.clip(seconds - durations, 0, None)
    return float(np.mean(durations > seconds)), float(padding.mean() / seconds)
    # </solution>


# %%
if labs.check("2.2", cut_and_padded):
    lengths = np.arange(1.0, 4.1, 0.1)
    lost = 100 * np.array([cut_and_padded(seconds, length) for length in lengths])
    figure = Figure((7, 2.6), layout="constrained")
    axis = figure.subplots()
    axis.plot(lengths, lost[:, 0], color=VERMILION, label="clips that are cut")
    axis.plot(lengths, lost[:, 1], color=BLUE, label="input that is padding")
    axis.set(
        title="What a fixed length costs", xlabel="length given to the network (s)", ylabel="%"
    )
    axis.legend()
    display(figure)

# %% [markdown]
# **2.3** The parrot: given the numbers of clips of each emotion, return accuracy and UAR of always
# saying the most frequent one. (An emotion without clips has no recall.)


# %%
def parrot_scores(counts):
    """Return (accuracy, UAR) of always saying the most frequent emotion."""
    # <solution>
    counts = np.asarray(counts, float)
    return counts.max() / counts.sum(), 1 / np.count_nonzero(counts)
    # </solution>


# %%
_ = labs.check("2.3", parrot_scores)

# %% [markdown]
# **2.4** (open, no code) Somebody trains on TESS and RAVDESS together, splits at random and reports
# 97 %. Name three things in *this* notebook that could explain the figure, and for each the
# smallest experiment that would tell.

# %%
labs.score()

# %% [markdown]
# ## What we learned
#
# - Listen and count before you train. Wrong labels, doubled folders and cut ends raise no error.
# - The names of files are data: parse them with care, and refuse what does not fit.
# - Loudness and pitch alone beat guessing. A network has to beat *them*.
# - Cues are relative to a voice, a microphone, a distance, and one does not know them.
# - A doubled folder makes the question easier, not the model better.
# - Corpora are few actors of one age. Write down who is missing.
#
# **Further reading:** S. Livingstone and F. Russo, *The Ryerson Audio-Visual Database of Emotional
# Speech and Song (RAVDESS)*, PLoS ONE 13(5), 2018. F. Burkhardt and others, *A database of German
# emotional speech*, Interspeech 2005. H. Cao and others, *CREMA-D: crowd-sourced emotional
# multimodal actors dataset*, IEEE Transactions on Affective Computing 5(4), 2014. K. Scherer,
# *Vocal communication of emotion: a review of research paradigms*, Speech Communication 40, 2003.
# T. Gebru and others, *Datasheets for datasets*, Communications of the ACM 64(12), 2021.
