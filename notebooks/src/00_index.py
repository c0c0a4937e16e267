# %% [markdown]
# # 00 The map: where to begin
#
# {badge}
# **Question:** which notebook answers my question, and in which order do I take them?
#
# **Needs:** no downloads, no GPU. **Time:** less than a minute on two cores, and half a minute more
# where the built-in corpus has to be made first.
#
# **You will:** find your notebook in a table, follow one clip on its way from a recording to a
# probability, choose an order that suits you, and see how the labs answer.

# %% tags=["setup"]

# %% [markdown]
# ## 1. All notebooks
#
# Each one asks **one** question, builds something, breaks it on purpose, and ends with exercises.
# Times are those of two processor cores; nothing has to be downloaded, unless you switch to real
# recordings or published weights. A GPU is used wherever there is one.
#
# {notebooks}
#
# The right column holds the same notebooks without solutions and outputs, to be worked through.

# %% [markdown]
# ## 2. The way of a clip
#
# Everything in this course happens somewhere on one way: a recording becomes numbers, the numbers
# become a picture, a network turns the picture into other pictures, and in the end stands one
# probability for each emotion. So that there is something to look at, a small network learns from
# some of the built-in voices first.

# %%
import logging
import os

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch

import serkeras
from serkeras import labs

# Not `setLevel`: TensorFlow sets its own once it is loaded.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
FAST = bool(os.environ.get("SERKERAS_FAST"))  # the automatic test of this notebook: less data

CORPUS = "synthetic"  # or "ravdess", "cremad", ...
clips = serkeras.datasets.load(CORPUS)
people = sorted(clips["speaker"].unique())[: 6 if FAST else 10]
run = serkeras.train(
    "cnn",
    data=[clips[clips["speaker"].isin(people)]],
    settings={
        "audio.duration_s": 2.0,
        "features.n_mfcc": 40,
        "augment.copies": 0,
        "training.epochs": 1 if FAST else 12,
        "training.retrain": False,
    },
    out="runs/map",
    progress=False,
)
run

# %% [markdown]
# One clip of a speaker whom the network has not heard, taken apart at every station: the samples,
# the features, what the first convolution makes of them, and the answer. (One that it got right, if
# there is any.)

# %%
import keras

said = run.predictions
clip = said.loc[(said["emotion"] == said["predicted"]).idxmax()]
config = run.experiment
wave = serkeras.audio.load_clip(clip["path"], config.audio)
picture = serkeras.features.compute(wave[None], config.features, config.audio.sample_rate)[0]
scale, network = run.model.layers[1:3]
first = next(layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D))
maps = keras.Model(network.inputs, first.output)(scale(picture[None, ..., None]))[0]
maps = np.moveaxis(keras.ops.convert_to_numpy(maps), -1, 0)
chances = 100 * clip[[f"p_{label}" for label in run.labels]].to_numpy(float)
print(f"{wave.size:,} samples -> {picture.shape} numbers -> {maps.shape} -> {len(chances)} answers")

# %% [markdown]
# The picture of the course. Above each station stand the notebooks that are about it. How to find
# settings for all of them is the matter of 07, how to compare many ways that of 10.

