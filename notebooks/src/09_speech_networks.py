# %% [markdown]
# # 09 wav2vec 2.0 and HuBERT: networks that have listened
#
# {badge}
# **Question:** what does a network that has heard a thousand hours of speech know about emotion,
# and how do I adapt it?
#
# **Needs:** no downloads as it stands; notebook 01 first is a good idea, and 08 for the same
# question asked of pictures. With a switch it fetches the published weights: then set the runtime
# to GPU. The package safetensors (`pip install 'serkeras[transfer]'`; Colab has it). **Time:**
# under two minutes on two cores, and half a minute more where the built-in corpus has to be made.
#
# **You will:** follow a clip from samples to frames to hidden states, ask each state what it
# knows, train a head on a frozen network, fine-tune with two rates, adapt with low rank, look
# critically at normalising by speaker, hand the result to transformers, pad a clip until it is
# another one, on purpose, and write four functions that are checked.

# %% tags=["setup"]

# %% [markdown]
# ## 1. Switches
#
# As it stands, `PRESET = None` makes a **tiny network with random weights**: the seven
# convolutions, the positions, the blocks, all as in wav2vec 2.0, only narrow. It has never heard
# anything. It shows how everything works, quickly and without network; **its figures say nothing
# about wav2vec 2.0 or HuBERT.**
#
# For those, set `PRESET` to `"facebook/wav2vec2-base"` or `"facebook/hubert-base-ls960"` (some
# 380 MB, fetched once from the hub, 960 hours of read English heard by each) and `CORPUS` to
# recordings of people, for instance `"ravdess"` (`python -m serkeras data ravdess` says where to
# get it): what a network knows of people does not show on a synthesiser. A folder in Hugging
# Face's layout will do as well.
#
# Runs go to `OUT`. On Colab, a folder of the mounted Drive outlives a disconnection: run the
# notebook again, and finished runs are opened, a broken one goes on from its last epoch.

# %%
import gc
import io
import logging
import os
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Image, display
from matplotlib.figure import Figure
from PIL import Image as Pixels

import serkeras

# Not `setLevel`: TensorFlow sets its own once it is loaded.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
FAST = bool(os.environ.get("SERKERAS_FAST"))  # the automatic test of this notebook: less data

PRESET = None  # or "facebook/wav2vec2-base", "facebook/hubert-base-ls960", a folder
CORPUS = "synthetic"  # or "ravdess", "cremad", ...
OUT = "runs"  # or "/content/drive/MyDrive/runs", after google.colab.drive.mount("/content/drive")

RATE, SECONDS = 16000, 3.0
SAMPLES = int(RATE * SECONDS)
BLUE, ORANGE, VERMILION, GREEN, GREY = "#0072B2", "#E69F00", "#D55E00", "#009E73", "#8C8C8C"


def show(figure, dpi=80):
    """Display a figure with 64 colours: a fraction of the bytes."""
    png, small = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=dpi)
    drawn = Pixels.open(png).convert("RGB").quantize(64, Pixels.Quantize.MAXCOVERAGE)
    drawn.save(small, format="png", optimize=True)
    display(Image(small.getvalue(), format="png"))


# %% [markdown]
# **What device is this?** New GPUs and TPUs (A100, H100, L4) count in bfloat16, which needs no
# care; T4 and V100 know only float16, whose loss the kit scales. Processors are quickest in
# float32. The gradients of `accumulate` small batches are averaged into one update, so that little
# memory does for the batch one wants.

# %%
import keras

from serkeras.training import accelerator

as_array = keras.ops.convert_to_numpy

precision = accelerator.settings()["training.precision"]
on_device = {"precision": precision, "batch_size": 8, "accumulate": 2}
print(accelerator.describe())
print(on_device)

# %% [markdown]
# ## 2. The network
#
# One call loads a network, whether from the hub or from a folder. So we write the random one into
# a folder of the hub's layout first; everything below then takes the same way for both.

# %%
from serkeras import ssl
from serkeras.ssl.backbone import build

TINY = {
    "model_type": "wav2vec2",
    "hidden_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 96,
    "conv_dim": [32] * 7,
    "num_conv_pos_embeddings": 32,
    "num_conv_pos_embedding_groups": 4,
    "mask_time_prob": 0.0,  # see section 5
}

REAL = PRESET is not None
if not REAL:
    PRESET = str(Path(OUT) / "tiny-random")
    if not Path(PRESET).is_dir():
        keras.utils.set_random_seed(0)
        ssl.save_to(build(ssl.SSLConfig.from_dict(TINY)), PRESET)

