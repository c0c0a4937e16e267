# %% [markdown]
# # 01 Quickstart: from recordings to an honest number
#
# {badge}
# **Question:** can a small network hear from a voice alone whether somebody is angry, sad or
# surprised, and how do we find out without fooling ourselves?
#
# **Needs:** no downloads, no GPU. The recordings are made by the kit: a synthesiser speaks two
# sentences in seven emotions with 24 voices. **Time:** about four minutes on two cores.
#
# **You will:** listen to clips and look at them, split them by speaker, train a network, read its
# report, let it judge a recording, make the most common mistake of the field on purpose, and write
# three small functions that are checked.

# %% tags=["setup"]

# %% [markdown]
# ## 1. A corpus is a table
#
# `load` gives one row a clip: where the file is, who speaks, what is said and with which emotion.
# Put `"ravdess"` in place of `"synthetic"` to go through this notebook with real recordings; they
# are looked for under the folder that the environment variable `SERKERAS_DATA` names. Runs go to
# `OUT`. On Colab, a folder of the mounted Drive outlives a disconnection: run the notebook again,
# and a broken run goes on from its last epoch.

# %%
import logging
import os

import serkeras

logging.getLogger("tensorflow").setLevel(logging.ERROR)
FAST = bool(os.environ.get("SERKERAS_FAST"))  # the automatic test of this notebook: few epochs

CORPUS = "synthetic"  # or "ravdess", "cremad", ...
OUT = "runs"  # or "/content/drive/MyDrive/runs", after google.colab.drive.mount("/content/drive")

clips = serkeras.datasets.load(CORPUS)
clips[["clip", "emotion", "speaker", "sex", "statement", "intensity"]].head()

# %% [markdown]
# How many clips of each emotion, and how many speakers? A corpus that is not balanced makes plain
# accuracy misleading; this one is.

# %%
clips.groupby(["emotion", "sex"]).agg(clips=("clip", "size"), speakers=("speaker", "nunique"))

# %% [markdown]
# ## 2. Listen first
#
# Before any number: what is in the files? The same speaker says the same sentence, sad and then
# angry. Try to name what differs before you read on: loudness, pitch, speed, how the pitch moves.

# %% tags=["synthetic-audio"]
from IPython.display import Audio, Markdown, display

audio = serkeras.config.AudioConfig(sample_rate=16000, duration_s=3.0)
speaker = clips["speaker"].iloc[0]
statement = clips["statement"].iloc[0]
examples = clips[
    (clips["speaker"] == speaker)
    & (clips["statement"] == statement)
    & (clips["repetition"] == clips["repetition"].iloc[0])
].drop_duplicates("emotion", keep="last")
examples = examples.set_index("emotion")

for emotion in ("sad", "angry"):
    voice = serkeras.audio.read(examples.loc[emotion, "path"], 16000)
    display(Markdown(f"**{emotion}**"), Audio(voice[: 2 * 16000], rate=16000))

# %% [markdown]
# ## 3. Look: waveform, log-Mel spectrogram, MFCC
#
# A network does not get the waveform but an image of it. The log-Mel spectrogram shows how much
# energy lies in which frequency band at which time; the MFCC are its cosine transform: the first
# ones describe the coarse shape of each column, the later ones its detail.

# %%
import numpy as np
from matplotlib.figure import Figure

shown = ["sad", "angry", "surprise"]
waves = np.stack([serkeras.audio.load_clip(examples.loc[e, "path"], audio) for e in shown])
mel = serkeras.features.log_mel(waves, sample_rate=16000)
mfcc = serkeras.features.mfcc(waves, sample_rate=16000, n_mfcc=40)

figure = Figure(figsize=(10, 6.5), layout="constrained")
axes = figure.subplots(3, len(shown), sharex=True, sharey="row")
for column, emotion in enumerate(shown):
    top, middle, bottom = axes[:, column]
    top.plot(np.arange(waves.shape[1]) / 16000, waves[column], linewidth=0.4, color="#0072B2")
    top.set_title(emotion)
    image = {"origin": "lower", "aspect": "auto", "interpolation": "nearest"}
    # One level, one colour in all three: soft speech must look soft.
    levels = {"cmap": "magma", "vmin": mel.max() - 80, "vmax": mel.max()}
    middle.imshow(mel[column], extent=(0, 3, 0, 128), **levels, **image)
    colours = {"cmap": "RdBu_r", "vmin": -60, "vmax": 60}
    bottom.imshow(mfcc[column, 1:], extent=(0, 3, 1, 40), **colours, **image)
    bottom.set_xlabel("time (s)")
