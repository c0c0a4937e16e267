# %% [markdown]
# # 07 Searching for settings: Hyperband, TensorBoard, several workers
#
# {badge}
# **Question:** which settings suit a network, how do I search without fooling myself, and what do
# I gain by several processes?
#
# **Needs:** no downloads; notebooks 01 and 05 first are a good idea. **Time:** about three minutes
# on two cores, and half a minute more where the built-in corpus has to be made first.
#
# **You will:** write a space down as data, watch four learning rates race, see why a short race
# has another winner than a long one, run Hyperband, tune a feature together with the network, read
# a search's table and figures, share it among processes, stop it half-way and go on, let a search
# find what is not there, on purpose, and write three functions that are checked.

# %% tags=["setup"]

# %% [markdown]
# ## 1. Switches
#
# `CORPUS` can be any corpus of eight speakers or more, for instance `"ravdess"`; then give the
# network its full size by `SMALL = False`, and set the runtime to GPU. Searches go to `OUT`. On
# Colab, a folder of the mounted Drive outlives a disconnection: run the notebook again, and each
# search goes on where it stood, within a trial from its last epoch.

# %%
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

CORPUS = "synthetic"  # or "ravdess", "cremad", ...
SMALL = True
OUT = "searches"  # or "/content/drive/MyDrive/searches", after google.colab.drive.mount(...)

BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8C8C8C"


def show(figure, dpi=80):
    """Display a figure with 64 colours: a fraction of the bytes."""
    png, small = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=dpi)
    drawn = Pixels.open(png).convert("RGB").quantize(64, Pixels.Quantize.MAXCOVERAGE)
    drawn.save(small, format="png", optimize=True)
    display(Image(small.getvalue(), format="png"))


# %% [markdown]
# A GPU or TPU is used where there is one, by all that follows, in the precision that suits it.

# %%
from serkeras.training import accelerator

settings = {"augment.copies": 0, "training.batch_size": 32, **accelerator.settings()}
if SMALL:
    settings |= {"audio.duration_s": 1.5, "features.n_mfcc": 32, "features.n_mels": 40}
clips = serkeras.datasets.load(CORPUS)
if SMALL:  # some of the speakers: there will be many fits
    clips = clips[clips["speaker"].isin(sorted(clips["speaker"].unique())[: 8 if FAST else 12])]
EPOCHS = 4 if FAST else 15
print(f"{len(clips)} clips of {clips['speaker'].nunique()} speakers")
print(accelerator.describe())

# %% [markdown]
# ## 2. A space is data
#
# A space says which settings may change, and what each may be: one of some values, or a number in
# a range, drawn evenly or (`"log"`) by its order of magnitude. A setting can depend on another one
# (`"when"`). Names are the dotted names of an experiment, so *anything* of a run can be searched:
# the network, the optimiser, the features, the augmentation.

# %%
space = {
    "training.optimizer": {"values": ["adam", "sgd"]},
    "training.learning_rate": {"min": 1e-4, "max": 1e-1, "log": True},
    "training.momentum": {"min": 0.0, "max": 0.95, "when": {"training.optimizer": ["sgd"]}},
    "features.n_mfcc": {"min": 16, "max": 40, "step": 8},
}

# %% [markdown]
# keras-tuner draws from it. Twenty draws: momentum is there for SGD alone, and learning rates are
# spread over orders of magnitude, which is how they act: from 0.001 to 0.002 is a long way, from
# 0.091 to 0.092 is none.

# %%
from keras_tuner import HyperParameters

from serkeras.tuning import space as spaces

drawn, rng = [], np.random.default_rng(0)
for _ in range(20):
    hp = HyperParameters()
    spaces.declare(hp, space)
    for parameter in hp.space:
        hp.values[parameter.name] = parameter.random_sample(int(rng.integers(1 << 30)))
    drawn.append(spaces.declare(hp, space))
table = pd.DataFrame(drawn).rename(columns=lambda name: name.split(".")[-1])
display(table.head(6))

figure = Figure((9, 2.2), layout="constrained")
axis = figure.subplots()
rate = table["learning_rate"]
for name, colour, marker in (("adam", BLUE, "o"), ("sgd", VERMILION, "^")):
    rows = table["optimizer"] == name
    axis.scatter(rate[rows], table["n_mfcc"][rows], color=colour, marker=marker, label=name)