network = ssl.from_preset(PRESET, progress=False)
config = network.config
WHICH = Path(PRESET).name if REAL else "tiny, random weights"
print(f"{WHICH}: {network.count_params():,} numbers, {config.num_hidden_layers} blocks")
if not REAL:
    print("THIS RUN HAS A TINY NETWORK WITH RANDOM WEIGHTS, which has never heard speech.")
    print("No figure below says anything about wav2vec 2.0 or HuBERT: set PRESET for those.")
print(ssl.preparation_for(network))

# %% [markdown]
# The last line is how a clip must come: its rate, whether each is brought to mean 0 and variance 1,
# and whether padding is left out. The model below does the second by itself; the third is section
# 13. Now the recordings, split by speaker: whoever is in the test side was heard by no head and no
# adapter. (Who was in the thousand hours is another question. Their readers spoke neutrally, but if
# your corpus was part of a pretraining, the test is not as clean as the split says.)

# %%
from serkeras.config import AudioConfig

audio = AudioConfig(sample_rate=RATE, duration_s=SECONDS)
clips = serkeras.datasets.load(CORPUS)
if FAST:
    clips = clips[clips["speaker"].isin(sorted(clips["speaker"].unique())[:8])]
EMOTIONS = clips["emotion"].nunique()
split = serkeras.splits.make(clips, "speaker", seed=0)
for side, table in split.sides.items():
    print(f"{side:10} {table['speaker'].nunique():2} speakers, {len(table)} clips")


def waves_of(table):
    """Return waveforms `(clips, samples, 1)`, padded with zeros."""
    return np.stack([serkeras.audio.load_clip(path, audio) for path in table["path"]])[..., None]


# %% [markdown]
# ## 3. From samples to frames
#
# The first part of the network is seven convolutions on the bare waveform. Each takes a few steps
# and jumps on by some: together they turn every 320 samples into one frame, **50 frames a second**,
# and a frame sees 400 samples, 25 milliseconds. Nobody told them so, but that is just how speech
# has been cut into frames for decades (notebook 03).

# %%
from serkeras.ssl.backbone import frames, least_samples

steps, rows = SAMPLES, []
for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
    steps = (steps - kernel) // stride + 1
    rows.append({"sees steps": kernel, "jumps": stride, "steps after it": steps})
print(f"{SAMPLES} samples become {frames(config, SAMPLES)} frames")
print(f"one frame sees {least_samples(config) * 1000 / RATE:.0f} ms")
pd.DataFrame(rows, index=[f"convolution {number}" for number in range(1, 8)])

# %% [markdown]
# ## 4. Hidden states
#
# Behind the convolutions stands a transformer. In each block every frame looks at all the others,
# and after each block there is one *hidden state*: `frames x width` numbers. A network of 12 blocks
# has 13 states, for what enters the first one counts too.

# %%
example = split.train[split.train["emotion"] == "angry"].head(1)
wave = waves_of(example)[..., 0]
level = (wave - wave.mean()) / wave.std()
found = network(level, training=False)
states = [as_array(state)[0] for state in found["hidden_states"]]
print(f"{len(states)} states of {states[0].shape[0]} frames x {states[0].shape[1]} numbers")


def heat(axis, state, title):
    """Draw a state, each number standardised over the clip's time."""
    numbers = state[:, :48]
    numbers = (numbers - numbers.mean(axis=0)) / (numbers.std(axis=0) + 1e-6)
    axis.imshow(
        numbers.T, aspect="auto", extent=(0, SECONDS, 48, 0), cmap="RdBu_r", vmin=-2.5, vmax=2.5
    )
    axis.set(title=title, ylabel="number")