for axis, label in zip(axes[:, 0], ("amplitude", "mel band", "MFCC number"), strict=True):
    axis.set_ylabel(label)
figure.suptitle("One speaker, one sentence, three emotions")
figure

# %% [markdown]
# ## 4. Split by speaker, before anything else
#
# The network must be judged by voices it has never heard. A random split puts other clips *of the
# same speakers* on the test side; the network can then recognise the speaker's habits and looks
# better than it is. `make` splits by speaker and refuses a split that leaks.

# %%
split = serkeras.splits.make(clips, "speaker", seed=0)
split

# %% [markdown]
# ## 5. Train
#
# `cnn2-transformer` puts two small convolutional networks beside a transformer encoder: the first
# two look for local patterns in the image, the third relates the moments of the clip to each
# other. `train` computes the features, fits until the validation loss no longer falls, keeps the
# network of the best epoch, and evaluates **once** on the test side. An interrupted call goes on
# where it stopped. A GPU or TPU is used where there is one, in the precision that suits it.

# %%
from serkeras.training import accelerator

print(accelerator.describe())
settings = {
    **accelerator.settings(),
    "training.epochs": 1 if FAST else 40,
    "training.patience": 10,
    "training.retrain": False,
}
run = serkeras.train(
    "cnn2-transformer",
    data=[CORPUS],
    split="speaker",
    seed=0,
    out=f"{OUT}/quickstart",
    settings=settings,
    progress=False,
)
run

# %% [markdown]
# ## 6. Read the result
#
# UAR, the unweighted average recall, is the mean over the emotions of "how many of them were
# found". Guessing gives one in seven, 14 %. The interval says how far the figure might move with
# other speakers: it is drawn by resampling the test *speakers*. There are only four of them on
# this test side, so it is rough, and wide.

# %%
import pandas as pd

names = {"uar": "UAR", "accuracy": "accuracy", "macro_f1": "macro F1", "top2": "top-2 accuracy"}
pd.DataFrame({name: run.metrics[key] for key, name in names.items()}).T.round(3)

# %% [markdown]
# Which emotions are taken for which? Rows are the truth, columns what the network said.

# %%
from serkeras.evaluation import plots

plots.confusion(run.metrics["confusion_matrix"], run.labels)

# %% [markdown]
# How did the training go? Where the two losses part, the network begins to learn its training
# speakers by heart.

# %%
plots.curves(run.history)

# %% [markdown]
# All figures, and a page of clips with what the network said about each, stand in
# `runs/quickstart/report.md` (or where `OUT` points).
#
# ## 7. Let it judge a recording
#
# `predict` takes files and folders of any length and rate. Record yourself, put the file beside
# this notebook and give its name.

# %%
some = split.test.groupby("emotion").head(1)
table = serkeras.predict(run, list(some["path"]))
table.insert(1, "truth", list(some["emotion"]))
table.drop(columns="path").round(2)

# %% [markdown]
# ## 8. Break it: judge the network by what it has learned from
#
# The most common mistake has many disguises: augmented copies on both sides, a folder that lies
# there twice, a random split. All come to this: the network is asked about what it has seen. Here
# it is in its plainest form, the same network on its own training clips.

# %%
training = serkeras.predict(run, list(split.train["path"]))
seen = (training["label"].to_numpy() == split.train["emotion"].to_numpy()).mean()
unseen = run.metrics["accuracy"]["value"]

figure = Figure(figsize=(7, 2.2), layout="constrained")
axis = figure.subplots()
names = ["speakers it has learned from", "new speakers"]
bars = axis.barh(names, [100 * seen, 100 * unseen], height=0.6)
axis.bar_label(bars, fmt="%.0f %%", padding=4)
bars[0].set_color("#D55E00")
bars[1].set_color("#0072B2")
axis.axvline(100 / len(run.labels), color="grey", linestyle=":")
axis.text(100 / len(run.labels) + 1, 0.5, "guessing", color="grey", va="center")
axis.set(xlim=(0, 112), xlabel="accuracy (%)", title="The same network, two questions")
figure

# %% [markdown]
# The guard of the splits does not let this pass unnoticed:

# %%
import dataclasses