axis.set(xscale="log", xlabel="learning rate (logarithmic)", ylabel="n_mfcc", yticks=[16, 24, 32])
axis.set_title("Twenty draws from the space")
axis.legend()
show(figure)

# %% [markdown]
# ## 3. Four learning rates, all the way
#
# Report S4 tuned one thing for its network `cnn`: the learning rate, among 0.01, 0.001, 0.0001 and
# 0.00001. Four choices need no clever search. A *grid* trains each of them for all epochs.
#
# What judges is the **validation side**: speakers who are not trained on. The *test* side is taken
# away before the search even begins; a search that saw it would choose what suits it.

# %%
RATES = {"training.learning_rate": {"values": [1e-2, 1e-3, 1e-4, 1e-5]}}


def search(name, **asked):
    """Search, or open or go on with what an earlier session has begun."""
    given = {"data": [clips], "settings": settings, "progress": False, **asked}
    return serkeras.tune("cnn", out=Path(OUT) / name, **given)


grid = search("rates", tuner="grid", space=RATES, max_epochs=EPOCHS)
grid.table[["training.learning_rate", "val_uar", "val_loss", "epochs"]].round(5)

# %% [markdown]
# The last losses hide how they came about. A line a rate:

# %%
from serkeras.tuning import figures

show(figures.learning(grid))

# %% [markdown]
# ## 4. A short race has another winner
#
# What if each rate had been given one epoch only, or three? The histories know.

# %%
curves = {}
for record in grid.records:
    path = grid.folder / "trials" / record["trial"] / "part0-repeat0" / "history.csv"
    curves[record["values"]["training.learning_rate"]] = pd.read_csv(path)["val_loss"].cummin()
