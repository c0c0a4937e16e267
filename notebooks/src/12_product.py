# %% [markdown]
# # 12 From notebook to product
#
# {badge}
# **Question:** how does a trained run become something that listens, and what does it have
# to bring along?
#
# **Needs:** no downloads, no GPU; for the ONNX part the packages of `pip install
# 'serkeras[export]'`. **Time:** about two minutes on two cores, and half a minute more where the
# built-in corpus has to be made first.
#
# **You will:** put a network and all that its clips went through into one file, ask that file
# where neither Keras nor serkeras is at hand, time it, let a model hear sound that has no end,
# trade steadiness against delay, pass a run on without passing on the recordings, meet the model
# in the box, and break a product by one wrong number.

# %% tags=["setup"]

# %% [markdown]
# ## 1. A run to start from
#
# `serkeras-small` is the network of the model in the box. Here it learns tones from a few of the
# built-in voices, which is enough to see how a product is made; it is no recogniser of people.
# Runs and files go to `OUT`. On Colab, a folder of the mounted Drive outlives a disconnection.

# %%
import importlib.util
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

import serkeras
from serkeras import exporting, labs, sharing
from serkeras.serving import Recogniser, Stream, Timeline
from serkeras.training import accelerator

# Not `setLevel`: TensorFlow sets its own once it is loaded.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
FAST = bool(os.environ.get("SERKERAS_FAST"))  # the automatic test of this notebook: less data

CORPUS = "synthetic"  # or "ravdess", "emodb", ...
OUT = Path("product")  # or Path("/content/drive/MyDrive/product"), after drive.mount(...)
OUT.mkdir(exist_ok=True)
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8C8C8C"

# %% [markdown]
# Eighteen voices are enough here. The table of their clips is written beside the run, so that the
# run can find its recordings later.

# %%
print(accelerator.describe())
clips = serkeras.datasets.load(CORPUS)
people = sorted(clips["speaker"].unique())[: 6 if FAST else 18]
clips = clips[clips["speaker"].isin(people)]
table = OUT / "clips.csv"
clips.to_csv(table, index=False)
run = serkeras.train(
    "serkeras-small",
    data=[str(table)],
    out=OUT / "run",
    overwrite=(OUT / "run").exists(),
    settings={
        **accelerator.settings(),
        # Few steps: nothing that slows learning down.
        "augment.on_the_fly": False,
        "augment.layers": [],
        "training.mixup": 0.0,
        "training.label_smoothing": 0.0,
        "training.epochs": 1 if FAST else 30,
    },
)
run

# %% [markdown]
# ## 2. What a network cannot do alone
#
# The file `model.keras` of a run begins at a log-Mel spectrogram. Before that stand the sample
# rate, the level, the length and every setting of the feature: nine numbers, and if one of them is
# lost on the way to the product, the network sees pictures that it has never seen. It does not
# complain.

# %%
settings = run.experiment
pd.Series(
    {
        "sample rate (Hz)": settings.audio.sample_rate,
        "length (s)": settings.audio.duration_s,
        "level": settings.audio.level,
        "Fourier transform (samples)": settings.features.n_fft,
        "window (samples)": settings.features.win_length,
        "hop (samples)": settings.features.hop_length,
        "mel bands": settings.features.n_mels,
        "lowest band (Hz)": settings.features.fmin,
        "order of the emotions": ", ".join(run.labels),
    },
    name="what has to travel",
).to_frame()

# %% [markdown]
# `serkeras.export` puts all of it into one graph: waveform in, probabilities out. It is kept only
# if it answers as the run does, on test recordings. Differences stay at the size of rounding.

# %%
wanted = ["keras", "saved_model", "onnx"]
packages = ("onnx", "onnxruntime", "tf2onnx")
if not all(importlib.util.find_spec(name) for name in packages):
    print("ONNX is left out: pip install 'serkeras[export]' brings it.")
    wanted.remove("onnx")

made = {
    name: serkeras.export(run, name, OUT / "export" / name, clips=4 if FAST else 16, overwrite=True)
    for name in wanted
}
pd.DataFrame(made).T[["bytes", "clips", "largest_difference", "agreement"]]

# %% [markdown]
# The file says what it is. Whoever finds it in two years needs no notebook to use it.

# %%
opened = exporting.Exported(made[wanted[-1]]["path"])
print(json.dumps({name: opened.about[name] for name in ("labels", "input", "warning")}, indent=2))

# %% [markdown]
# ## 3. Where there is no Keras
#
# A telephone, a browser or a server wants a small runtime, not a training framework. The next cell
# starts a Python of its own that imports NumPy and onnxruntime, and nothing else. Its answer is
# that of the run.