leaky = dataclasses.replace(split, test=pd.concat([split.test, split.train.head(5)]))
try:
    serkeras.splits.check(leaky)
except ValueError as error:
    print(error)

# %% [markdown]
# ## 9. Exercises
#
# Each is a function. Write it, run its cell, then the cell behind it: the check says `todo`, gives
# a hint, or says `pass`. It calls your function with data of its own, so the result must be
# *returned*, and may come from nothing but the arguments.
#
# **1.1** The UAR, from a confusion matrix of counts (rows are the truth). If it passes, it is
# compared with what the run says.


# %%
def uar_of(matrix):
    """Return the unweighted average recall, a number from 0 to 1."""
    # <solution>
    recall = np.diag(matrix) / matrix.sum(axis=1)
    return recall.mean()
    # </solution>


# %%
from serkeras import labs

matrix = np.array(run.metrics["confusion_matrix"])
if labs.check("1.1", uar_of):
    print(f"{uar_of(matrix):.4f} against {run.metrics['uar']['value']:.4f}")

# %% [markdown]
# **1.2** Which emotion is most often taken for which? Compute it from the matrix rather than by
# eye. `labels` are the emotions in the order of rows and columns.


# %%
def most_confused(matrix, labels):
    """Return two names: (truth, what was said) of the most frequent mistake."""
    # <solution>
    wrong = matrix - np.diag(np.diag(matrix))
    truth, said = np.unravel_index(wrong.argmax(), wrong.shape)
    return labels[truth], labels[said]
    # </solution>


# %%
if labs.check("1.2", most_confused):
    print("{} is most often taken for {}".format(*most_confused(matrix, run.labels)))

# %% [markdown]
# **1.3** A guard of your own: which speakers stand in both of two tables? Then try it on a split
# that is drawn at random.


# %%
def shared_speakers(train, test):
    """Return the names of the speakers who have rows in both tables, each once."""
    # <solution>
    return sorted(set(train["speaker"]) & set(test["speaker"]))
    # </solution>


# %%
if labs.check("1.3", shared_speakers):
    random = serkeras.splits.make(clips, "random", seed=0)
    for name, made in (("split by speaker", split), ("random split", random)):
        print(f"{name}: {len(shared_speakers(made.train, made.test))} speakers on both sides")

# %% [markdown]
# **1.4** (open) How much noise does the network bear? Add white noise at 0 dB to `clip` with
# `serkeras.augment.add_awgn`, write it to a file with `soundfile.write`, let the network judge
# both files, and return the table. What changes more: the answer, or how sure it is? Try other
# clips, and an SNR at which you still hear the emotion without effort.

# %%
import soundfile


def judged_in_noise(clip=split.test.iloc[0]):
    """Return the probabilities for a clip as recorded and with white noise at 0 dB."""
    # <solution>
    wave = serkeras.audio.read(clip["path"], 16000)
    noisy = serkeras.augment.add_awgn(wave, snr_db=0, rng=np.random.default_rng(0))
    soundfile.write("noisy.wav", noisy, 16000, subtype="FLOAT")
    pair = serkeras.predict(run, [clip["path"], "noisy.wav"])
    pair.insert(1, "version", ["as recorded", "with noise at 0 dB"])
    print(f"truth: {clip['emotion']}")
    return pair.drop(columns="path").round(2)
    # </solution>


# %%
labs.attempt(judged_in_noise)

# %% [markdown]
# **1.5** (open, no code) A friend shows you 95 % on RAVDESS. Write down three questions that you
# would ask before you believe it, and what each answer would tell you.
#
# ## What we learned
#
# - A corpus is a table; a split is decided on that table before anything is computed.
# - Sound becomes an image: log-Mel spectrogram or MFCC.
# - One call trains, evaluates once on new speakers, and says how sure the figure is.
# - A figure for voices that the network has learned from says nothing about new ones.
#
# **Further reading:** B. W. Schuller, *Speech emotion recognition: two decades in a nutshell,
# benchmarks, and ongoing trends*, Communications of the ACM 61(5), 2018. S. R. Livingstone and
# F. A. Russo, *The Ryerson audio-visual database of emotional speech and song (RAVDESS)*, PLoS ONE
# 13(5), 2018. The report that a run writes (`report.md`) explains each of its figures.

# %% [markdown]
# ## Hand in
#
# The line below sums up this session's checks. Put your name between the quotes.

# %%
labs.score("")