chosen = [0, len(states) // 2, len(states) - 1]
figure = Figure((9, 6.4), layout="constrained")
axes = figure.subplots(4, 1, sharex=True, height_ratios=(0.7, 1, 1, 1))
axes[0].plot(np.arange(SAMPLES) / RATE, wave[0], color=BLUE, linewidth=0.5)
axes[0].set(
    title="the waveform; behind the dashed line, zeros", ylabel="amplitude", xlim=(0, SECONDS)
)
for axis, index in zip(axes[1:], chosen, strict=True):
    words = "what enters the first block" if index == 0 else f"after block {index}"
    heat(axis, states[index], f"state {index}: {words}")
for axis in axes:
    axis.axvline(np.flatnonzero(wave[0])[-1] / RATE, color="black", linestyle="--")
axes[-1].set_xlabel("time (s)")
scale = figure.colorbar(axes[-1].images[0], ax=axes[1:], pad=0.01)
scale.set_label("deviations from the clip's mean")
figure.suptitle(f"Hidden states of one angry clip ({WHICH}), the first 48 numbers of each frame")
show(figure)

# %% [markdown]
# Time is still there: behind the dashed line, where the padding begins, the picture comes to rest.
# How loud a frame is has gone, though, for each frame is normalised on its way: what is before
# the first word looks as busy as the word. And no single number has a name. That is what a head is
# for: it learns which mixture of them tells one emotion from another.
#
# ## 5. Two things called mask
#
# **A mask of the padding** says which frames are real. Given `lengths`, the network tells:

# %%
three = np.repeat(level, 3, axis=0)
lengths = np.array([SAMPLES, 2 * RATE, RATE])
for row, count in enumerate(lengths):
    three[row, count:] = 0
valid = network({"waveform": three, "lengths": lengths})["frames_mask"]
print("real frames:", as_array(valid).sum(axis=1).tolist())

# %% [markdown]
# **Masking** is a game. In pretraining about half of the frames were hidden behind one learned
# vector, in spans of ten frames, and the network had to tell from the other half what stood there.
# That is how it learned without a single label: whoever can fill a gap of 200 milliseconds knows
# sounds, voices and some of what people say. In fine-tuning much less is hidden, as a kind of
# dropout (and nothing at all in prediction). Our tiny network goes without: random weights cannot
# fill a gap, and holes would only spoil what little they pass on.

# %%
from serkeras.ssl.masking import draw_spans

usual = ssl.SSLConfig()  # as wav2vec 2.0 base is published


def drawn(share, least, clips_shown=12):
    """Return which frames are hidden, bool `(clips, frames)`."""
    counts = np.full(clips_shown, frames(config, SAMPLES))
    seeds = keras.random.SeedGenerator(0)
    two = seeds.next(), seeds.next()
    spans = draw_spans(counts, int(counts[0]), share, usual.mask_time_length, least, two)
    return as_array(spans)


hidden = {
    "pretraining of wav2vec 2.0: every 15th frame begins a span": drawn(0.65, 2),
    f"fine-tuning: mask_time_prob={usual.mask_time_prob:g}, at least "
    f"{usual.mask_time_min_masks} spans": drawn(usual.mask_time_prob, usual.mask_time_min_masks),
}
figure = Figure((9, 3.6), layout="constrained")
axes = figure.subplots(2, 1, sharex=True)
for axis, (name, spans) in zip(axes, hidden.items(), strict=True):
    axis.imshow(spans, aspect="auto", extent=(0, SECONDS, 12, 0), cmap="Blues", vmax=1.3)
    axis.set(title=f"{name}: {spans.mean():.0%} hidden", ylabel="clip")
axes[-1].set_xlabel("time (s)")
figure.suptitle("Hidden frames (dark) of twelve clips of 3 s")
show(figure)

# %% [markdown]
# ## 6. What does each state know?
#
# The mean of a state over time is one vector a clip. The layer "mean" of the model `ssl` gives that
# of all states. We ask each state on its own: how well does a *linear* classifier find the emotion
# in it, on speakers that it did not learn from (of the validation side; the test
# side waits)? And how much of the differences between clips is due to who speaks, how much to the
# emotion?

# %%
every = {"preset": PRESET, "frozen": None, "states": "weighted"}
asked = serkeras.models.build("ssl", (SAMPLES, 1), EMOTIONS, **every)
to_means = keras.Model(asked.input, asked.get_layer("mean").output)
learned_from, judged_on = (
    to_means.predict(waves_of(table), batch_size=16, verbose=0)
    for table in (split.train, split.validation)
)
print("clips, states, width:", learned_from.shape)

# %% [markdown]
# Two questions to each state. A linear classifier says how much of the emotion lies open in it;
# the share of the variance says what its numbers mostly tell apart, speakers or emotions.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def known(state):
    """Return the UAR of a linear classifier on one state, in percent."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    probe.fit(learned_from[:, state], split.train["emotion"])
    said = probe.predict(judged_on[:, state])
    return 100 * balanced_accuracy_score(split.validation["emotion"], said)


def share_of(column, state):
    """Return the share of the variance that a column explains beyond chance, in percent."""
    x = StandardScaler().fit_transform(learned_from[:, state])
    groups = pd.DataFrame(x).groupby(split.train[column].to_numpy())
    unexplained = 1 - groups.transform("mean").var(ddof=0).mean()
    return 100 * (1 - unexplained * (len(x) - 1) / (len(x) - groups.ngroups))


numbers = range(learned_from.shape[1])
by_state = pd.DataFrame(
    {
        "UAR of a linear classifier": [known(state) for state in numbers],
        "variance by speaker": [share_of("speaker", state) for state in numbers],
        "variance by emotion": [share_of("emotion", state) for state in numbers],
    }
).rename_axis("state")

# %% [markdown]
# From the first state to the last, from left to right:

# %%
figure = Figure((9.5, 3.2), layout="constrained")
axes = figure.subplots(1, 2)
axes[0].plot(by_state.iloc[:, 0], "o-", color=BLUE)
axes[0].axhline(100 / EMOTIONS, color="black", linestyle=":")
axes[0].set(
    title="Emotion found by a linear classifier",
    xlabel="state (0 enters the first block)",
    ylabel="UAR (%); dotted: guessing",
    ylim=(0, 100),
)
axes[1].plot(by_state.iloc[:, 1], "s-", color=ORANGE, label="by speaker")
axes[1].plot(by_state.iloc[:, 2], "^-", color=GREEN, label="by emotion")
axes[1].set(
    title="What the clips differ by",
    xlabel="state (0 enters the first block)",
    ylabel="variance explained (%)",
)
axes[1].legend()
for axis in axes:
    axis.set_xticks(list(numbers))
figure.suptitle(f"What each state knows ({WHICH})")
show(figure)

# %% [markdown]
# If this run has random weights, read the left picture as a warning: a network that knows nothing
# is well above guessing. Its convolutions are random filters, and random filters still pass on
# something of the spectrum, which differs between emotions. *Above guessing* proves no knowledge.
# With published weights, papers have found a curve that rises and falls: the middle blocks tell
# emotions best, the last ones lean towards what pretraining asked of them. See whether yours does.
#
# In the right picture, the synthesiser's voices differ little. People differ more: on their
# recordings the orange line can rise far above the green one, and that is what section 8 is about.
#
# ## 7. Frozen: computed once, a small head
#
# The cheapest way to use such a network leaves it as it is. Then its states never change, so they
# are computed **once** and kept; each epoch after that is a matter of a small head. Which state to
# take? All of them: the head learns one weight for each (positive, with sum 1) together with its
# own. This is the recipe `hubert-large-frozen`. (Here and in the ways below, a dense layer of
# 64 units stands before the classes.)

# %%
HEAD_EPOCHS, EPOCHS = (3, 1) if FAST else (30, 6)


def fit(name, recipe, model=None, **training):
    """Train; or open what an earlier session has finished. One that was broken off goes on."""
    folder, settings = Path(OUT) / name, None
    if (folder / "experiment.json").is_file():
        begun = serkeras.Run(folder)
        if begun.finished:
            return begun
        recipe = begun.experiment  # as it was begun, though this session's GPU may be another one
    else:
        settings = {
            "audio": audio.to_dict(),
            **{f"model.settings.{key}": value for key, value in (model or {}).items()},
            **{f"training.{key}": value for key, value in training.items()},
        }
    return serkeras.train(recipe, data=[clips], out=folder, settings=settings, progress=False)


def head(name, **model):
    """Train a head on the frozen network, whose states are computed once."""
    training = {"epochs": HEAD_EPOCHS, "patience": 15, "retrain": False}
    model = {"preset": PRESET, "units": [64], **model}
    return fit(name, "hubert-large-frozen", model, **training, precision=on_device["precision"])


def words(run):
    """Return the UAR on the test side in words."""
    uar = run.metrics["uar"]
    return f"{100 * uar['value']:.0f} % ({100 * uar['low']:.0f} to {100 * uar['high']:.0f})"


frozen = head("frozen")
print(f"kept on disk: what comes out of the layer {frozen.metrics['run']['frozen_cached']!r}")
print(f"{frozen.history['seconds'].iloc[1:].median():.2f} s an epoch")
print(f"test side, {WHICH}: UAR {words(frozen)}")

# %% [markdown]
# In brackets is the interval that other test speakers might have given (whole speakers are drawn
# again and again). Which states did the head listen to?

# %%
inner = frozen.model.get_layer("ssl")  # the rest of a run's model is the way in
scores = inner.get_layer("layer_weights").get_weights()[0]
weights = np.exp(scores) / np.exp(scores).sum()
figure = Figure((7, 2.6), layout="constrained")
axis = figure.subplots()
axis.bar(numbers, 100 * weights, color=BLUE)
axis.axhline(100 / len(weights), color="black", linestyle=":")
axis.set(
    title=f"The learned weight of each hidden state ({WHICH})",
    xlabel="state (0 enters the first block)",
    ylabel="weight (%); dotted: at first",
    xticks=list(numbers),
)
show(figure)

# %% [markdown]
# ## 8. Normalised by speaker: a warning
#
# Who speaks is in the vectors too, and tells nothing about the emotion. So why not bring each
# speaker's vectors to mean 0 and deviation 1? Pepino and others did, and gained.
# `speaker_norm=True`:

# %%
normed = head("frozen-speaker-norm", speaker_norm=True)
test_waves = waves_of(split.test)
truth = split.test["emotion"].to_numpy()


def uar_of(model, waves=test_waves):
    """Return the UAR of a model on the test side, each clip by itself, in percent."""
    said = model.predict(waves, batch_size=16, verbose=0).argmax(axis=1)
    return 100 * balanced_accuracy_score(truth, np.array(frozen.labels)[said])


print(f"as it is                                   {words(frozen)}")
print(f"normalised, test speakers enrolled         {words(normed)}")
print(f"the same model, nothing known of a speaker {uar_of(normed.model):.0f} %")

# %% [markdown]
# **Read the middle line with care.** To normalise a test speaker one needs that speaker's mean, and
# the figure took it from **all of that speaker's test recordings**. No label was used; still each
# answer depends on the speaker's other test clips. In life that is a speaker who has *enrolled*
# with dozens of recordings, and worse: here, as in every acted corpus, each speaker says every
# emotion about equally often, so the mean lies in the middle between the emotions. Somebody who is
# angry all day would have their anger subtracted. The last line is the same model for a stranger:
# one clip, nothing else known. Whoever compares "normalised" with the figures of others who did
# not enrol compares two different tasks. The kit's report says so too.
#
# ## 9. Fine-tuning: what learns, and how fast
#
# Now the network may learn as well. How much of it? Counting needs no weights, so here is the real
# size of wav2vec 2.0 base, whatever ran above. `frozen` counts parts from the waveform: the
# convolutions are the first, then projection and positions, then each block.

# %%
from serkeras.models import backbones
from serkeras.ssl import networks

BASE = {"model_type": "wav2vec2"}  # all else as in the published base network


def of_real_size(**settings):
    """Return wav2vec 2.0 base with random weights and seven classes on top."""
    return serkeras.models.build("ssl", (SAMPLES, 1), 7, config=BASE, **settings)


whole, learns = of_real_size(frozen=0), {}
for parts, words_for_it in (
    (0, "all (report S4)"),
    (1, "convolutions frozen"),
    (10, "only the last 4 blocks"),
    (None, "frozen: the head alone"),
):
    networks.freeze(*backbones.inside(whole), parts)
    learns[words_for_it] = backbones.counts(whole)[0]
learns["LoRA of rank 8"] = backbones.counts(of_real_size(frozen=1, lora={"rank": 8}))[0]
del whole
gc.collect()  # some 400 MB

figure = Figure((8.5, 2.8), layout="constrained")
axis = figure.subplots()
bars = axis.barh(list(learns), list(learns.values()), color=[BLUE, BLUE, BLUE, GREY, ORANGE])
axis.bar_label(bars, labels=[f"{count:,}" for count in learns.values()], padding=4)
axis.set_xscale("log")
axis.invert_yaxis()
axis.set(
    title="wav2vec 2.0 base with a softmax of 7 classes: how much of it learns",
    xlabel="numbers that learn (logarithmic)",
    xlim=(1e3, 3e9),
)
show(figure)

# %% [markdown]
# The convolutions usually stay: they know what sound is, and a small corpus could only spoil them.
# The rest learns at **two rates**. The head is new and has to move; the network knows something and
# should move little, or its first steps, driven by a head that still guesses, destroy what it came
# with. `layer_rates={"backbone": 0.1}` gives it a tenth of the head's rate. (For random weights
# there is nothing to spare, so our tiny network gets the full rate.)

# %%
if REAL:
    speed = {"learning_rate": 1e-4, "layer_rates": {"backbone": 0.1}}
else:
    speed = {"learning_rate": 2e-3, "layer_rates": {"backbone": 1.0}}

tuned = fit(
    "fine-tuned",
    "wav2vec2-base",
    {"preset": PRESET, "frozen": 1, "units": [64], "remat": REAL},
    epochs=EPOCHS,
    patience=EPOCHS,
    **speed,
    **on_device,
)
print(f"test side, {WHICH}: UAR {words(tuned)}")
tuned.history[["epoch", "loss", "val_loss", "val_accuracy", "seconds"]].tail(3).round(2)

# %% [markdown]
# ## 10. LoRA: a small matrix beside a large one
#
# LoRA leaves *every* number of the network as it is. Beside a dense layer `W` (768 x 768 in base
# networks) it puts two thin matrices, `A` (768 x 8) and `B` (8 x 768), and adds their product:
# `W + A B`. `B` begins as zeros, so the first step starts from the network itself. By default it is
# done to query and value of each block: the figure above counts them. What a task has taught the
# base network then is about a megabyte, and it can be added into `W` when all is done.

# %%
adapters = {"rank": 8, "alpha": 16, "targets": ["query", "value"]}
lora = fit(
    "lora",
    "wav2vec2-base-lora",
    {"preset": PRESET, "lora": adapters, "units": [64], "remat": REAL},
    epochs=EPOCHS,
    patience=EPOCHS,
    learning_rate=5e-4 if REAL else 5e-3,
    **on_device,
)
learned, rest = backbones.counts(lora.model)
print(f"{learned:,} of {learned + rest:,} numbers learned")
print(f"test side, {WHICH}: UAR {words(lora)}")

# %% [markdown]
# LoRA is a way to *adapt* a network that knows something: it adds a little to what is there. On
# random weights nothing is there, so expect it near the frozen network, and do not ask this run
# whether it can replace fine-tuning.
#
# ## 11. All ways beside each other
#
# Two things belong into such a comparison that are often left out: something that never saw a
# network (a logistic regression on averaged MFCCs, notebook 03), and, where real weights ran, the
# same network with *random* ones, so that one sees what the thousand hours have brought and not
# just the architecture.

# %%
ways = {
    "MFCC, logistic regression": fit("mfcc", "logistic-sklearn"),
    "frozen, weighted states": frozen,
    "the same, speakers enrolled": normed,
    "fine-tuned, two rates": tuned,
    "LoRA": lora,
}
if REAL:
    blank = {"preset": None, "config": config.to_dict()}
    ways = {"random weights, frozen": head("random-frozen", **blank), **ways}
uars = pd.DataFrame({name: run.metrics["uar"] for name, run in ways.items()}).T * 100
uars.round(0).astype(int)

# %% [markdown]
# The lines are the intervals over the test speakers:

# %%
figure = Figure((9, 3.2), layout="constrained")
axis = figure.subplots()
for place, (name, row) in enumerate(uars.iterrows()):
    colour = GREY if "MFCC" in name or "random" in name else BLUE
    colour = ORANGE if "enrolled" in name else colour
    axis.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=3)
    axis.plot(row["value"], place, "o", color=colour, markersize=8)
    axis.annotate(f"{row['value']:.0f} %", (row["value"], place - 0.2), ha="center", va="bottom")
axis.axvline(100 / EMOTIONS, color="black", linestyle=":")
axis.set_yticks(range(len(uars)), list(uars.index))
axis.set(xlim=(0, 105), ylim=(len(uars) - 0.5, -0.7))
axis.set(
    title=f"{WHICH}, {CORPUS} corpus: {split.test['speaker'].nunique()} test speakers, unheard",
    xlabel="UAR (%) with 95 % interval by speaker; dotted: guessing; orange: another, easier task",
)
show(figure, dpi=90)
if not REAL:
    print("RANDOM WEIGHTS: this is how the comparison looks, not what wav2vec 2.0 can do.")

# %% [markdown]
# How to read it: intervals that overlap a lot decide nothing. One split with a few test speakers
# and one run each is an anecdote; a study over several splits and seeds (`python -m serkeras
# study`) tests differences in pairs. And the orange line must not be compared with the others.
#
# A random network loses to simple MFCCs, as it should: people who knew speech designed those.
#
# ## 12. Keep it, and hand it on
#
# A run's model is one file. Saved and loaded again it gives the same output, level and all:

# %%
keras_file = Path(OUT) / "kept.keras"
tuned.model.save(keras_file)
again = keras.saving.load_model(keras_file)
before, after = (m.predict(test_waves[:8], verbose=0) for m in (tuned.model, again))
print(f"largest difference after saving and loading: {np.abs(before - after).max():.1e}")

# %% [markdown]
# `save_to` writes the network alone, in Hugging Face's layout. What LoRA has learned is added into
# the kernels, so that the folder holds a plain network, which transformers reads on PyTorch. Where
# both are installed they are asked; elsewhere the kit reads its own folder.

# %%
import sys

(adapted,) = backbones.inside(lora.model)
folder = Path(OUT) / "adapted"
if not folder.is_dir():
    ssl.save_to(adapted, folder)
print(sorted(path.name for path in folder.iterdir()))

# Networks for sound need nothing of torchvision, which does not always fit the torch beside it.
sys.modules.setdefault("torchvision", None)
try:
    import torch
    import transformers

    reader = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        theirs = reader(torch.tensor(level, dtype=torch.float32)).last_hidden_state.numpy()
    who = f"transformers {transformers.__version__}, {type(reader).__name__}"
except ImportError:
    theirs = as_array(ssl.from_preset(folder, progress=False)(level)["last_hidden_state"])
    who = "the kit"
apart = np.abs(as_array(adapted(level)["last_hidden_state"]) - theirs).max()
print(f"{who}: largest difference of a hidden state {apart:.1e}")

# %% [markdown]
# ## 13. Break it: padding
#
# The base networks have a *group norm* behind their first convolution: each channel is brought to
# mean 0 and variance 1 **over the whole clip, padding included**. Append silence, and every frame
# of the speech before it changes, for mean and variance have changed. A mask (`lengths`) keeps
# frames from listening to padding, but it comes behind the norm and too late. Networks such as
# `hubert-large-ll60k` have a *layer norm* over the channels of each frame instead. We pad the same
# clip more and more and compare the frames of its speech alone:

# %%
with_layers = {**TINY, "feat_extract_norm": "layer", "do_stable_layer_norm": True}
keras.utils.set_random_seed(0)
layer_normed = build(ssl.SSLConfig.from_dict(with_layers))
speech_only = level[:, : 2 * RATE]
paddings = np.array([0, 0.25, 0.5, 1, 2, 4])


def moved(net, seconds, tell):
    """Return how far the speech's frames move when padding is appended, in percent."""
    padded = np.pad(speech_only, ((0, 0), (0, int(seconds * RATE))))
    count = np.array([speech_only.shape[1]])
    given = {"waveform": padded, "lengths": count} if tell else padded
    alone, here = (as_array(net(x)["last_hidden_state"])[0] for x in (speech_only, given))
    alone, here = (x - alone.mean(axis=0) for x in (alone, here[: len(alone)]))
    return 100 * np.linalg.norm(here - alone) / np.linalg.norm(alone)


is_group = config.feat_extract_norm == "group"
asked_of = {f"{WHICH} ({config.feat_extract_norm} norm)": network}
if is_group:
    asked_of["tiny, random weights (layer norm)"] = layer_normed
figure = Figure((9, 3.8), layout="constrained")
axis = figure.subplots()
for (name, net), colour in zip(asked_of.items(), (VERMILION, BLUE), strict=False):
    for tell, line in ((False, "o--"), (True, "s-")):
        values = [moved(net, seconds, tell) for seconds in paddings]
        label = f"{name}, {'lengths told' if tell else 'not told'}"
        axis.plot(paddings, values, line, color=colour, label=label, markersize=5)
        print(f"{label:55} {values[-1]:8.4f} % at {paddings[-1]:g} s")
axis.set(
    title="The same 2 s of speech, with silence behind it",
    xlabel="padding (s)",
    ylabel="speech frames moved by (%)",
    ylim=(-4, None),
)
figure.legend(loc="outside lower center", ncols=2)
show(figure)

# %% [markdown]
# One of four lines lies at zero: layer norm, with the lengths told. Group norm moves *with* lengths
# as well. What does that cost? We take the fine-tuned network, which learned on clips padded to 3
# seconds, and give it the same test clips padded to 6:

# %%
longer = np.pad(test_waves, ((0, 0), (0, SAMPLES), (0, 0)))
settings = tuned.experiment.model.settings
wide = serkeras.models.build("ssl", longer.shape[1:], len(tuned.labels), **settings)
wide.set_weights(tuned.model.get_weights())
said, other = (
    model.predict(x, batch_size=16, verbose=0).argmax(axis=1)
    for model, x in ((tuned.model, test_waves), (wide, longer))
)
print(f"padded to 3 s, as in training: UAR {uar_of(tuned.model):.0f} %")
print(f"padded to 6 s:                 UAR {uar_of(wide, longer):.0f} %")
print(f"another answer for {np.mean(said != other):.0%} of the clips")

# %% [markdown]
# No error, no warning, the same recordings. (Two things add up here: the norm, and the mean over
# time, which takes the silent frames in.) So with group norm: **pad in use as in training.** The
# kit cuts and pads by the run's own settings when it predicts, and refuses clips of varying
# length (`audio.fit=keep`) for such networks. Layer-norm networks, `hubert-large-ll60k` and WavLM
# large among them, take any length.
#
# ## 14. Exercises
#
# Write each function, run its cell, then the check behind it. The check calls your function with
# values of its own: return the result, and use nothing but the arguments.
#
# **9.1** How many frames do convolutions without padding make of so many samples? `kernels` and
# `strides` hold one number a convolution, as in section 3.


# %%
def frames_of(samples, kernels, strides):
    """Return the number of frames, an int."""
    # <solution>
    for kernel, stride in zip(kernels, strides, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples
    # </solution>


# %%
from serkeras import labs

convolutions = config.conv_kernel, config.conv_stride
if labs.check("9.1", frames_of):
    print(f"2 s: {frames_of(2 * RATE, *convolutions)}, the kit says {frames(config, 2 * RATE)}")

# %% [markdown]
# **9.2** The other way round: how many samples must a clip have at least to give so many frames?


# %%
def samples_for(count, kernels, strides):
    """Return the least number of samples that give `count` frames, an int."""
    # <solution>
    for kernel, stride in list(zip(kernels, strides, strict=True))[::-1]:
        count = (count - 1) * stride + kernel
    return count
    # </solution>


# %%
if labs.check("9.2", samples_for):
    shortest = samples_for(100, *convolutions)
    found = frames(config, shortest - 1), frames(config, shortest)
    print(f"100 frames need {shortest} samples: {found[0]} with one less, {found[1]} with them")

# %% [markdown]
# **9.3** How many numbers does LoRA learn, if in each block it is put beside so many square layers
# (`targets`), each of `width` x `width`? Without the head.


# %%
def lora_numbers(blocks, width, targets, rank):
    """Return how many numbers learn, an int."""
    # <solution>
    return blocks * targets * (width * rank + rank * width)
    # </solution>


# %%
if labs.check("9.3", lora_numbers):
    each = lora_numbers(12, 768, 2, 1)
    print(f"base network, query and value, rank 8: {lora_numbers(12, 768, 2, 8):,}")
    print(f"as many as the network's 94,371,712 would be rank {94_371_712 / each:,.0f}, above 768")

# %% [markdown]
# **9.4** Bring the vectors of each speaker to mean 0 and deviation 1, column by column, the rows
# staying where they are. That is what section 8 warns of, so that you know what was done.


# %%
def normalised(vectors, speakers):
    """Return an array `(clips, numbers)`; `speakers` has one name a row."""
    # <solution>
    found = np.empty(vectors.shape)
    for name in np.unique(speakers):
        rows = vectors[speakers == name]
        found[speakers == name] = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    return found
    # </solution>


# %%
labs.check("9.4", normalised)

# %% [markdown]
# **9.5** (open) How many recordings must a speaker enrol with? Give the normalised model each test
# speaker's mean and deviation from `count` random clips of theirs.
# `serkeras.training.frozen.split` cuts a model into the frozen part and the rest; the layer
# "speaker_norm" of the model "ssl" within has the statistics of training.


# %%
def enrolled_with(counts=(4, 8, 16, None)):
    """Print the UAR where each test speaker has enrolled with so many clips."""
    # <solution>
    from serkeras.training import frozen as cutting

    parts = cutting.split(normed.model)
    vectors = parts.frozen.predict(test_waves, batch_size=16, verbose=0)
    mean, deviation = normed.model.get_layer("ssl").get_layer("speaker_norm").get_weights()
    draw = np.random.default_rng(0)
    for count in counts:
        moved_to = vectors.copy()
        for name in split.test["speaker"].unique():
            theirs = np.flatnonzero(split.test["speaker"] == name)
            known = vectors[draw.choice(theirs, count, replace=False) if count else theirs]
            standard = (vectors[theirs] - known.mean(axis=0)) / (known.std(axis=0) + 1e-6)
            moved_to[theirs] = standard * deviation + mean
        said = parts.rest.predict(moved_to, verbose=0).argmax(axis=1)
        result = 100 * balanced_accuracy_score(truth, np.array(normed.labels)[said])
        print(f"{count or 'all'} clips: UAR {result:.0f} %")
    # </solution>


# %%
labs.attempt(enrolled_with)

# %% [markdown]
# ## What we learned
#
# - Seven convolutions make 50 frames a second; each block makes one hidden state of them.
# - Pretraining hid half of the frames and asked for them back. That needs no labels.
# - A random network is above guessing too: compare with one before praising the pretraining.
# - Frozen states are computed once. Fine-tuning wants a small rate for what is known, a large one
#   for what is new. LoRA learns a third of a percent of the network.
# - Normalising by speaker uses the test speakers' recordings: say so, or do without.
# - Group norm sees padding. Pad in use as in training, or take a network with layer norm.
# - What was measured here was measured on the network that section 2 names, and on no other.
#
# **Further reading:** A. Baevski and others, *wav2vec 2.0: a framework for self-supervised learning
# of speech representations*, NeurIPS 2020. W.-N. Hsu and others, *HuBERT*, IEEE/ACM TASLP 2021.
# S. Yang and others, *SUPERB*, Interspeech 2021. L. Pepino, P. Riera and L. Ferrer, *Emotion
# recognition from speech using wav2vec 2.0 embeddings*, Interspeech 2021. E. Hu and others, *LoRA*,
# ICLR 2022. J. Wagner and others, *Dawn of the transformer era in speech emotion recognition*,
# IEEE TPAMI 2023. [The kit's own page](../docs/speech-networks.md) lists networks and settings.

# %% [markdown]
# ## Hand in
#
# Put your name between the quotes.

# %%
labs.score("")