# %%
ALONE = """
import sys
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
said = session.run(["probabilities"], {"waveform": np.load(sys.argv[2])})[0][0]
print("keras" in sys.modules, "tensorflow" in sys.modules, *[f"{p:.4f}" for p in said])
"""

clip = run.predictions["path"].iloc[0]
wave = serkeras.audio.read(clip, settings.audio.sample_rate)
np.save(OUT / "wave.npy", wave[None])
if "onnx" in made:
    told = subprocess.run(
        [sys.executable, "-c", ALONE, made["onnx"]["path"], str(OUT / "wave.npy")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    print("Keras loaded:", told[0], "  TensorFlow loaded:", told[1])
    print("without them:", *told[2:])
print("the run:     ", *[f"{p:.4f}" for p in serkeras.predict(run, clip)[run.labels].iloc[0]])

# %% [markdown]
# ## 4. How quick is it?
#
# Two numbers matter. **Latency** is how long one answer takes. The **real-time factor** is the
# time of computing over the time of sound: at 0.01 an hour takes 36 seconds, and above 1 a
# listener never keeps up. A window every half second means two answers for each second of sound.

# %%
HOP_S = 0.5


def milliseconds(ask, repeats=3 if FAST else 15):
    """Return the median time of a call, after two that do not count."""
    times = []
    for _ in range(repeats + 2):
        started = time.perf_counter()
        ask()
        times.append(1e3 * (time.perf_counter() - started))
    return float(np.median(times[2:]))


samples = settings.audio.samples
sound = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
own = Recogniser(run)
times = {"run in Keras": milliseconds(lambda: own.probabilities([sound]))}
for name in wanted:
    graph = exporting.Exported(made[name]["path"])
    times[f"export: {name}"] = milliseconds(lambda graph=graph: graph.predict(sound[None]))

figure = Figure((8, 2.6), layout="constrained")
axis = figure.subplots()
axis.barh(list(times), list(times.values()), color=[GREY, *[BLUE] * len(wanted)])
for place, value in enumerate(times.values()):
    factor = value / 1e3 / HOP_S
    axis.annotate(f" {value:.1f} ms, real-time factor {factor:.4f}", (value, place), va="center")
axis.invert_yaxis()
axis.set(xlabel="milliseconds for one window", xlim=(0, 1.8 * max(times.values())))
axis.set_title(f"One window of {settings.audio.duration_s:g} s, a window every {HOP_S:g} s")
axis.spines[["top", "right"]].set_visible(False)
figure

# %% [markdown]
# ## 5. Sound that has no end
#
# So far a clip was a clip. A microphone gives portions: 10 or 100 milliseconds, at 44.1 kHz, in
# stereo, with pauses. `Stream` keeps the newest three seconds and answers every half second. First
# a recording to listen to: clips of test voices with silence between them, so that the truth is
# known.

# %%
RATE = settings.audio.sample_rate
rng = np.random.default_rng(0)
chosen = run.predictions.drop_duplicates("emotion").sample(frac=1, random_state=1)
pieces, truth, now = [], [], 0.0
for row in chosen.head(3 if FAST else 6).itertuples():
    voice = serkeras.audio.read(row.path, RATE)
    pause = np.zeros(round(2.5 * RATE), np.float32)
    truth.append((now, now + len(voice) / RATE, row.emotion))
    pieces += [voice, pause]
    now += (len(voice) + len(pause)) / RATE
talk = np.concatenate(pieces)
print(f"{len(talk) / RATE:.0f} s, {len(truth)} clips")

# %% [markdown]
# The same sound arrives twice: in one piece, and in ragged portions of one sample to a second.
# What the stream says must not depend on it.


# %%
def hear(portions, model=own, **options):
    """Return the `Timeline` of portions of sound."""
    stream = Stream(model, RATE, hop_s=HOP_S, **options)
    moments = [moment for portion in portions for moment in stream.feed(portion)]
    return Timeline(moments + stream.end(), run.labels, "the talk", run.experiment.recipe)


cuts = np.cumsum(rng.integers(1, RATE, 1000))
ragged = np.split(talk, cuts[cuts < len(talk)])
whole, cut = hear([talk]), hear(ragged)
apart = (whole.table[run.labels] - cut.table[run.labels]).abs().max(axis=None)
print(f"{len(ragged)} portions, {len(cut.table)} windows, largest difference {apart:.1e}")
whole.table.round(2).head(8)

# %% [markdown]
# ## 6. Steady or quick?
#
# Each window is judged alone, and windows that hold the end of one clip and the beginning of the
# next are neither. Smoothing in time calms the curve and makes it late. Where nobody speaks, the
# model is not asked: it has no word for silence, and would name an emotion all the same.

# %%
colours = dict(zip(run.labels, ("#D55E00", "#009E73", "#0072B2", "#E69F00", "#000000",
                                "#56B4E9", "#CC79A7", "#8C8C8C"), strict=False))  # fmt: skip


def draw(axis, timeline, title):
    """Draw the probabilities over time; the truth stands above as bars."""
    rows = timeline.table
    middle = (rows["start_s"] + rows["end_s"]) / 2
    for label in run.labels:
        axis.plot(middle, rows[label], color=colours[label], linewidth=1.4)
    for start, end, emotion in truth:
        axis.plot([start, end], [1.08, 1.08], color=colours[emotion], linewidth=6)
    for silent in rows[rows["label"] == "silence"].itertuples():
        axis.axvspan(silent.end_s - HOP_S, silent.end_s, color="#EEEEEE", zorder=0)
    axis.set(ylim=(0, 1.15), ylabel="probability", title=title)


smoothings = (0.0, 1.5, 5.0)
figure = Figure((10, 7), layout="constrained")
for axis, seconds in zip(figure.subplots(3, 1, sharex=True), smoothings, strict=True):
    draw(axis, hear([talk], smooth_s=seconds), f"smoothed over {seconds:g} s")
axis.set_xlabel("time (s); bars above: what was really spoken; grey: silence")
handles = [axis.plot([], [], color=colour, label=name)[0] for name, colour in colours.items()]
figure.legend(handles=handles, loc="outside right upper", frameon=False)
figure

# %% [markdown]
# Move the constant yourself. Where does the curve become too slow to follow a clip of three
# seconds?

# %% tags=["widget"]
import ipywidgets as widgets
from IPython.display import display


def show(smooth_s):
    """Draw the talk with another time constant."""
    figure = Figure((10, 2.8), layout="constrained")
    draw(figure.subplots(), hear([talk], smooth_s=smooth_s), f"smoothed over {smooth_s:g} s")
    display(figure)


_ = widgets.interact(
    show,
    smooth_s=widgets.FloatSlider(
        value=1.5, min=0, max=8, step=0.5, description="smoothing (s)", continuous_update=False
    ),
)

# %% [markdown]
# A long file goes the same way, read in blocks, never whole in memory; the table can be written as
# CSV or JSON, or as a label track that Audacity shows below the waveform.

# %%
import soundfile

soundfile.write(OUT / "talk.wav", talk, RATE)
timeline = serkeras.serving.timeline(own, OUT / "talk.wav", hop_s=HOP_S)
timeline.to_csv(OUT / "talk.csv")
timeline.to_audacity(OUT / "talk.txt")
print((OUT / "talk.txt").read_text())

# %% [markdown]
# ## 7. A microphone and a page
#
# Outside of a notebook these are commands, with a run's folder or without one, for the model in
# the box:
#
# ```sh
# python -m serkeras listen product/run      # the microphone, in the terminal
# python -m serkeras timeline product/run lecture.wav --out timelines/
# python -m serkeras app product/run         # a web page on this machine
# ```
#
# The page listens on this machine alone, keeps no recordings, and says on every tab what such a
# model cannot know. If the model is slower than the sound, the oldest sound is dropped and shows
# as a gap: an answer that comes late is worth less than one that is missing.

# %% [markdown]
# ## 8. Passing it on
#
# `share` packs a run for others: the network in Keras's own form, settings, figures and a card
# with limits and licences. Recordings and the folders of this machine stay behind. Nothing in it
# is code: no pickles, and Keras loads it in safe mode.

# %%
packed = sharing.pack(run, OUT / "packed", overwrite=(OUT / "packed").exists())
for path in sorted(packed.iterdir()):
    print(f"{path.stat().st_size:>9,} bytes  {path.name}")
same = serkeras.predict(packed, clip)[run.labels].to_numpy()
print("largest difference:", np.abs(same - serkeras.predict(run, clip)[run.labels]).max(axis=None))

# %% [markdown]
# `hf://OWNER/NAME` in place of the folder pushes it to the Hugging Face hub, and opens it from
# there.

# %% [markdown]
# ## 9. The model in the box
#
# The package brings a run of its own, trained on real recordings. These are its figures, on
# speakers that it has never heard. Read them before you believe what it says of you.

# %%
boxed = serkeras.Run(serkeras.box.folder())
print(serkeras.evaluation.analysis.protocol_of(boxed))
rows = [
    {
        "speech": name,
        "clips": found["n"],
        **{key: found["uar"][key] for key in ("value", "low", "high")},
    }
    for name, found in {
        "all": {"n": int(np.sum(boxed.metrics["confusion_matrix"])), "uar": boxed.metrics["uar"]},
        **boxed.metrics["groups"].get("corpus", {}),
    }.items()
]
pd.DataFrame(rows).rename(columns={"value": "UAR", "low": "from", "high": "to"}).round(3)

# %% [markdown]
# ## 10. Break it: one wrong number
#
# The commonest fault of products is not in the network. Here the sound comes from a telephone at 8
# kHz, and somebody forgot to say so: twice as quick and an octave higher. No error, no warning,
# full confidence. How many answers stay what they were?

# %%
some = run.predictions["path"].iloc[:: 4 if FAST else 2]
waves = [serkeras.audio.read(path, RATE) for path in some]
telephone = [serkeras.audio.read(path, 8000) for path in some]
right = own.probabilities(waves)
wrong = own.probabilities(telephone)
labels = np.array(run.predictions["emotion"].iloc[:: 4 if FAST else 2])
names = np.array(run.labels)
pd.DataFrame(
    {
        "share right": [(names[p.argmax(1)] == labels).mean() for p in (right, wrong)],
        "mean confidence": [p.max(1).mean() for p in (right, wrong)],
        "answers as before": [1.0, (right.argmax(1) == wrong.argmax(1)).mean()],
    },
    index=["16 kHz, as trained", "8 kHz taken for 16 kHz"],
).round(2)

# %% [markdown]
# That is why `Stream` wants the rate of what it is fed, why an export carries its rate inside, and
# why integers are refused where full scale is 1.0.

# %% [markdown]
# ## 11. Exercises
#
# **12.1** A ring buffer in its simplest form: what a listener keeps. Return the newest `size`
# samples of what was kept and what has just come, oldest first; fewer, while there are fewer.


# %%
def newest(kept, chunk, size):
    """Return the newest samples, 1-D arrays in and out."""
    # <solution>
    return np.concatenate([kept, chunk])[-size:]
    # </solution>


labs.check("12.1", newest)

# %% [markdown]
# **12.2** Exponential smoothing that does not depend on the hop. A new answer has the weight
# `1 - exp(-hop_s / smooth_s)`. Return the smoothed rows of `said` (windows x classes); the first
# row stays as it is.


# %%
def smoothed(said, hop_s, smooth_s):
    """Return an array of the shape of `said`."""
    # <solution>
    weight = 1 - np.exp(-hop_s / smooth_s)
    rows = [said[0]]
    for row in said[1:]:
        rows.append(rows[-1] + weight * (row - rows[-1]))
    return np.array(rows)
    # </solution>


labs.check("12.2", smoothed)

# %% [markdown]
# **12.3** Can it keep up? A window every `hop_s` takes `compute_s` to answer. Return the real-time
# factor.


# %%
def real_time_factor(compute_s, hop_s):
    """Return seconds of computing for each second of sound."""
    # <solution>
    return compute_s / hop_s
    # </solution>


labs.check("12.3", real_time_factor)

# %% [markdown]
# **12.4** (open) Speak one sentence in two moods into the page of `python -m serkeras app`. What
# does it name, and what would your friends name? Write down what a user of such a page must be
# told before the first word.
#
# **12.5** (open) Somebody wants this model in a call centre, to find angry customers. Read the
# model card's part on the law, and the robustness of `docs/robustness.md`. What do you answer?

# %%
labs.score("")

# %% [markdown]
# ## What we learned
#
# - A product is the network *and* all that stands before it; one file should hold both.
# - An export is checked against its run, on recordings, not believed.
# - A stream must say the same however the sound arrives, and say nothing where nobody speaks.
# - Smoothing buys steadiness with delay.
# - What is passed on is data, without code and without anybody's recordings.
# - Wrong input gives confident answers. Refuse it at the door.
#
# **Further reading:** D. Sculley and others, *Hidden technical debt in machine learning systems*,
# NeurIPS 2015. E. Breck and others, *The ML test score*, IEEE Big Data 2017. M. Mitchell and
# others, *Model cards for model reporting*, FAT* 2019. Regulation (EU) 2024/1689 (the AI Act),
# articles 5 and 50. L. F. Barrett and others, *Emotional expressions reconsidered*, Psychological
# Science in the Public Interest 20(1), 2019.