# %%
figure = Figure((12, 4.6), layout="constrained")
axes = figure.subplots(1, 4)
seconds = np.arange(wave.size) / config.audio.sample_rate
axes[0].plot(seconds, wave, linewidth=0.4, color="#0072B2")
axes[0].set(title="recording\n01, 02 (noise: 04)", xlabel="time (s)", ylabel="amplitude")
limit = np.abs(picture[1:]).max()
axes[1].imshow(
    picture[1:], origin="lower", aspect="auto", cmap="RdBu_r", vmin=-limit, vmax=limit,
    extent=(0, config.audio.duration_s, 1, len(picture)),
)  # fmt: skip
axes[1].set(title="features\n03 (as photographs: 08)", xlabel="time (s)", ylabel="MFCC number")
shown = maps[np.argsort(-maps.std(axis=(1, 2)))[:4]]
tiles = np.concatenate([np.pad(tile, ((0, 2), (0, 0)), constant_values=np.nan) for tile in shown])
axes[2].imshow(tiles[::-1], aspect="auto", cmap="magma")
axes[2].set(title="network\n05, 06, 08, 09")
axes[2].set(xticks=[], yticks=[], xlabel="time", ylabel="bins, four maps of the first layer")
colours = ["#D55E00" if label == clip["predicted"] else "#8C8C8C" for label in run.labels]
axes[3].barh(run.labels, chances, color=colours)
axes[3].set(title="probabilities\n01 (believe them? 11)", xlabel="probability (%)", xlim=(0, 100))
truth = list(run.labels).index(clip["emotion"])
axes[3].text(98, truth, "was meant", ha="right", va="center", color="#009E73", fontsize=9)
for left, right in zip(axes, axes[1:], strict=False):
    arrow = ConnectionPatch(
        (1.02, 1.04), (-0.02, 1.04), "axes fraction", "axes fraction", axesA=left, axesB=right,
        arrowstyle="->", color="black", linewidth=2,
    )  # fmt: skip
    figure.add_artist(arrow)
figure.suptitle("From a clip to a probability")
figure

# %% [markdown]
# Whether a network that answers so is any good, and how sure one can be, is the other half of the
# course: splits (01), studies (10) and honest evaluation (11).
#
# ## 3. Which order?
#
# | you are | take | because |
# |---|---|---|
# | a **student**, new to all this | 01, 03, 04, 05, 06, 11 | from one clip to one network |
# | a **lecturer** | 01 with parts of 02, 03, 04, 05, 06, 11 | six sessions, see `docs/labs.md` |
# | a **researcher** | 11, 10, 02, then 07, 08, 09 | first what a figure is worth |
# | an **engineer** | 01, 04, 09, 07, 11, 12 | noise, large networks, settings, people, a product |
#
# Whoever has **one hour** takes 01 and the first five sections of 11.
#
# ## 4. How a notebook works
#
# - **On Colab** the second cell installs the kit, once the address of the repository stands in
#   `REPOSITORY`. On your own machine it finds what is there.
# - **The switch** `CORPUS = "synthetic"` stands near the top. The synthetic voices are free, small
#   and made on your machine. They show how things work, never how good they are on people.
# - **Real recordings:** write `"ravdess"` instead (`python -m serkeras data ravdess` says where to
#   get it and what its licence allows), and set the runtime to GPU.
# - **Results** go to a folder. Name one on a mounted Drive, and a training that was cut off goes
#   on.
# - **Players** hold synthetic voices only.
#
# ## 5. How the labs answer
#
# An exercise is a function that you write. `labs.check` tries it on inputs of its own and says one
# of three things: `todo`, a hint, or `pass`. It needs nothing of the notebook's run, so you may
# change what you like above. Here is an exercise of notebook 10, first untouched:


# %%
def holm(p_values):
    """Return p-values corrected by Holm's rule, in the order given."""
    raise NotImplementedError


labs.check("10.2", holm)

# %% [markdown]
# Now with a mistake that many make. The hint says what to look at, not what to write:


# %%
def holm(p_values):
    """Return p-values corrected by Holm's rule, in the order given."""
    return [len(p_values) * p for p in p_values]


labs.check("10.2", holm)

# %% [markdown]
# At the end of each notebook `labs.score()` prints one line with all points, to be handed in.
#
# ## What we learned
#
# - A clip goes one way: recording, features, network, probabilities. Each notebook looks at one
#   station.
# - Begin where your question is. 01 is a good beginning for everybody, 11 a good end.
#
# **Further reading:** B. W. Schuller, *Speech emotion recognition: two decades in a nutshell,
# benchmarks, and ongoing trends*, Communications of the ACM 61(5), 2018.
