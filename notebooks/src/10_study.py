# %% [markdown]
# # 10 Studies: many runs from one form
#
# {badge}
# **Question:** which features go with which network, and how sure can one be?
#
# **Needs:** no downloads, no GPU; notebooks 01 and 03 first are a good idea. **Time:** about eight
# minutes on two cores, and half a minute more where the built-in corpus has to be made first.
#
# **You will:** write a study of many runs as one piece of data, pull its plug half-way and go on,
# let two processes share it, read its table and heat map, test differences in pairs and pay for
# every question you ask, look at a published grid with other eyes, and choose the best of many
# equals, on purpose.

# %% tags=["setup"]

# %% [markdown]
# ## 1. Switches
#
# `CORPUS` can be any corpus of twelve speakers or more, for instance `"ravdess"`. Runs go to `OUT`.
# On Colab, a folder of the mounted Drive outlives a disconnection: run the notebook again, and
# finished runs are opened, a broken one goes on from its last epoch.

# %%
import io
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Image, display
from matplotlib.figure import Figure
from PIL import Image as Pixels

import serkeras
from serkeras import labs, studies

# Not `setLevel`: TensorFlow sets its own once it is loaded.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
FAST = bool(os.environ.get("SERKERAS_FAST"))  # the automatic test of this notebook: less data

CORPUS = "synthetic"  # or "ravdess", "cremad", ...
OUT = "studies"  # or "/content/drive/MyDrive/studies", after google.colab.drive.mount(...)
BLUE, ORANGE, GREEN, VERMILION, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#8C8C8C"

# %% [markdown]
# A helper for this page: figures are kept in few colours, so that the file stays small.


# %%
def show(figure, dpi=80):
    """Display a figure with 64 colours: a fraction of the bytes."""
    png, small = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=dpi)
    drawn = Pixels.open(png).convert("RGB").quantize(64, Pixels.Quantize.MAXCOVERAGE)
    drawn.save(small, format="png", optimize=True)
    display(Image(small.getvalue(), format="png"))


# %% [markdown]
# A GPU or TPU is used where there is one. The networks of this notebook are so small that a
# processor is as quick: two processes on two cores are the better plan here.

# %%
from serkeras.training import accelerator

print(accelerator.describe())

# %% [markdown]
# ## 2. A study is data
#
# "MFCC are better than chroma" is not a sentence that one run can carry. Better with *which*
# model? For *which* speakers? By *how much*, and would it be so again? To answer, every model must
# meet every feature, on the same clips, several times. That is a grid of runs, and a grid is best
# written down, not typed. The five keys below are all there is: **recipes x features x splits x
# seeds**, and settings that all of them share.
#
# Two recipes are classical (they see statistics over time), two are small networks of report S0:
# `issa` takes features averaged over time, `cnn5` takes them as a picture.

# %%
form = {
    "name": "small-grid",
    "about": "Loudness, chroma, MFCC and a stack of two, for four recognisers.",
    "data": [CORPUS],
    "recipes": [
        "svm",
        {"recipe": "random-forest", "settings": {"model.settings.n_estimators": 100}},
        {"recipe": "issa", "settings": {"training.learning_rate": 1e-3, "training.epochs": 12}},
        {"recipe": "cnn5", "settings": {"training.learning_rate": 1e-3, "training.epochs": 5}},
    ],
    "features": ["rms", "chroma", "mfcc", "mfcc+chroma"],
    "splits": [{"label": "3-fold", "folds": [f"speaker-kfold:{k}/3" for k in (1, 2, 3)]}],
    "seeds": [0],
    "settings": {"audio.duration_s": 1.5, "features.n_mfcc": 20, "training.batch_size": 32},
}
for entry, name in zip(form["recipes"][1:], ("forest", "issa", "cnn5"), strict=True):
    entry["label"] = name  # what tables call it; the default names the settings too
form["recipes"][3]["settings"] |= {"features.frames": 48, "model.settings.padding": "same"}

