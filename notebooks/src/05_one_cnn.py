# %% [markdown]
# # 05 One CNN: how it hears, and when it learns by heart
#
# {badge}
# **Question:** how does a convolutional network hear, and when does it learn its training clips by
# heart instead of emotions?
#
# **Needs:** no downloads; notebooks 01 and 03 first are a good idea. **Time:** about three minutes
# on two cores, and half a minute more where the built-in corpus has to be made first.
#
# **You will:** slide a kernel over a spectrogram by hand, find out how much of a clip one cell
# sees, count parameters, build a network in a few lines, watch it learn three speakers by heart,
# measure what helps, look at its filters, stop a training and go on, and choose an epoch by the
# wrong side on purpose.

# %% tags=["setup"]

# %% [markdown]
# ## 1. Switches, and what computes here
#
# `CORPUS` can be any corpus of 20 speakers or more, for instance `"ravdess"`; set the runtime to
# GPU first. Runs go to `OUT`. On Colab, a folder of the mounted Drive outlives a disconnection:
# run the notebook again, and finished runs are opened, a broken one goes on from its last epoch.
#
# The kit looks for a GPU or TPU and says which precision suits it: bfloat16 on new ones, float16
# on older ones, float32 on processors. All trainings below use it.

# %%
import io
import json
import logging
import os
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import PIL.Image
from IPython.display import display
from matplotlib.figure import Figure

import serkeras
from serkeras.training import accelerator

# Not `setLevel`: TensorFlow sets its own once it is loaded.
logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.ERROR)
FAST = bool(os.environ.get("SERKERAS_FAST"))  # the automatic test of this notebook: less of all

CORPUS = "synthetic"  # or "ravdess", "cremad", ...
OUT = "runs"  # or "/content/drive/MyDrive/runs", after google.colab.drive.mount("/content/drive")
BLUE, VERMILION, GREEN, ORANGE, GREY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#8C8C8C"

on_device = accelerator.settings()
print(accelerator.describe())


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
# ## 2. What goes in
#
# Two seconds of sound as a log-Mel spectrogram: 32 bands, 64 frames, one number each, in decibels.
# (2.016 s, to be exact. Section 5 shows what the 16 ms are for.) To the network it is a grey
# picture. Six speakers are the *test* side, four the *validation* side; from the others the
# training side will be drawn, few or many of them. Nobody changes sides.

# %%
from serkeras.config import AudioConfig, FeatureConfig

audio = AudioConfig(sample_rate=16000, duration_s=2.016)
features = FeatureConfig(name="log_mel", n_mels=32)
clips = serkeras.datasets.load(CORPUS)
people = sorted(clips["speaker"].unique())
tested, judges, others = people[:6], people[6:10], people[10:24]
if FAST:
    tested, judges, others = people[:2], people[2:4], people[4:10]


def spoken_by(names):
    """Return the clips of some speakers."""
    return clips[clips["speaker"].isin(names)].reset_index(drop=True)


def pictures_of(table):
    """Return log-Mel spectrograms `(clips, bands, frames, 1)`."""
    waves = np.stack([serkeras.audio.load_clip(path, audio) for path in table["path"]])
    return serkeras.features.compute(waves, features, 16000)[..., None]


learned = spoken_by(others)
x_learned = pictures_of(learned)
print("training side, at most:", x_learned.shape)

# %% [markdown]
# ## 3. A kernel by hand
#
# A convolution lays a small table of weights, the *kernel*, on every place of the picture,
# multiplies what lies under it and adds up. The result is large where the picture looks like the
# kernel. That is all, and ten lines of NumPy do it:


# %%
def convolve(picture, kernel):
    """Slide a kernel over a picture `(bands, frames)`; zeros outside keep the size."""
    above, left = (side // 2 for side in kernel.shape)
    padded = np.pad(picture, ((above, above), (left, left)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return (windows * kernel).sum(axis=(2, 3))


is_loud = learned["emotion"].isin(["surprise", "happy"]).to_numpy()
picture = x_learned[np.flatnonzero(is_loud)[-1], :, :, 0]
picture = (picture - picture.mean()) / picture.std()
kernels = {
    "something begins": np.outer([1, 1, 1], [-1, 0, 1]),
    "a level line": np.outer([-1, 2, -1], [1, 1, 1]),
    "a rising line": 3 * np.eye(3) - 1,
}
layer = keras.layers.Conv2D(1, 3, padding="same", use_bias=False)
layer.build((None, 32, 64, 1))
for name, kernel in kernels.items():
    layer.set_weights([kernel[:, :, None, None]])
    theirs = keras.ops.convert_to_numpy(layer(picture[None, :, :, None]))[0, :, :, 0]
    difference = np.abs(theirs - convolve(picture, kernel)).max()
    print(f"{name:17} largest difference to Keras {difference:.0e}")

# %% [markdown]
# Where do the three kernels respond? Negative sums are set to 0: the *ReLU*.

# %%
figure = Figure((12, 2.9), layout="constrained")
axes = figure.subplots(1, 4, sharey=True)
extent = (0, 2.016, 0, 32)
axes[0].imshow(picture, origin="lower", aspect="auto", cmap="magma", extent=extent)
axes[0].set(title="the picture", ylabel="mel band", xlabel="time (s)")
for axis, (name, kernel) in zip(axes[1:], kernels.items(), strict=True):
    response = np.maximum(convolve(picture, kernel), 0)
    axis.imshow(response, origin="lower", aspect="auto", cmap="gray", extent=extent)
    axis.set(title=name, xlabel="time (s)")
    inset = axis.inset_axes([0.74, 0.68, 0.24, 0.3])
    inset.imshow(kernel, origin="lower", cmap="RdBu_r", vmin=-2, vmax=2)
    inset.set(xticks=[], yticks=[])
figure.suptitle("Three kernels (small pictures; red is positive) and where each of them responds")
figure

# %% [markdown]
# Bright is where the kernel found what it looks for. A network does not know such kernels. It
# starts with random ones, and training turns them into what lowers the loss. And because the same
# kernel goes everywhere, a cry is found whether it comes early or late.
#
# ## 4. How much of a clip does one cell see?
#
# One kernel of 3 x 3 sees three frames. The network stacks them and puts *poolings* between: of
# 2 x 2 cells only the largest goes on. A cell deep inside thus stands for a large piece of the
# clip, its **receptive field**. How large? From layer to layer: a kernel of size k adds (k - 1)
# steps of the present width; a stride multiplies the width of a step.
#
# That is exercise 5.1. But do not believe a formula: poke. Below is a stack of the kit's layout,
# with weights of 1 everywhere. Each input cell in turn is set to 1, and we look whether one cell in
# the middle of the output notices.

# %%
STACK = [(3, 1), (2, 2), (3, 1), (4, 4), (3, 1)]  # convolution, pooling, convolution, ...


def stack(depth, bands=32, frames=64):
    """Build the first `depth` layers, all weights 1."""
    network = keras.Sequential([keras.Input((bands, frames, 1))])
    for size, stride in STACK[:depth]:
        ones = {"kernel_initializer": "ones", "padding": "same", "use_bias": False}
        is_pooling = stride > 1
        network.add(keras.layers.MaxPooling2D(size) if is_pooling else
                    keras.layers.Conv2D(1, size, **ones))  # fmt: skip
    return network


pokes = np.eye(32 * 64, dtype="f4").reshape(-1, 32, 64, 1)
seen = {}
for depth in (1, 3, 5):
    noticed = stack(depth).predict(pokes, batch_size=256, verbose=0)
    rows, columns = noticed.shape[1:3]
    seen[depth] = noticed[:, rows // 2, columns // 2, 0].reshape(32, 64) > 0

# %% [markdown]
# Yellow is what the one cell noticed: its receptive field. (The last one would have as many bands
# as frames, but the picture ends.)

# %%
figure = Figure((11, 2.7), layout="constrained")
for axis, (depth, cells) in zip(figure.subplots(1, 3, sharey=True), seen.items(), strict=True):
    axis.imshow(picture, origin="lower", aspect="auto", cmap="gray", extent=extent, alpha=0.6)
    cover = np.ma.masked_where(~cells, np.ones(cells.shape))
    axis.imshow(cover, origin="lower", aspect="auto", cmap="Wistia", extent=extent, alpha=0.6)
    wide, high = cells.any(axis=0).sum(), cells.any(axis=1).sum()
    axis.set(title=f"after {depth} layers: {high} bands, {wide} frames", xlabel="time (s)")
figure.axes[0].set_ylabel("mel band")
figure.suptitle("What one cell sees (yellow)")
figure

# %% [markdown]
# The frames are 32 ms apart. After the third convolution a cell sees about a second: a few
# syllables, enough for a rise of pitch, not for the melody of a sentence. What is further apart is
# put together by the last pooling, which keeps only the largest answer of a filter and forgets
# where it was.
#
# ## 5. Counting parameters
#
# A kernel of 3 x 3 on `c` channels has 9 c weights and a bias; a layer has one such kernel a
# filter. Batch normalisation learns a scale and a shift a filter and keeps a mean and a variance.
# The kit's `cnn`, layer by layer:

# %%
network = serkeras.models.build("cnn", input_shape=(32, 64, 1), num_classes=7)
rows = [
    (each.name, str(each.output.shape[1:]), each.count_params())
    for each in network.layers
    if each.count_params() or "pool" in each.name
]
table = pd.DataFrame(rows, columns=["layer", "shape of its output", "parameters"])
print(f"in all {network.count_params():,}; by hand, the second convolution:", (9 * 16 + 1) * 32)
table

# %% [markdown]
# Very few: a dense layer of 512 units on the picture itself would have more than a million. Sharing
# a kernel over all places is what keeps a CNN small.
#
# Look at the shapes, too. 64 frames become 32, 8 and 2, and nothing is left over. A pooling drops
# what does not fill a whole window. What would a clip of exactly two seconds lose? It has 63
# frames, one too few. Poke again: change one frame at a time, and look whether any feature moves.


# %%
def heard(frames):
    """Return for each frame of a clip whether it changes what the poolings let through."""
    network = serkeras.models.build("cnn", input_shape=(32, frames, 1), num_classes=7)
    through = keras.Model(network.inputs, network.get_layer("block_flat").output)
    silence = np.zeros((frames + 1, 32, frames, 1), "f4")
    silence[np.arange(frames), :, np.arange(frames)] = 5
    told = through.predict(silence, verbose=0)  # the last one stays silent
    return np.abs(told[:-1] - told[-1]).max(axis=1) > 1e-6


for frames in (63, 64):
    print(f"{frames} frames: the first {heard(frames).sum()} are heard")

# %% [markdown]
# A third of every clip would be thrown away, in silence: no error, and no shape that looks wrong.
# So make lengths divide. Here both sides do, by 2 x 4 x 4 = 32.
#
# ## 6. A network in a few lines
#
# First by hand, so that nothing is hidden: normalise each band *with numbers of the training side*,
# three convolutions, average over what is left of the picture, softmax.

# %%
LABELS = sorted(clips["emotion"].unique())
mean, deviation = x_learned.mean((0, 2), keepdims=True), x_learned.std((0, 2), keepdims=True)


def normal(x):
    """Return pictures with mean 0 and deviation 1 in each band, by the training side."""
    return (x - mean) / (deviation + 1e-6)


def truth_of(table):
    """Return the number of each clip's emotion."""
    return pd.Categorical(table["emotion"], categories=LABELS).codes.astype("int32")


def by_hand(seed=0):
    """Build and compile a small CNN."""
    keras.utils.set_random_seed(seed)
    network = keras.Sequential([keras.Input((32, 64, 1))])
    for filters in (16, 32, 64):
        network.add(keras.layers.Conv2D(filters, 3, padding="same", use_bias=False))
        network.add(keras.layers.BatchNormalization(momentum=0.9))
        network.add(keras.layers.ReLU())
        network.add(keras.layers.MaxPooling2D(2))
    network.add(keras.layers.GlobalAveragePooling2D())
    network.add(keras.layers.Dense(len(LABELS), activation="softmax"))
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


# %% [markdown]
# Fit it on all training speakers, and judge it by the validation speakers after each epoch.

# %%
judged = spoken_by(judges)
x_judged = normal(pictures_of(judged))
mine = by_hand()
history = mine.fit(
    normal(x_learned),
    truth_of(learned),
    validation_data=(x_judged, truth_of(judged)),
    batch_size=16,
    epochs=2 if FAST else 12,
    verbose=0,
).history
pd.DataFrame(history).tail(3).round(2)

# %% [markdown]
# That is a speech emotion recogniser. What it lacks is everything around it: a split that is
# checked, a test side that is asked once, intervals, a report, a way to go on after a crash. The
# kit's recipe `cnn` brings that. `lists:FILE` gives it our own three sides:


# %%
def sides(names):
    """Write a split with these training speakers, and return its name."""
    groups = {"train": names, "validation": judges, "test": tested}
    values = {side: spoken_by(group)["clip"].tolist() for side, group in groups.items()}
    path = Path(OUT) / f"split-{len(names)}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))
    return f"lists:{path}"


# %% [markdown]
# To compare trainings fairly, give all of them the same number of *steps*: fewer clips go round
# more often. Some settings depart from the recipe. There are no copies and no dropout (their turn
# comes in section 8), and the rate suits these few clips. And the running means of batch
# normalisation, which a network is tested with, keep 0.9 of themselves in a step and not Keras's
# 0.99: after a few hundred steps, 0.99 is still on its way.

# %%
STEPS, BATCH = (44 if FAST else 600), 8
CONSTANT = {
    "audio": audio.to_dict(),
    "features": features.to_dict(),
    "augment.copies": 0,
    "model.settings.dropout": 0.0,
    "model.settings.batch_norm_momentum": 0.9,
    "training.learning_rate": 1e-3,
    "training.batch_size": BATCH,
    "training.retrain": False,
}


def fit(name, speakers, **asked):
    """Train `cnn`; or open what an earlier session has finished. A broken run goes on."""
    folder = Path(OUT) / name
    if (folder / "experiment.json").is_file() and serkeras.Run(folder).finished:
        return serkeras.Run(folder)
    count = len(spoken_by(others[:speakers])) * (1 + asked.get("augment.copies", 0))
    epochs = {"training.epochs": round(STEPS / np.ceil(count / BATCH))}
    settings = {**CONSTANT, **on_device, **epochs, **asked}
    settings["training.patience"] = settings["training.epochs"]
    split = sides(others[:speakers])
    return serkeras.train(
        "cnn", data=[clips], split=split, out=folder, settings=settings, progress=False
    )


# %% [markdown]
# All training speakers first:

# %%
many = len(others)
runs = {many: fit("many", many)}
runs[many]

# %% [markdown]
# ## 7. Learning by heart
#
# Now the same network with three training speakers, and with six. The steps are the same, and so
# are the test and validation speakers. Of each run the epoch with the lowest validation loss is
# kept (a dot).
#
# One more care. While it trains, a network sees its clips batch by batch, and perhaps with dropout;
# the red line is measured then. The red dot is measured as the blue line is: the kept network, in
# peace, asked about its own training clips.

# %%
for speakers in {3, 6} - set(runs):
    runs[speakers] = fit(f"speakers-{speakers}", speakers)


def by_heart(run, speakers):
    """Return the accuracy (%) on a run's own training clips, undisturbed, as a user has it."""
    own = learned["speaker"].isin(others[:speakers]).to_numpy()
    said = run.model.predict(x_learned[own], verbose=0).argmax(axis=1)
    return 100 * np.mean(np.array(run.labels)[said] == learned["emotion"].to_numpy(str)[own])


figure = Figure((11, 3), layout="constrained")
axes = figure.subplots(1, 3, sharey=True)
for axis, speakers in zip(axes, (3, 6, many), strict=True):
    curve = runs[speakers].history
    kept = curve.loc[curve["val_loss"].idxmin()]
    axis.plot(curve["epoch"], 100 * curve["accuracy"], color=VERMILION, label="training speakers")
    axis.plot(curve["epoch"], 100 * curve["val_accuracy"], color=BLUE, label="new speakers")
    axis.plot(kept["epoch"], by_heart(runs[speakers], speakers), "o", color=VERMILION)
    axis.plot(kept["epoch"], 100 * kept["val_accuracy"], "o", color=BLUE)
    uar = runs[speakers].metrics["uar"]["value"]
    axis.set_title(f"{speakers} training speakers (test UAR {100 * uar:.0f} %)")
    axis.set_xlabel("epoch")
    axis.grid(alpha=0.3)
axes[0].set_ylabel("accuracy (%)")
axes[-1].legend()
figure

# %% [markdown]
# In all three the red line comes to the top, and the red dot with it: the training clips are known,
# every one or nearly so. What the panels differ in is the blue line. With three speakers there are
# many ways to tell their clips apart that have nothing to do with emotion, and nothing in the loss
# says which ways are the good ones. That is **over-fitting**. More training does not cure it: the
# first network has gone round its clips more often than the others. More voices do.
#
# The blue line moves from epoch to epoch; with four speakers on the validation side a single epoch
# means little.
#
# ## 8. What helps? Measure it
#
# Back to three speakers. Remedies, each alone, with the same settings and steps:
#
# - **Early stopping**: keep the epoch with the lowest validation loss. All runs here do so already.
# - **Dropout**: switch a random part of the cells off in each step, so that none can rely on one.
# - **SpecAugment**: cover random bands and stretches of time; the network must use the others.
# - **Noisy copies**: two copies of each clip with white noise, as report S4 did.
# - **Other voices**: two copies with the vocal tract made longer or shorter (VTLP, notebook 04).
# - **More speakers**: the real thing.

# %%
masks = [{"name": "spec_augment", "time_width": 10, "frequency_width": 8}]
noise = [{"name": "awgn", "snr_db": [15.0, 30.0]}]
voices = [{"name": "vtlp", "alpha": [0.85, 1.15]}]
tried = {
    "dropout 0.3": {"model.settings.dropout": 0.3},
    "SpecAugment": {"augment.layers": masks},
    "noisy copies": {"augment.copies": 2, "augment.transforms": noise},
    "other voices (VTLP)": {"augment.copies": 2, "augment.transforms": voices},
}
if FAST:
    tried = {"SpecAugment": tried["SpecAugment"]}
remedies = {"nothing but early stopping": (runs[3], 3)}
for name, asked in tried.items():
    remedies[name] = fit(name.split()[0].lower(), 3, **asked), 3
remedies |= {"six speakers": (runs[6], 6), f"all {many} speakers": (runs[many], many)}

# %% [markdown]
# On the left what we want; on the right how well the training clips are known: the originals, asked
# without dropout, masks or noise.

# %%
figure = Figure((11, 3.3), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)
uars = [100 * pd.Series(run.metrics["uar"]) for run, _ in remedies.values()]
values = np.array([uar["value"] for uar in uars])
error = np.abs([[u["value"] - u["low"], u["high"] - u["value"]] for u in uars]).T
colours = [GREY, *[BLUE] * len(tried), GREEN, GREEN]
bars = left.barh(list(remedies), values, xerr=error, color=colours, capsize=3)
left.bar_label(bars, fmt="%.0f", label_type="center", color="white")
left.axvline(100 / len(LABELS), color="black", linestyle=":")
left.invert_yaxis()
left.set(title="New speakers", xlabel="test UAR (%), 95 % interval over speakers")
known = [by_heart(run, speakers) for run, speakers in remedies.values()]
bars = right.barh(list(remedies), known, color=colours)
right.bar_label(bars, fmt="%.0f", label_type="center", color="white")
right.set(title="Training clips, the kept network", xlabel="accuracy (%)")
figure

# %% [markdown]
# Read both panels together. All networks took the same steps, so no bar is longer because its
# network was trained for longer.
#
# On the right: nearly all know their training clips by heart, and a bar there says nothing about
# the one beside it. Dropout alone has kept a network from it. So strong a dropout in so small a
# network also slows it down; it would like more steps.
#
# On the left: does any blue bar stand above the grey one by more than the intervals allow? Where
# none does, nobody has shown that the remedy helps *here*; on other data, or with more steps, it
# may. Then look at the green ones. Copies of three voices stay three voices.
#
# One run each and a handful of test speakers: look at how wide the intervals are before you rank
# the blue bars. `python -m serkeras study` repeats such a comparison over seeds.

# %% [markdown]
# ## 9. The learning rate
#
# The step that every weight takes along its gradient. Three rates, each a hundred times the one
# before it, and six speakers:

# %%
slow, fast = ({"training.learning_rate": rate} for rate in (1e-5, 1e-1))
rates = {1e-3: runs[6], 1e-1: fit("rate-0.1", 6, **fast)}
if not FAST:
    rates[1e-5] = fit("rate-0.00001", 6, **slow)
figure = Figure((8, 3), layout="constrained")
axis = figure.subplots()
for (rate, run), colour in zip(rates.items(), (BLUE, VERMILION, GREY), strict=False):
    curve = run.history
    axis.plot(curve["epoch"], curve["loss"], color=colour, label=f"{rate:g}, training")
    axis.plot(curve["epoch"], curve["val_loss"], color=colour, linestyle="--", label="validation")
axis.axhline(np.log(len(LABELS)), color="black", linestyle=":", label="guessing")
axis.set(title="Three learning rates", xlabel="epoch", ylabel="loss", ylim=(0, 4))
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% [markdown]
# Too small, and the loss creeps; nothing is wrong, it is only slow. Too large, and the steps jump
# over the valleys: the loss is noisy, may leave the picture, and ends high. Notebook 07 searches
# for the rate with method.
#
# ## 10. What its filters look for
#
# The sixteen kernels of the first layer, as the run with the most speakers has learned them, and
# what they answer to one clip. A run's model is a plain Keras model: layers can be taken out of it.

# %%
model = runs[many].model
inner = next(each for each in model.layers if isinstance(each, keras.Model))
first = inner.get_layer("block_conv1")
weights = first.get_weights()[0][:, :, 0]
inside = keras.Model(inner.inputs, [inner.get_layer(f"block_relu{n}").output for n in (1, 2, 3)])
scale = keras.Model(model.inputs, model.get_layer("scale").output)
clip = x_learned[np.flatnonzero(is_loud)[-1]][None]
answers = [keras.ops.convert_to_numpy(a)[0] for a in inside(scale(clip))]
strongest = np.argsort(-answers[0].mean((0, 1)))

figure = Figure((12, 3.2), layout="constrained")
axes = figure.subplots(2, 8)
for axis, number in zip(axes.T.flat, np.repeat(strongest[:8], 2), strict=True):
    is_top = axis in axes[0]
    if is_top:
        limit = np.abs(weights).max()
        axis.imshow(weights[..., number], origin="lower", cmap="RdBu_r", vmin=-limit, vmax=limit)
        axis.set_title(f"kernel {number + 1}", fontsize=9)
    else:
        axis.imshow(answers[0][..., number], origin="lower", aspect="auto", cmap="gray")
    axis.set(xticks=[], yticks=[])
figure.suptitle("Eight kernels of the first layer (time to the right), and where they respond")
figure

# %% [markdown]
# Some look for edges in time, some for lines, some for plain loudness; some are hard to name. Do
# not read too much into them: a different seed has different kernels and is about as right.
# Deeper layers answer to larger and rarer things. Choose a layer and a filter:

# %% tags=["widget"]
import ipywidgets


def answer_of(layer, number):
    """Draw what one filter of a layer answers."""
    shown = answers[layer - 1][..., (number - 1) % answers[layer - 1].shape[-1]]
    figure = Figure((6, 2.4), layout="constrained")
    axis = figure.subplots()
    axis.imshow(shown, origin="lower", aspect="auto", cmap="gray", extent=extent)
    axis.set(title=f"layer {layer}, filter {number}", xlabel="time (s)", ylabel="mel band")
    display(figure)


_ = ipywidgets.interact(
    answer_of,
    layer=ipywidgets.IntSlider(2, min=1, max=3),
    number=ipywidgets.IntSlider(1, min=1, max=64),
)

# %% [markdown]
# All filters of a layer at once, the largest answer at each place:

# %%
figure = Figure((11, 2.6), layout="constrained")
for axis, (depth, answer) in zip(figure.subplots(1, 3), enumerate(answers, start=1), strict=True):
    axis.imshow(answer.max(axis=2), origin="lower", aspect="auto", cmap="gray", extent=extent)
    axis.set(title=f"layer {depth}: {answer.shape[2]} filters", xlabel="time (s)", yticks=[])
figure.suptitle("The strongest answer at each place: pictures become coarser and more selective")
figure

# %% [markdown]
# ## 11. What it confuses
#
# Rows are the truth, columns what the network said. Listen to a pair that it confuses, if you run
# this notebook: is the mistake one that you would make?

# %%
from serkeras.evaluation import plots

plots.confusion(runs[many].metrics["confusion_matrix"], runs[many].labels)

# %% [markdown]
# ## 12. Stop it, and go on
#
# Colab disconnects, laptops sleep. After every epoch the kit writes the weights, the optimiser and
# the history into the run folder. Below, a thread presses the stop button once two epochs are
# there; then the same call goes on.

# %%
import _thread
import threading
import time


def stop_after(folder, epochs):
    """Press the stop button once so many epochs are written."""
    while not (folder / "history.csv").is_file():
        time.sleep(0.02)
    while len((folder / "history.csv").read_text().splitlines()) <= epochs:
        time.sleep(0.02)
    _thread.interrupt_main()


asked = {"training.epochs": 4 if FAST else 10}
folder = Path(OUT) / "interrupted"
if not folder.exists():
    threading.Thread(target=stop_after, args=(folder, 2), daemon=True).start()
try:
    fit("interrupted", 3, **asked)
except KeyboardInterrupt:
    print("stopped after epoch", len(pd.read_csv(folder / "history.csv")))

# %% [markdown]
# The same call once more. It finds what is there, and trains the rest.

# %%
resumed = fit("interrupted", 3, **asked)
print(f"{len(resumed.history)} epochs in the end; finished: {resumed.finished}")
resumed.history[["epoch", "loss", "val_loss"]].round(3).T

# %% [markdown]
# Dropout, order of clips and learning rate of epoch 3 are those that an uninterrupted run would
# have had. (A finished run is opened and not stopped: run the notebook twice and see.)
#
# ## 13. Break it: let the test side choose
#
# A tempting shortcut: why waste speakers on a validation side? Take the epoch that is best *on the
# test side*. We train the network of section 6 on three speakers, several times with different
# first weights. Two speakers are the "test side". All speakers that are left are *strangers*, who
# know the truth about every epoch.

# %%
few, small_test = spoken_by(others[:3]), spoken_by(tested[:2])
strangers = spoken_by([*others[3:], *tested[2:]])
asked = [normal(pictures_of(table)) for table in (small_test, judged, strangers)]
truths = [truth_of(table) for table in (small_test, judged, strangers)]
x_few, y_few = normal(pictures_of(few)), truth_of(few)


def accuracies(seed, epochs):
    """Return the accuracy on test, validation and strangers `(epochs, 3)` of one training."""
    network, rows = by_hand(seed), []
    for _ in range(epochs):
        network.fit(x_few, y_few, batch_size=8, verbose=0)
        said = network.predict(np.concatenate(asked), batch_size=256, verbose=0).argmax(axis=1)
        parts = np.split(said, np.cumsum([len(truth) for truth in truths])[:-1])
        rows.append([100 * np.mean(p == t) for p, t in zip(parts, truths, strict=True)])
    return np.array(rows)


trials = np.array([accuracies(seed, 2 if FAST else 16) for seed in range(1 if FAST else 4)])

# %% [markdown]
# Claim and truth, for both ways to choose:

# %%
numbers = np.arange(len(trials))
by_test, by_validation = trials[:, :, 0].argmax(axis=1), trials[:, :, 1].argmax(axis=1)
told = {
    "claim: best epoch of the test side": trials[numbers, by_test, 0],
    "the same network, strangers": trials[numbers, by_test, 2],
    "epoch chosen by validation, test side": trials[numbers, by_validation, 0],
    "the same network, strangers ": trials[numbers, by_validation, 2],
}
figure = Figure((9, 2.6), layout="constrained")
axis = figure.subplots()
means = [values.mean() for values in told.values()]
bars = axis.barh(list(told), means, color=[VERMILION, GREY, BLUE, GREY])
bars[0].set_hatch("//")
axis.bar_label(bars, fmt="%.0f", label_type="center", color="white")
for place, values in enumerate(told.values()):
    axis.plot(values, np.full(len(values), place), "o", color="black", markersize=3)
axis.invert_yaxis()
axis.set(title="Who chooses the epoch?", xlabel="accuracy (%); dots are single trainings")
figure

# %% [markdown]
# The first bar is the maximum of many draws, and a maximum is never below what the same test
# side gives for an epoch that somebody else chose. The network has not become better by it: look
# at the grey bars. The smaller the test side and the more epochs (or settings, or seeds) are tried
# on it, the larger the gift. Notebook 07 does the same with a whole search.
#
# ## 14. Exercises
#
# **5.1** The receptive field: how many input cells does one cell see, behind layers that are given
# as a list of (kernel, stride)? If it passes, it is compared with what was poked in section 4.


# %%
def receptive_field(layers):
    """Return how many input cells one cell sees behind layers of (kernel, stride)."""
    # <solution>
    size, step = 1, 1
    for kernel, stride in layers:
        size += (kernel - 1) * step
        step *= stride
    return size
    # </solution>


# %%
from serkeras import labs

if labs.check("5.1", receptive_field):
    for depth, cells in seen.items():
        poked = cells.any(axis=0).sum()
        print(f"{depth} layers: poked {poked} frames, formula {receptive_field(STACK[:depth])}")

# %% [markdown]
# **5.2** How many parameters has a convolution layer with kernels of `height` x `width`, on so
# many input channels, with so many filters, and a bias each? Compare with section 5.


# %%
def conv_parameters(height, width, channels, filters):
    """Return the number of parameters of a convolution layer with bias."""
    # <solution>
    return (height * width * channels + 1) * filters
    # </solution>


# %%
_ = labs.check("5.2", conv_parameters)

# %% [markdown]
# **5.3** Early stopping by hand. Given the validation losses of all epochs and a patience, return
# the number of the epoch that is kept, and of the epoch after which training stops (both counted
# from 1). Training stops when `patience` epochs in a row have not been below the lowest so far; if
# that never happens, with the last epoch.


# %%
def stop_early(losses, patience):
    """Return (epoch kept, last epoch trained)."""
    # <solution>
    best = 1
    for epoch, loss in enumerate(losses, start=1):
        if loss < losses[best - 1]:
            best = epoch
        if epoch - best >= patience:
            return best, epoch
    return best, len(losses)
    # </solution>


# %%
_ = labs.check("5.3", stop_early)

# %% [markdown]
# **5.4** (open, no code) A run has a training accuracy of 100 % and a validation accuracy of 55 %.
# A colleague wants to add layers, another one dropout, a third more recordings of the same
# speakers, a fourth other speakers. What would you try first, and which figure of this notebook
# says so?

# %%
labs.score()

# %% [markdown]
# ## What we learned
#
# - A kernel is a small pattern, slid over the picture. The same weights everywhere keep it small.
# - Stacked with poolings, a cell sees a piece of the clip: its receptive field can be counted.
# - A pooling drops what does not fill its window, without a word. Make lengths divide.
# - A network learns few speakers by heart. The gap between the curves shows it.
# - Remedies have to be measured, with equal steps. Other speakers are worth more than copies.
# - The epoch is chosen by validation speakers. A test side that chooses is no test side.
# - A training writes each epoch down and goes on where it stopped.
#
# **Further reading:** Y. LeCun and others, *Gradient-based learning applied to document
# recognition*, Proceedings of the IEEE 86(11), 1998. N. Srivastava and others, *Dropout: a simple
# way to prevent neural networks from overfitting*, JMLR 15, 2014. D. Park and others,
# *SpecAugment: a simple data augmentation method for automatic speech recognition*, Interspeech
# 2019. S. Ioffe and C. Szegedy, *Batch normalization: accelerating deep network training by
# reducing internal covariate shift*, ICML 2015. C. Zhang and others, *Understanding deep learning
# requires rethinking generalization*, ICLR 2017.