lowest = pd.DataFrame(curves).reindex(range(EPOCHS)).ffill()  # some stop early
budgets = [1, 3, EPOCHS // 2, EPOCHS]
ranks = lowest.iloc[[budget - 1 for budget in budgets]].rank(axis=1)

figure = Figure((7, 3), layout="constrained")
axis = figure.subplots()
colours = dict(zip(sorted(curves, reverse=True), (VERMILION, BLUE, GREEN, GREY), strict=True))
for value, colour in colours.items():
    axis.plot([str(budget) for budget in budgets], ranks[value], "o-", color=colour, label=value)
axis.set(yticks=[1, 2, 3, 4], ylim=(4.3, 0.7), xlabel="epochs that each is given", ylabel="rank")
axis.set_title("Which learning rate is ahead (1: lowest validation loss so far)?")
axis.legend(title="learning rate", loc="center left", bbox_to_anchor=(1, 0.5))
show(figure)

# %% [markdown]
# The lines cross: on the built-in corpus the largest rate stumbles at first and wins in the end.
# On real RAVDESS it is the other way round: with 3 epochs a rate of 0.01 is ahead, as the report
# says; with 9 it is a matter of luck, and with 27 it is 0.001, clearly (the figures stand in
# `docs/tuning.md`). **A search finds what is best for the time it gives.** Read its budget before
# its winner.

# %% [markdown]
# ## 5. Hyperband
#
# Hyperband makes a virtue of it. It starts many trials with few epochs, keeps the best third, gives
# these three times as many, and so on. Because a short race may mislead, it does so several times,
# in *brackets*: the first starts many trials very short, the last starts few and lets all of them
# run. How many trials, for how long?

# %%
from math import ceil, floor, log


def brackets(most, least, factor):
    """Return the rounds of Hyperband: bracket, round, trials, epochs."""
    rows, last, size = [], floor(log(most / least, factor) + 1e-9), ceil(1 + log(most, factor))
    for bracket in range(last, -1, -1):
        for step in range(bracket + 1):
            further = factor ** (bracket - step)
            trials = ceil(size / (bracket + 1) * further)
            rows.append((last - bracket + 1, step + 1, trials, ceil(most / further)))
    return pd.DataFrame(rows, columns=["bracket", "round", "trials, at most", "epochs"])


brackets(most=27, least=3, factor=3)

# %% [markdown]
# `min_epochs` (here 3) is the kit's: after a single epoch luck decides more than merit. A trial
# that goes on takes up its weights *and* its optimiser where it stood. Now a space of two settings,
# one of the training and one of the network:

# %%
two = {
    "training.learning_rate": {"min": 1e-4, "max": 3e-2, "log": True},
    "model.settings.dropout": {"values": [0.0, 0.3, 0.6]},
}
hyperband = search(
    "hyperband", tuner="hyperband", space=two, max_epochs=3 if FAST else 9, min_epochs=1, factor=3
)
columns = ["trial", "from", "budget", "val_uar", *two]
hyperband.table[columns].head(8).round(4)

# %% [markdown]
# `from` names the trial that a longer one has gone on from. Each line below is a trial; the best
# is the thick one.

# %%
show(figures.parallel_coordinates(hyperband))

# %% [markdown]
# Which setting mattered? A forest learns the result from the settings; shuffling one of them and
# asking again says how much it needed that one. `budget` is there too: with more epochs a trial is
# better whatever its settings, and a figure without it would credit the settings.

# %%
drawing = figures.importance(hyperband)
if drawing is not None:  # fewer than eight trials say nothing
    show(drawing)
print("best:", hyperband.settings, "| on the edge of its range:", hyperband.edges or "nothing")

# %% [markdown]
# **TensorBoard** shows the same, and every learning curve: on Colab `%load_ext tensorboard` and
# `%tensorboard --logdir searches/hyperband/tensorboard`, page *HParams*; elsewhere
# `tensorboard --logdir ...` in a terminal. `report.md` in the folder of the search holds all of it
# on one page.

# %%
for path in sorted(hyperband.folder.iterdir()):
    print(path.name + ("/" if path.is_dir() else ""))

# %% [markdown]
# ## 6. A feature and the network together
#
# Features are settings like any others. How many MFCC, and which regularisation? A classical model
# answers in moments, so here it may be *random* search with folds: every trial is fitted three
# times and judged by speakers it has not heard, each development speaker once.

# %%
together = {
    "features.n_mfcc": {"values": [8, 13, 20, 32]},
    "model.settings.C": {"min": 1e-3, "max": 1e2, "log": True},
}
both = serkeras.tune(
    "logistic-sklearn",
    data=[clips],
    settings={"audio.duration_s": 1.5},
    space=together,
    tuner="random",
    max_trials=6 if FAST else 24,
    folds=3,
    out=Path(OUT) / "together",
    progress=False,
)
found = both.table
figure = Figure((7, 3), layout="constrained")
axis = figure.subplots()
for value, colour in zip((8, 13, 20, 32), (GREY, GREEN, BLUE, VERMILION), strict=True):
    rows = found[found["features.n_mfcc"] == value].sort_values("model.settings.C")
    axis.plot(rows["model.settings.C"], 100 * rows["val_uar"], "o-", color=colour, label=value)
axis.set(xscale="log", xlabel="C (small: strongly regularised)", ylabel="UAR (%), three folds")
axis.set_title("A feature and a setting of the model, searched together")
axis.legend(title="n_mfcc", loc="center left", bbox_to_anchor=(1, 0.5))
show(figure)

# %% [markdown]
# Had we tuned one at a time, `C` would have been the best for the number of MFCC that we happened
# to have, and the number of MFCC the best for that `C`. The lines are no copies of each other:
# settings act together, and are searched together.

# %% [markdown]
# ## 7. Several workers
#
# `workers=2` starts three processes: a *chief*, which knows what has been tried, and two *workers*,
# which ask it what comes next. This is keras-tuner's own service; with three variables of the
# environment the workers can stand on other machines (`docs/tuning.md` has it for ssh, SLURM and
# Kubernetes). The same search, alone and by two:

# %%
import time

seconds, searched = {}, {}
for name, workers in (("alone", 1), ("two", 2))[: 1 if FAST else 2]:
    began = time.perf_counter()
    searched[name] = search(
        f"workers-{name}", tuner="grid", space=RATES, max_epochs=2 if FAST else 6, workers=workers
    )
    seconds[name] = time.perf_counter() - began
    best = searched[name].table["val_uar"].max()
    print(
        f"{name:6} {len(searched[name].records)} trials, {seconds[name]:.1f} s, best UAR {best:.3f}"
    )

# %% [markdown]
# Same trials, same results. With trials of some seconds two processes may well be *slower*: each
# begins by importing TensorFlow, and one process uses both cores already. Workers pay where trials
# are long, or where each has a machine or a GPU of its own.

# %% [markdown]
# ## 8. Stop it, and go on
#
# A search is named by what decides it: experiment, space, budget, and the bytes of all recordings.
# The same call finds it again and goes on; a changed one never meets old trials. This one is
# finished:

# %%
began = time.perf_counter()
again = search("rates", tuner="grid", space=RATES, max_epochs=EPOCHS)
print(f"{len(again.records)} trials opened in {time.perf_counter() - began:.1f} s, none trained")
try:
    search("rates", tuner="grid", space=RATES, max_epochs=EPOCHS + 1)
except FileExistsError as error:
    print("refused:", str(error).split(":")[0])

# %% [markdown]
# ## 9. Is it better at all?
#
# The best of many trials is the best *on the clips that chose it*. Two questions remain. Is it
# better than what we had? `confirm` fits the best choices again beside the untuned recipe, with new
# first weights, and gives the gain with an interval. And how good is it? That is what the test side
# is for, **once**.

# %%
confirmed = serkeras.tune(
    "logistic-sklearn",
    data=[clips],
    settings={"audio.duration_s": 1.5},
    space=together,
    tuner="random",
    max_trials=6 if FAST else 24,
    folds=3,
    confirm=1,
    out=Path(OUT) / "together",
    progress=False,
)
from serkeras.tuning import confirm

for row in confirm.read(confirmed):
    gain = {name: 100 * value for name, value in (row["gain"] or {}).items()}
    print(f"{row['choice']}: UAR {100 * row['val_uar']:.1f} %")
    if gain:
        print(f"  gain {gain['difference']:+.1f} [{gain['low']:+.1f}, {gain['high']:+.1f}] points")
final = serkeras.train(
    "logistic-sklearn",
    data=[clips],
    settings={"audio.duration_s": 1.5, **confirmed.settings},
    out=Path(OUT) / "final",
    overwrite=True,
    progress=False,
)
uar = {name: 100 * value for name, value in final.metrics["uar"].items()}
print(f"test side, once: UAR {uar['value']:.1f} % [{uar['low']:.1f}, {uar['high']:.1f}]")

# %% [markdown]
# ## 10. Break it: search for what is not there
#
# Shuffle the emotions. Now there is **nothing to learn**: whatever a model says is a guess, one in
# seven. A large search on few speakers finds something all the same.

# %%
shuffled = clips.copy()
shuffled["emotion"] = np.random.default_rng(1).permutation(clips["emotion"])
forest = {
    "features.n_mfcc": {"values": [8, 13, 20, 32]},
    "model.settings.n_estimators": {"min": 3, "max": 40},
    "model.settings.max_depth": {"min": 2, "max": 12},
}
nothing = serkeras.tune(
    "random-forest",
    data=[shuffled],
    settings={"audio.duration_s": 1.5},
    space=forest,
    tuner="random",
    max_trials=6 if FAST else 40,
    out=Path(OUT) / "nothing",
    progress=False,
)
judged = serkeras.train(
    "random-forest",
    data=[shuffled],
    settings={"audio.duration_s": 1.5, **nothing.settings},
    out=Path(OUT) / "nothing-final",
    overwrite=True,
    progress=False,
)
chance = 1 / clips["emotion"].nunique()
figure = Figure((7, 2.6), layout="constrained")
axis = figure.subplots()
values = 100 * nothing.table["val_uar"]
axis.hist(values, bins=12, color=BLUE, label="trials, validation side")
axis.axvline(values.max(), color=VERMILION, linewidth=2, label="the best, which would be reported")
test = 100 * judged.metrics["uar"]["value"]
axis.axvline(test, color="black", linewidth=2, label="the same settings, test side")
axis.axvline(100 * chance, color="black", linestyle=":", label="guessing")
axis.set(title="A search among models that can only guess", xlabel="UAR (%)", ylabel="trials")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(figure)
print(f"best on validation {values.max():.1f} %, test {test:.1f} %, chance {100 * chance:.1f} %")

# %% [markdown]
# The best of the search lies above guessing by nothing but luck, and the more trials, the more
# luck. Nobody would notice without the test side. And who looks at the test side after every
# search, and goes on searching, has made it a validation side.

# %% [markdown]
# ## 11. Exercises
#
# Write each function, run its cell, then the check behind it. The check calls your function with
# values of its own: return the result, and use nothing but the arguments.
#
# **7.1** How many epochs does a bracket of Hyperband train in all, if a trial that goes on is
# counted from where it stood? `rounds` are pairs: how many trials, and up to which epoch, for
# instance `[(9, 3), (3, 9), (1, 27)]`.


# %%
def epochs_trained(rounds):
    """Return the number of epochs, an int."""
    # <solution>
    total, before = 0, 0
    for trials, epochs in rounds:
        total += trials * (epochs - before)
        before = epochs
    return total
    # </solution>


# %%
from serkeras import labs

if labs.check("7.1", epochs_trained):
    table = brackets(most=81, least=1, factor=3)
    pairs = table[["trials, at most", "epochs"]]
    spent = sum(
        epochs_trained(pairs[table["bracket"] == bracket].to_numpy().tolist())
        for bracket in table["bracket"].unique()
    )
    first = int(table.loc[table["round"] == 1, "trials, at most"].sum())
    print(f"all brackets up to 81: {spent:,} epochs; a grid of {first} trials {81 * first:,}")

# %% [markdown]
# **7.2** Write a space for the two dense layers of `vgg16-exp0` (`"model.settings.units.0"` and
# `"model.settings.units.1"`) in which the second exists only if the first has 256 units or more.
# Let the first be narrow or wide. `serkeras.recipes.describe("vgg16-exp0")["search"]["space"]`
# shows the recipe's own space, without the condition.


# %%
def two_layers():
    """Return the space, a dictionary as in section 2."""
    # <solution>
    return {
        "model.settings.units.0": {"values": [64, 128, 256, 512]},
        "model.settings.units.1": {
            "min": 32,
            "max": 256,
            "step": 32,
            "when": {"model.settings.units.0": [256, 512]},
        },
    }
    # </solution>


# %%
labs.check("7.2", two_layers)

# %% [markdown]
# **7.3** How does the luck of section 10 grow with the number of trials? Draw `size` of the values
# by chance, without putting back, and take the best; do so a few hundred times and take the mean.


# %%
def luck(values, size):
    """Return the mean of the best of `size` values drawn by chance, a float."""
    # <solution>
    draws = np.random.default_rng(0)
    return np.mean([draws.choice(values, size, replace=False).max() for _ in range(300)])
    # </solution>


# %%
if labs.check("7.3", luck):
    for size in (1, 5, 10, 20, len(values)):
        if size <= len(values):
            print(f"best of {size:2}: {luck(values.to_numpy(), size):.1f} %")

# %% [markdown]
# **7.4** (open, no code) A paper tunes its own network with 200 trials and takes the rival's
# settings from the rival's paper. Its own network wins by two points on the validation side. What
# would you ask the authors to do, and in which order?
#
# ## What we learned
#
# - A space is data; features and augmentation can be searched like everything else.
# - A search finds what is best for the epochs it gives: a short race has another winner.
# - Hyperband starts many, lets the best go on, and does so at several lengths.
# - Workers share a search, on one machine or many; short trials gain nothing.
# - The best of many is flattered by luck. Confirm it, then use the test side once.
#
# **Further reading:** L. Li and others, *Hyperband: a novel bandit-based approach to hyperparameter
# optimization*, JMLR 2018. J. Bergstra and Y. Bengio, *Random search for hyper-parameter
# optimization*, JMLR 2012. G. Cawley and N. Talbot, *On over-fitting in model selection and
# subsequent selection bias in performance evaluation*, JMLR 2010.

# %% [markdown]
# ## Hand in
#
# Put your name between the quotes.

# %%
labs.score("")