# %% [markdown]
# Not every pair makes sense. Loudness (`rms`) is one number a frame: no picture, and nothing to
# pool. A rule under `where` leaves such cells out, and must say why. Rules can also give some
# cells settings of their own.

# %%
form["where"] = [
    {"recipe": ["issa", "cnn5"], "features": "rms", "skip": "one bin is no picture for a network"}
]
if FAST:
    form |= {"recipes": ["svm", form["recipes"][1]], "features": ["rms", "mfcc"]}
    form |= {"splits": ["speaker"], "where": []}
Path("study.json").write_text(json.dumps(form, indent=2))
study = studies.load("study.json")
cells = studies.expand(study)
print(f"{len(cells)} runs, among them:")
for cell in cells[:: max(1, len(cells) // 5)]:
    print("  ", cell.id)

# %% [markdown]
# Nothing is trained yet, but the form has been checked: a misspelt recipe, an unknown feature or
# two cells that would be the same experiment are refused now and not after a night.

# %%
try:
    studies.Study.from_dict(form | {"splitts": ["random"]})
except ValueError as error:
    print(error)

# %% [markdown]
# ## 3. Pull the plug
#
# A study runs for hours, and something always happens: a laptop is closed, Colab disconnects, the
# cluster's time is up. Below **another process** begins with the runs of `svm`, by the same command
# that you would type in a terminal. After two of them we kill it, in the midst of the third.

# %%
FOLDER = Path(OUT) / study.name


def standing():
    """Count the runs of the study by how far they are."""
    found, _ = studies.states(study, FOLDER)
    return pd.Series([state.kind for state in found]).value_counts().to_dict()


command = [sys.executable, "-m", "serkeras", "study", "run", "study.json"]
first = subprocess.Popen(
    [*command, "--out", str(FOLDER), "--only", "svm/*", "--quiet"],
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
)
enough = 1 if FAST else 2
while first.poll() is None:
    now = standing()
    if now.get("finished", 0) >= enough and "running" in now:
        break
    time.sleep(0.1)
first.kill()
first.wait()
print(standing())

# %% [markdown]
# What is finished is finished, and what was under way is known as *interrupted*. No cell is marked
# as busy for ever: the mark is a lock that dies with its process.
#
# ## 4. Two processes share the rest
#
# The same study again, now by two processes (`--jobs 2` in a terminal). There is no chief. Each
# process takes the next cell that nobody holds. It is the same when you give the command in two
# terminals, or on two machines that share the folder.

# %%
began = time.time()
states = studies.run(study, FOLDER, jobs=2, progress=False)
print(standing(), f"after {time.time() - began:.0f} s more")
for state in states:
    if state.kind == "failed":
        print(state.cell.id, state.note)

# %% [markdown]
# Who did what? Each worker keeps a log of what it began, and each run folder knows when it was
# begun and ended.

# %%
workers = {"killed": []}
for log in sorted((FOLDER / "logs").glob("*.log")):
    lines = log.read_text(errors="replace").splitlines()
    workers[f"process {len(workers)}"] = [
        line.removeprefix("began: ") for line in lines if line.startswith("began: ")
    ]
known = {cell for done in workers.values() for cell in done}
workers["killed"] = [state.cell.id for state in states if state.cell.id not in known]
spans = []
for name, done in workers.items():
    for state in states:
        if state.cell.id in done:
            ended = (state.folder / "metrics.json").stat().st_mtime
            since = (state.folder / "experiment.json").stat().st_mtime
            spans.append((name, state.cell.recipe, since, ended))
spans = pd.DataFrame(spans, columns=["process", "recipe", "since", "ended"])

# %% [markdown]
# Drawn over time, a line for each process:

# %%
figure = Figure((9, 1.2 + 0.45 * spans["process"].nunique()), layout="constrained")
axis = figure.subplots()
colours = {"svm": BLUE, "forest": GREEN, "issa": ORANGE, "cnn5": VERMILION}
zero = spans["since"].min()
for recipe, part in spans.groupby("recipe", sort=False):
    width = part["ended"] - part["since"]
    axis.barh(
        part["process"], width, left=part["since"] - zero, color=colours[recipe],
        edgecolor="white", label=recipe,
    )  # fmt: skip
axis.invert_yaxis()
axis.set(title="Who trained what", xlabel="time since the first run began (s)")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
show(figure)

# %% [markdown]
# Each bar is one run. Before their first bar the two new processes import TensorFlow, which is why
# sharing pays for a study of minutes and not for one of seconds. And **asked again, nothing is
# trained again**:

# %%
began = time.perf_counter()
studies.run(study, FOLDER, progress=False)
print(f"{len(cells)} finished runs found in {time.perf_counter() - began:.1f} s")

# %% [markdown]
# ## 5. The table
#
# One row for each recipe with each feature: mean and deviation over its runs. Here a run is a fold,
# so the deviation tells how differently groups of speakers fare. It is *not* how wrong the mean may
# be.

# %%
table = pd.read_csv(FOLDER / "table.csv")
shown = table[["features", "recipe", "split", "runs"]].copy()
for name in ("uar", "validation_accuracy"):
    shown[f"{name} (%)"] = (100 * table[f"{name}_mean"]).round(1)
    shown[f"± {name}"] = (100 * table[f"{name}_sd"]).round(1)
shown.sort_values("uar (%)", ascending=False, ignore_index=True)

# %% [markdown]
# As a picture. Hatched cells are those that the rule left out. Read it by columns first: which
# features suit *this* recogniser? Then by rows. Is there one order of the features for all?

# %%
from serkeras.studies import heatmap
from serkeras.studies.cells import left_out

percent = 100 * table["uar_mean"]
limits = 5 * np.floor(percent.min() / 5), 5 * np.ceil(percent.max() / 5 + 0.01)
split = study.splits[0].label
show(heatmap.draw(study, split, table, left_out(study), limits), dpi=85)

# %% [markdown]
# `report.md` in the folder of the study holds all of this on one page, with the command that makes
# it again; `rows.csv` has one line a run for your own statistics.
#
# ## 6. Is it a difference?
#
# Two cells of a heat map differ. So do two runs of one cell. Three things make a comparison fair:
#
# 1. **Pairs.** Both rows judged the *same* clips. Hard clips and hard voices are hard for both, and
#    leave the difference.
# 2. **Speakers, not clips.** Thirty clips of one voice are not thirty witnesses. We resample and
#    exchange whole speakers.
# 3. **A price for each question.** Who asks a hundred questions of nothing at all gets about five
#    times yes.
#
# One planned question first: *does chroma add anything to MFCC, for the SVM?*

# %%
question = ("svm/mfcc", "svm/rms") if FAST else ("svm/mfcc+chroma", "svm/mfcc")
from serkeras.studies.comparison import describe

answer = studies.compare(study, *question, out=FOLDER)
print(describe(answer))

# %% [markdown]
# Why in pairs? The figure has, above, each row with an interval of its own: they overlap,
# and would still do so if one were better for every single speaker. Below is the interval of the
# *difference*, from the same resamples for both.

# %%
from serkeras.evaluation import resampling


def answers(row):
    """Return what a row said of all test clips, by clip."""
    recipe, features = row.split("/")
    runs = [s.folder for s in states if (s.cell.recipe, s.cell.features) == (recipe, features)]
    found = pd.concat([serkeras.Run(folder).predictions for folder in runs])
    return found.sort_values("clip", ignore_index=True)


a, b = (answers(row) for row in question)
right_a, right_b = (100.0 * (said["emotion"] == said["predicted"]) for said in (a, b))


def accuracies(rows):
    """Accuracy of both and their difference, of some rows."""
    first, second = right_a.to_numpy()[rows].mean(), right_b.to_numpy()[rows].mean()
    return {question[0]: first, question[1]: second, "difference": first - second}


# %% [markdown]
# The same speakers drawn for both, 500 times:

# %%
found, _ = resampling.figures(accuracies, a["speaker"], n_boot=500)
figure = Figure((8, 2.6), layout="constrained")
axes = figure.subplots(2, 1, height_ratios=(2, 1))
for axis, names in zip(axes, (list(question), ["difference"]), strict=True):
    colours = ["black"] if len(names) == 1 else [BLUE, VERMILION]
    for name, colour in zip(names, colours, strict=True):
        low, high, value = (found[name][key] for key in ("low", "high", "value"))
        axis.plot([low, high], [name, name], color=colour, linewidth=3)
        axis.plot(value, name, "o", color=colour)
    axis.margins(y=0.4)
axes[0].set(title="Each by itself, and the two in pairs (95 %)", xlabel="accuracy (%)")
axes[1].axvline(0, color=GREY, linestyle=":")
axes[1].set_xlabel("difference (points)")
show(figure)

# %% [markdown]
# ## 7. Every question costs
#
# `compare_all` tests every two rows. With *m* rows these are *m(m-1)/2* questions, and Holm's
# correction makes each pay: the smallest p is multiplied by the number of tests, the next by one
# less, and so on. What remains below 0.05 may be believed *together*: the chance of even one false
# finding among them is 5 %.

# %%
pairs = studies.compare_all(study, out=FOLDER)
count = len(pairs)
below = {name: int((pairs[name] < 0.05).sum()) for name in ("uar_p", "uar_p_holm")}
print(f"{count} pairs; p < 0.05: {below['uar_p']}, after Holm's correction: {below['uar_p_holm']}")
units = pairs["units"].max()
print(f"smallest p that {units} speakers allow: {2.0 ** (1 - units):.2g}")
first_few = pairs[["a", "b", "uar_difference", "uar_p", "uar_p_holm"]].head(5)
first_few.map(lambda value: value if isinstance(value, str) else f"{value:.2g}")

# %% [markdown]
# All of them in one picture: how far the row on the left lies above the row below. A full dot is a
# difference that stands after Holm's correction, a ring one that would stand alone only.

# %%
rows = list(dict.fromkeys([*pairs["a"], *pairs["b"]]))
above = np.full((len(rows), len(rows)), np.nan)
figure = Figure((9, 1.6 + 0.36 * len(rows)), layout="constrained")
axis = figure.subplots()
for pair in pairs.itertuples():
    place = sorted((rows.index(pair.a), rows.index(pair.b)), reverse=True)
    sign = 1 if rows[place[0]] == pair.a else -1
    above[tuple(place)] = 100 * sign * pair.uar_difference
    face = "black" if pair.uar_p_holm < 0.05 else "none"
    if pair.uar_p < 0.05:
        axis.scatter(place[1], place[0], s=25, facecolors=face, edgecolors="black")
limit = 1.6 * np.nanmax(np.abs(above))  # light enough for the dots
image = axis.imshow(above, cmap="PuOr", vmin=-limit, vmax=limit, aspect="auto")
axis.set_xticks(range(len(rows)), rows, rotation=60, ha="right", fontsize=8)
axis.set_yticks(range(len(rows)), rows, fontsize=8)
axis.set_title("Differences of every two rows")
for face, label in (("black", "p < 0.05 after Holm"), ("none", "p < 0.05 alone")):
    axis.scatter([], [], s=25, facecolors=face, edgecolors="black", label=label)
axis.legend(loc="upper right")
figure.colorbar(image, ax=axis, label="left row minus row below (points of UAR)")
show(figure, dpi=85)

# %% [markdown]
# Look for the rings. Alone, in a paper about just that pair, each of them would have been a
# finding. As the yield of a search through all pairs some of them are luck, and nobody can say
# which. If you care about one question, write it down before you look, and ask only that.

# %% [markdown]
# ## 8. The grid of a published study
#
# The form above is a small copy of a real one. Report S0 asked the same question of six networks
# and nineteen combinations of five features, on real recordings (RAVDESS). The kit has its grid:
# `python -m serkeras study run s0-features`. These are the figures that **the source** reports, not
# ours: accuracy on its validation side of 144 clips, with every speaker on all sides.

# %%
s0 = studies.load("s0-features")
features, networks = ([e.label for e in part] for part in (s0.features, s0.recipes))
grid = np.full((len(features), len(networks)), np.nan)
for (network, feature), percent in s0.published.values.items():
    grid[features.index(feature), networks.index(network)] = percent
figure = Figure((9, 6.2), layout="constrained")
axis = figure.subplots()
image = axis.imshow(grid, cmap="viridis", aspect="auto", vmin=20, vmax=90)
for (row, column), value in np.ndenumerate(grid):
    if not np.isnan(value):
        ink = "white" if value < 60 else "black"
        axis.text(column, row, f"{value:.1f}", ha="center", va="center", color=ink, fontsize=8)
labels = [name.replace("spectral_contrast", "contrast").replace("+", " + ") for name in features]
axis.set_xticks(range(len(networks)), networks)
axis.set_yticks(range(len(features)), labels, fontsize=8)
axis.set_title("Report S0 (real recordings): published validation accuracy (%)")
figure.colorbar(image, ax=axis, label="accuracy (%)")
show(figure)

# %% [markdown]
# What the picture shows: the best cell of every network is a stack, but many stacks lie below MFCC
# alone, which is the single feature that small networks do best with. Two of the three large
# networks that come from photographs (the last two columns) lead nearly everywhere, the third,
# `vit-b16`, does not; and no one stack is best for all. The brightest cell was then taken on.
#
# Now ask of it what we asked of ours. It is the best of how many cells? On how many clips? And
# what did the *test* side say of the winners? The recipes keep both figures.

# %%
both = {}
for name in serkeras.recipes.names():
    published = serkeras.recipes.describe(name).get("published") or {}
    ours = published.get("data", "").startswith("RAVDESS, 8 classes, random 80/10/10")
    if ours and {"validation_accuracy", "accuracy"} <= set(published):
        both[name] = 100 * published["validation_accuracy"], 100 * published["accuracy"]
falls = [test - validation for validation, test in both.values()]
print(f"{sum(fall < 0 for fall in falls)} of {len(falls)} fall; mean {np.mean(falls):.1f} points")

# %% [markdown]
# A line for each. Names that would lie on each other are moved apart as little as needed, and a
# grey line leads from each dot to its name:


# %%
def apart(places, gap):
    """Return rising places moved up and down until each two are `gap` apart."""
    places = np.array(places, float)
    for _ in range(500):
        push = np.maximum(gap - np.diff(places), 0) / 2
        places[:-1] -= push
        places[1:] += push
    return places


ranked = sorted(both, key=lambda name: both[name][1])
heights = apart([both[name][1] for name in ranked], 4.2)
figure = Figure((7, 4.6), layout="constrained")
axis = figure.subplots()
for name, height in zip(ranked, heights, strict=True):
    validation, test = both[name]
    colour = VERMILION if test < validation else BLUE
    axis.plot([0, 1], [validation, test], "o-", color=colour, alpha=0.8)
    axis.plot([1.03, 1.11], [test, height], color=GREY, linewidth=0.7)
    axis.text(1.13, height, name, va="center", fontsize=8)
axis.set(xlim=(-0.2, 1.7), ylim=(0, 100), ylabel="published accuracy (%)")
axis.set_xticks([0, 1], ["validation side,\nwhich chose", "test side,\nasked afterwards"])
axis.hlines(100 / 8, -0.2, 1.03, color=GREY, linestyle=":", label="guessing")
axis.set_title("Report S0 (real recordings): the chosen ones, before and after")
axis.legend(loc="lower left")
show(figure)

# %% [markdown]
# Nearly all fall. For those that end at guessing something else must have gone wrong (a test side
# that was scaled differently, say). For the rest, part of the fall is the price of having been
# *chosen*. The next section shows how large that price is when nothing else is going on.

# %% [markdown]
# ## 9. Break it: choose the best of many equals
#
# We make sixty "systems" that are **all the same**: a small forest on the same features, trained on
# the same speakers. Only the number that its chance starts from differs; before training none has a
# reason to be better. But one of them will look best on the test side, and that is the one that
# would be published.
#
# A second group of speakers, whom nobody has ever used, then judges all sixty again.

# %%
from serkeras.config import AudioConfig
from serkeras.models.frame_statistics import FrameStatistics

clips = serkeras.datasets.load(CORPUS)
if FAST:
    clips = clips[clips["speaker"].isin(sorted(clips["speaker"].unique())[::3])]
audio = AudioConfig(sample_rate=16000, duration_s=2.0)
waves = np.stack([serkeras.audio.load_clip(path, audio) for path in clips["path"]])
mfcc = serkeras.features.mfcc(waves, sample_rate=16000, n_mfcc=20)
x = FrameStatistics().transform(mfcc[..., None])
y, speaker = clips["emotion"].to_numpy(), clips["speaker"].to_numpy()
people = np.random.default_rng(4).permutation(np.unique(speaker))
sixth = max(2, len(people) // 6)
groups = {"test": people[:sixth], "never used": people[sixth : 2 * sixth]}
learned = np.isin(speaker, people[2 * sixth :])
print({name: list(group) for name, group in groups.items()}, f"{learned.sum()} clips to learn from")

# %% [markdown]
# The sixty, with nothing but the number in `random_state` between them:

# %%
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import balanced_accuracy_score  # the mean of the recalls: UAR

SYSTEMS = 20 if FAST else 60
scores = {name: [] for name in groups}
for number in range(SYSTEMS):
    forest = RandomForestClassifier(n_estimators=10, random_state=number)
    forest.fit(x[learned], y[learned])
    for name, group in groups.items():
        side = np.isin(speaker, group)
        scores[name].append(100 * balanced_accuracy_score(y[side], forest.predict(x[side])))
scores = pd.DataFrame(scores)
best = scores["test"].idxmax()

# %% [markdown]
# Left: the sixty on both groups. What is left of the winner's lead? Right: how much the best of *k*
# such systems shows, if one tries only *k* of them.

# %%
rng = np.random.default_rng(0)
sizes = np.unique(np.geomspace(1, SYSTEMS, 12).astype(int))
draws = {
    size: [scores["test"].iloc[rng.choice(SYSTEMS, size, replace=False)].max() for _ in range(400)]
    for size in sizes
}
figure = Figure((10, 3.8), layout="constrained")
left, right = figure.subplots(1, 2)
left.scatter(scores["test"], scores["never used"], color=BLUE, s=18, label="a system")
chosen = scores.loc[best]
left.scatter(*chosen, color=VERMILION, s=70, marker="D", label="best on the test side")
for which, line in (("test", left.axvline), ("never used", left.axhline)):
    line(scores[which].mean(), color=GREY, linestyle=":")
left.set(xlabel="UAR on the test side (%)", ylabel="UAR on unused speakers (%)")
left.set_title(f"{SYSTEMS} systems that are all the same")
left.legend()
middle = [np.mean(draws[size]) for size in sizes]
low, high = (np.array([np.quantile(draws[size], q) for size in sizes]) for q in (0.05, 0.95))
right.fill_between(sizes, low, high, color=VERMILION, alpha=0.25, label="90 % of draws")
right.plot(sizes, middle, "o-", color=VERMILION, label="mean of the best")
right.axhline(scores["test"].mean(), color="black", linestyle=":", label="what each is worth")
right.set(xscale="log", xlabel="systems tried (k)", ylabel="UAR of the best, test side (%)")
right.set_title("What luck alone gives")
right.set_xticks(sizes[::3], sizes[::3])
right.legend(loc="lower right")
show(figure)
gain = scores["test"].max() - scores["test"].mean()
told = chosen["never used"] - scores["never used"].mean()
print(f"the best against the mean of its equals: {gain:+.1f} points; elsewhere {told:+.1f}")

# %% [markdown]
# This is the **winner's curse**: who wins a contest of equals has been lucky, and most of the luck
# does not come along. What is left elsewhere may be real, forests that were drawn differently are
# not quite the same, but one more group of four speakers cannot say so. With more cells in the
# grid, more seeds, more evenings, the best figure rises, and nothing has become better. It is why
# this kit gives mean and deviation of a row, chooses on the validation side, and asks the test side
# afterwards.

# %% [markdown]
# ## 10. Exercises
#
# **10.1** How many runs does a study have? Write `count_runs(form)` for a form like the one in
# section 2: every recipe meets every feature, on every fold of every split, with every seed, less
# those that a `skip` rule leaves out. A rule names a recipe or a list of them, features or a list,
# or both; what it does not name it does not ask for. `recipes` and `features` are plain names here,
# a split is a name (one fold) or a dictionary with `folds`.


# %%
def count_runs(form):
    """Return the number of runs of a study's form."""
    # <solution>
    folds = sum(len(s["folds"]) if isinstance(s, dict) else 1 for s in form["splits"])

    def named(rule, key, value):
        wanted = rule.get(key, value)
        return value in (wanted if isinstance(wanted, list) else [wanted])

    pairs = 0
    for recipe in form["recipes"]:
        for feature in form["features"]:
            skipped = any(
                named(rule, "recipe", recipe) and named(rule, "features", feature)
                for rule in form.get("where", [])
                if "skip" in rule
            )
            pairs += not skipped
    return pairs * folds * len(form["seeds"])
    # </solution>


labs.check("10.1", count_runs)

# %% [markdown]
# **10.2** Write Holm's correction. Sort the p-values. Multiply the smallest by their number, the
# next by one less, and so on. None may become smaller than the one before it, and none larger than
# 1. Give them back in the order in which they came.


# %%
def holm(p_values):
    """Return p-values corrected by Holm's rule, in the order given."""
    # <solution>
    p_values = np.asarray(p_values, dtype=float)
    order = np.argsort(p_values)
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected
    # </solution>


labs.check("10.2", holm)

# %% [markdown]
# **10.3** Choose honestly. `rows` is a DataFrame with one line a run: `recipe`, `seed`,
# `validation`, `test`. Return the recipe with the best *mean over its seeds* where one may look,
# and the figure that a paper may print for it: the mean of its test figures. (A tuple of name and
# number.)


# %%
def honest_choice(rows):
    """Return the chosen recipe and its test figure."""
    # <solution>
    means = rows.groupby("recipe")[["validation", "test"]].mean()
    name = means["validation"].idxmax()
    return name, means.loc[name, "test"]
    # </solution>


labs.check("10.3", honest_choice)

# %% [markdown]
# **10.4** (open) Take `form` of section 2 with `"seeds": [0, 1, 2]` and look at one cell only: how
# much do its runs on the *same* fold differ? Compare that with the differences in the heat map.
#
# **10.5** (open) `python -m serkeras study show s0-features > my.json` writes S0's form. Cut it
# down to one network and five features, put your own corpus into `data`, and write down *before*
# you run it which single question you will ask of it.

# %%
labs.score("")

# %% [markdown]
# ## What we learned
#
# - A grid of runs is data: one form, checked before anything is trained.
# - A study survives its process, and any number of processes share it.
# - Rows that judged the same clips are compared in pairs, by speaker.
# - Every question costs. Holm's correction is the price list.
# - The best of many equals looks better than all of them. Choose on validation, test afterwards.
#
# **Further reading:** S. Holm, *A simple sequentially rejective multiple test procedure*,
# Scandinavian Journal of Statistics 6, 1979. J. Demšar, *Statistical comparisons of classifiers
# over multiple data sets*, Journal of Machine Learning Research 7, 2006. G. Cawley and N. Talbot,
# *On over-fitting in model selection and subsequent selection bias in performance evaluation*,
# Journal of Machine Learning Research 11, 2010. D. Issa, M. F. Demirci and A. Yazici, *Speech
# emotion recognition with deep convolutional neural networks*, Biomedical Signal Processing and
# Control 59, 2020.
