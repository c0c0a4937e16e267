# %% [markdown]
# # 06 A transformer beside two CNNs, and two faults in a published number
#
# {badge}
# **Question:** what does a transformer add to convolutions, and which two faults changed a number
# that was published for such a network?
#
# **Needs:** no downloads; notebooks 01 and 05 first are a good idea. **Time:** about two minutes
# on two cores, and half a minute more where the built-in corpus has to be made first.
#
# **You will:** compute attention and a whole encoder layer in NumPy, equal to Keras; find out that
# it does not know the order of time; take a parallel network apart; look at attention maps; and
# see a network give the same clip other probabilities in other company.

# %% tags=["setup"]

# %% [markdown]
# ## 1. Switches, and what computes here
#
# `CORPUS` can be any corpus of eight speakers or more, for instance `"ravdess"`; give the network
# its full size by `SMALL = False`, and set the runtime to GPU first. Runs go to `OUT`. On Colab, a
# folder of the mounted Drive outlives a disconnection: run the notebook again, and finished runs
# are opened, a broken one goes on from its last epoch.

# %%
import io
import logging
import os
from pathlib import Path

import keras
import keras_hub
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
SMALL = True
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
# ## 2. A clip as a sequence
#
# A convolution sees a picture and looks at neighbours. A transformer sees a *sequence*: one vector
# a moment. Here a moment is a frame of 32 ms, and its vector holds the MFCC of that frame. The
# question that attention asks is: which *other* moments of this clip matter for this one, however
# far away they are? (64 frames and 32 numbers each: the poolings of the convolution blocks leave
# nothing over of either, see notebook 05, section 5.)

# %%
from serkeras.config import AudioConfig, FeatureConfig

audio = AudioConfig(duration_s=2.016 if SMALL else 3.0)
bins = 32 if SMALL else 128
features = FeatureConfig(name="mfcc", n_mfcc=bins, n_mels=max(64, bins))
clips = serkeras.datasets.load(CORPUS)
if FAST:
    clips = clips[clips["speaker"].isin(sorted(clips["speaker"].unique())[:8])]


def mfcc_of(table):
    """Return MFCC `(clips, bins, frames, 1)`."""
    waves = np.stack([serkeras.audio.load_clip(path, audio) for path in table["path"]])
    return serkeras.features.compute(waves, features, audio.sample_rate)[..., None]


chosen = clips[clips["emotion"] == "angry"].iloc[[-1]]
sequence = mfcc_of(chosen)[0, :, :, 0].T
sequence = (sequence - sequence.mean(axis=0)) / (sequence.std(axis=0) + 1e-6)
print(f"{len(sequence)} frames, a vector of {sequence.shape[1]} each")

# %% [markdown]
# ## 3. Attention in NumPy
#
# Each frame makes three vectors of its own, by three tables of weights: a **query** (what am I
# looking for?), a **key** (what have I got?) and a **value** (what do I tell whoever is
# interested?). The fit of a query to all keys becomes weights that sum to 1, by a softmax; the
# answer is the mean of the values with these weights. The division by the root of the width is for
# later (section 11).


# %%
def softmax(scores):
    """Return weights that are positive and sum to 1 along the last axis."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def attention(query, key, value):
    """Return the answers `(..., frames, width)` and the weights `(..., frames, frames)`."""
    scores = query @ np.swapaxes(key, -1, -2) / np.sqrt(query.shape[-1])
    weights = softmax(scores)
    return weights @ value, weights


# %% [markdown]
# The kit's network takes its layers from keras-hub. One of them, with random weights, and its four
# *heads*: four small attentions side by side, each with its own tables.

# %%
layer = keras_hub.layers.TransformerEncoder(64, num_heads=4, activation="relu")
theirs = keras.ops.convert_to_numpy(layer(sequence[None].astype("f4")))[0]
weight = {"/".join(each.path.split("/")[1:]): np.asarray(each) for each in layer.weights}
weight = {name.removeprefix("self_attention_layer/"): array for name, array in weight.items()}
pd.Series({name: str(array.shape) for name, array in weight.items()}).to_frame("shape").T


# %% [markdown]
# Each head makes its queries, keys and values; what the heads say is joined by a last table.


# %%
def heads(x, name):
    """Return one vector a head and frame `(heads, frames, width of a head)`."""
    return np.einsum("tf,fhd->htd", x, weight[f"{name}/kernel"]) + weight[f"{name}/bias"][:, None]


query, key, value = (heads(sequence, name) for name in ("query", "key", "value"))
answers, weights = attention(query, key, value)
joined = np.einsum("htd,hdf->tf", answers, weight["attention_output/kernel"])
joined = joined + weight["attention_output/bias"]
print("queries", query.shape, "weights", weights.shape, "sums", weights.sum(axis=-1).round(6).min())

# %% [markdown]
# ## 4. The rest of an encoder layer
#
# What attention says is *added* to what came in, so that nothing gets lost, and the sum is brought
# to mean 0 and deviation 1 (layer normalisation). Then two dense layers treat every frame alone,
# and the same again: add, normalise. That is a whole encoder layer:


# %%
def layer_norm(x, name):
    """Return frames with mean 0 and deviation 1, scaled and shifted."""
    centred = x - x.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-5)
    return scaled * weight[f"{name}/gamma"] + weight[f"{name}/beta"]


def dense(x, name):
    """Return x times weights plus bias."""
    return x @ weight[f"{name}/kernel"] + weight[f"{name}/bias"]


attended = layer_norm(sequence + joined, "self_attention_layer_norm")
thought = dense(np.maximum(dense(attended, "feedforward_intermediate_dense"), 0),
                "feedforward_output_dense")  # fmt: skip
ours = layer_norm(attended + thought, "feedforward_layer_norm")
print(f"largest difference between NumPy and Keras: {np.abs(ours - theirs).max():.1e}")

# %% [markdown]
# Equal, but for rounding. Nothing else is in it.
#
# ## 5. It does not know what came first
#
# Look at the formulas again: nowhere does the *number* of a frame appear. Shuffle the frames of a
# clip, and each frame gets the same answer as before, at its new place. The mean over time, which
# is what the kit's network takes, does not change at all:

# %%
shuffled = sequence[np.random.default_rng(0).permutation(len(sequence))]


def mean_of(x):
    """Return the mean over time of what the encoder layer gives."""
    return keras.ops.convert_to_numpy(layer(x[None].astype("f4")))[0].mean(axis=0)


change = np.abs(mean_of(shuffled) - mean_of(sequence)).max()
print(f"frames shuffled: the encoder's mean changes by {change:.1e}")

# %% [markdown]
# Speech backwards is the same to it as speech forwards. Most transformers therefore add a pattern
# to the frames that says where they stand: sines and cosines of many wavelengths, a different mix
# at every place.


# %%
def positions(frames, width):
    """Return the sinusoidal pattern `(frames, width)` of Vaswani and others."""
    place = np.arange(frames)[:, None]
    rate = 1 / 10000 ** (2 * (np.arange(width) // 2) / width)
    return np.where(np.arange(width) % 2, np.cos(place * rate), np.sin(place * rate))


pattern = positions(*sequence.shape)
change = np.abs(mean_of(shuffled + pattern) - mean_of(sequence + pattern)).max()
print(f"with positions added: the encoder's mean changes by {change:.1e}")
figure = Figure((10, 2.9), layout="constrained")
left, right = figure.subplots(1, 2)
image = left.imshow(pattern.T, origin="lower", aspect="auto", cmap="RdBu_r")
left.set(title="The pattern", xlabel="frame", ylabel="number in the vector")
figure.colorbar(image, ax=left)
alike = right.imshow(pattern @ pattern.T / bins * 2, origin="lower", cmap="viridis")
right.set(title="How alike two places are", xlabel="frame", ylabel="frame")
figure.colorbar(alike, ax=right)
figure

# %% [markdown]
# The network of report S4 adds none. So its encoder hears *which* sounds there are, as a bag of
# frames that have looked at each other, and not in what order. The order is known to the two
# convolution blocks beside it, which see frames side by side. Keep this in mind for the question
# of what the transformer adds.
#
# ## 6. The parallel network, part by part
#
# Two convolution blocks (notebook 05) and four encoder layers, side by side on the same MFCC; what
# they find is put next to each other, and one dense layer decides. At the size of the report:

# %%
full = serkeras.models.build("cnn2-transformer", input_shape=(128, 94, 1), num_classes=7)
PARTS = {"block1": "convolution block 1", "block2": "convolution block 2",
         "encoder": "four encoder layers", "logits": "dense layer"}  # fmt: skip
count = pd.Series(
    {
        title: sum(each.count_params() for each in full.layers if each.name.startswith(part))
        for part, title in PARTS.items()
    }
)
print(f"in all {full.count_params():,}; the parts together {count.sum():,}")
figure = Figure((8, 2), layout="constrained")
axis = figure.subplots()
bars = axis.barh(count.index, count, color=[BLUE, BLUE, VERMILION, GREY])
axis.bar_label(bars, labels=[f"{value:,}" for value in count], padding=3)
axis.invert_yaxis()
axis.set(title="Where the parameters are", xlabel="parameters", xlim=(0, 980_000))
figure

# %% [markdown]
# More than nine of ten parameters are the transformer's. Is most of the *knowledge* there, too?
# Train the two blocks alone (`cnn2`) and the whole, on the same clips and speakers. The settings of
# all trainings on this page (the momentum is that of notebook 05: steps are few):

# %%
EPOCHS = 1 if FAST else 15
ENCODER = {"model.settings.num_layers": 1 if FAST else 4, "model.settings.encoder_dropout": 0.1}
SETTINGS = {
    "audio": audio.to_dict(),
    "features": features.to_dict(),
    "augment.copies": 0,
    "model.settings.dropout": 0.1,
    "model.settings.batch_norm_momentum": 0.9,
    "training.batch_size": 16,
    "training.learning_rate": 1e-3,
    "training.epochs": EPOCHS,
    "training.patience": EPOCHS,
    "training.retrain": False,
    **on_device,
}

# %% [markdown]
# And the two trainings:


# %%
def fit(recipe, **asked):
    """Train; or open what an earlier session has finished. One that was broken off goes on."""
    folder = Path(OUT) / recipe
    if (folder / "experiment.json").is_file() and serkeras.Run(folder).finished:
        return serkeras.Run(folder)
    settings = {**SETTINGS, **asked}
    return serkeras.train(
        recipe, data=[clips], split="speaker", seed=0, out=folder, settings=settings,
        progress=False,
    )  # fmt: skip


blocks_alone = fit("cnn2")
sound = fit("cnn2-transformer", **ENCODER)
sound

# %% [markdown]
# A second way to ask: take the trained whole and silence a part, by giving the dense layer the
# part's *average* answer instead of its answer to this clip. What it still knows then, it does not
# know from that part.

# %%
split = serkeras.splits.make(clips, "speaker", seed=0)
test = split.test.sort_values("emotion", kind="stable").reset_index(drop=True)
x_test, truth = mfcc_of(test), test["emotion"].to_numpy(str)
labels = np.array(sound.labels)


def uar(probabilities, order=slice(None)):
    """Return the UAR in percent."""
    said = labels[probabilities.argmax(axis=1)]
    hits = pd.Series(said == truth[order]).groupby(truth[order]).mean()
    return 100 * hits.mean()


scale = keras.Model(sound.model.inputs, sound.model.get_layer("scale").output)
inner = next(each for each in sound.model.layers if isinstance(each, keras.Model))
found = keras.Model(inner.inputs, inner.get_layer("joined").output)
kernel, bias = inner.get_layer("logits").get_weights()
joined = found.predict(scale.predict(x_test, verbose=0), verbose=0)
parts = {"encoder": slice(0, bins), "both blocks": slice(bins, None)}
silenced = {"nothing silenced": uar(softmax(joined @ kernel + bias))}
for name, place in parts.items():
    without = joined.copy()
    without[:, place] = joined[:, place].mean(axis=0)
    silenced[f"{name} silenced"] = uar(softmax(without @ kernel + bias))

# %% [markdown]
# Both answers, left and right:

# %%
both = {"two blocks alone": blocks_alone, "blocks and transformer": sound}
figure = Figure((11, 2.4), layout="constrained")
left, right = figure.subplots(1, 2)
uars = [100 * pd.Series(run.metrics["uar"]) for run in both.values()]
error = np.abs([[u["value"] - u["low"], u["high"] - u["value"]] for u in uars]).T
bars = left.barh(list(both), [u["value"] for u in uars], xerr=error, capsize=3, color=BLUE)
left.bar_label(bars, fmt="%.0f", label_type="center", color="white")
left.set(title="Two networks", xlabel="test UAR (%), 95 % interval over speakers")
bars = right.barh(list(silenced), list(silenced.values()), color=[BLUE, ORANGE, ORANGE])
right.bar_label(bars, fmt="%.0f", label_type="center", color="white")
right.set(title="The second one, in part", xlabel="test UAR (%)")
for axis in (left, right):
    axis.axvline(100 / len(labels), color="black", linestyle=":")
    axis.invert_yaxis()
figure

# %% [markdown]
# Compare the intervals before you name a winner: with four test speakers a few points are nothing.
# In the right panel, what falls most is what the network leaned on. A part that can be silenced
# at little cost may still have helped *while* learning, and one that costs a lot may be replaced
# by the other in a network that had to do without it: silencing and leaving out are two questions.
#
# ## 7. Who listens to whom
#
# The weights of the trained encoder, for one clip: rows are the frames that ask, columns the frames
# that are asked.


# %%
def attention_maps(run, x):
    """Return the attention weights `(layers, heads, frames, frames)` for one clip."""
    inner = next(each for each in run.model.layers if isinstance(each, keras.Model))
    scaled = keras.Model(run.model.inputs, run.model.get_layer("scale").output)(x)
    x = keras.ops.swapaxes(scaled[..., 0], 1, 2)
    maps = []
    for each in inner.layers:
        if isinstance(each, keras_hub.layers.TransformerEncoder):
            x, scores = each(x, return_attention_scores=True)
            maps.append(keras.ops.convert_to_numpy(scores)[0])
    return np.stack(maps).astype("f4")


one = int(np.flatnonzero(truth == "angry")[-1])
maps = attention_maps(sound, x_test[[one]])
wave = serkeras.audio.load_clip(test["path"][one], audio)
figure = Figure((12, 4.6), layout="constrained")
axes = figure.subplots(2, len(maps), height_ratios=(2.2, 1), squeeze=False)
for number, (top, bottom) in enumerate(axes.T):
    shown = maps[number].mean(axis=0)
    top.imshow(shown, cmap="magma", vmin=0, vmax=np.quantile(shown, 0.995))
    top.set(title=f"layer {number + 1}, mean of heads", xlabel="frame asked", ylabel="frame asking")
    bottom.plot(np.arange(len(wave)) / 16000, wave / np.abs(wave).max(), color=GREY, linewidth=0.3)
    asked = shown.mean(axis=0)
    bottom.plot(np.arange(len(asked)) * 0.032, asked / asked.max(), color=VERMILION)
    bottom.set(xlabel="time (s)", yticks=[])
axes[1, 0].set_ylabel("listened to")
figure.suptitle(f"Attention in a clip that is {truth[one]}; below, the waveform and its listeners")
figure

# %% [markdown]
# One head at a time, where you run this yourself:

# %% tags=["widget"]
import ipywidgets


def one_map(layer, head):
    """Draw the map of one head."""
    figure = Figure((4.2, 3.6), layout="constrained")
    axis = figure.subplots()
    axis.imshow(maps[layer - 1, head - 1], cmap="magma")
    axis.set(title=f"layer {layer}, head {head}", xlabel="frame asked", ylabel="frame asking")
    display(figure)


choose_layer = ipywidgets.IntSlider(1, min=1, max=len(maps))
choose_head = ipywidgets.IntSlider(1, min=1, max=4)
_ = ipywidgets.interact(one_map, layer=choose_layer, head=choose_head)

# %% [markdown]
# Vertical stripes are frames that everybody listens to. Silence may be among them: a head that has
# nothing to say parks its attention somewhere harmless. A map shows where values were *taken* from,
# not what decided; notebook 11 tests such maps.
#
# ## 8. First fault: what is normalised?
#
# Report S4 gives a table of its layers with parameter counts. Batch normalisation has four numbers
# for each thing that it normalises. Its convolutions have 16, 32 and 64 channels; the report's
# table says 376, 188 and 44 for the three normalisations. Divide by four:

# %%
rows = {}
for axis_of in ("channel", "time"):
    built = serkeras.models.build("cnn2-transformer", (128, 94, 1), 7, batch_norm_axis=axis_of)
    norms = [built.get_layer(f"block1_norm{number}") for number in (1, 2, 3)]
    rows[axis_of] = [each.count_params() for each in norms] + [built.count_params()]
table = pd.DataFrame(rows, index=["first", "second", "third", "whole network"]).T
table.insert(0, "first / 4", table["first"] // 4)
table

# %% [markdown]
# 94 is the number of *frames*. The tensors had their channels first, and `axis=-1` met time: every
# moment of a clip is normalised with statistics of its own, and what is loud at 1.0 s is measured
# by another stick than what is loud at 1.5 s. No error, no warning; a few hundred parameters too
# many are the only trace. **Count by hand.**
#
# ## 9. Second fault: whom does it listen to?
#
# The encoder expects (clips, time, features). The report's code gave it (time, clips, features).
# Shapes fit, the training runs, and attention now runs along the *clips of the batch*. At every
# moment a clip asks: what are the other clips doing? The kit keeps both faults as the recipe
# `cnn2-transformer-published`. Train it (without the noisy copies, for time):

# %%
faulty = fit("cnn2-transformer-published", **ENCODER)
faulty

# %% [markdown]
# Now the experiment that finds it. Take **one clip**. Give it to the network alone; then in a batch
# with 31 clips of its own emotion; then with 31 clips of another one; then with a mixed crowd. Its
# sound is the same each time.

# %%
rng = np.random.default_rng(0)


def company(which):
    """Return 31 numbers of test clips."""
    return rng.choice(which, 31, replace=len(which) < 31)


clip = int(np.flatnonzero(truth == "fear")[0])
others = np.flatnonzero(np.arange(len(truth)) != clip)
same = others[truth[others] == truth[clip]]
batches = {
    "alone": [],
    f"with 31 {truth[clip]}": company(same),
    "with 31 angry": company(np.flatnonzero(truth == "angry")),
    "with a mixed crowd": company(others),
}

# %% [markdown]
# Ask both networks in all four companies:


# %%
def asked_in(run, mates):
    """Return the probabilities of the one clip in a batch with these mates."""
    batch = np.concatenate([x_test[[clip]], x_test[mates]]) if len(mates) else x_test[[clip]]
    return keras.ops.convert_to_numpy(run.model.predict_on_batch(batch))[0]


told = {
    name: pd.DataFrame({c: asked_in(run, mates) for c, mates in batches.items()}, index=labels)
    for name, run in (("as it should be", sound), ("as published", faulty))
}
for name, table in told.items():
    print(f"{name}: a probability moves by up to {np.ptp(table.to_numpy(), axis=1).max():.6f}")

# %% [markdown]
# All emotions, one colour a batch. Equal bars are what we want.

# %%
figure = Figure((11, 3), layout="constrained")
for axis, (name, table) in zip(figure.subplots(1, 2, sharey=True), told.items(), strict=True):
    places = np.arange(len(labels))
    for number, (batch, colour) in enumerate(zip(table, (GREY, BLUE, VERMILION, GREEN),
                                                 strict=True)):  # fmt: skip
        axis.bar(places + 0.2 * number - 0.3, table[batch], 0.2, color=colour, label=batch)
    axis.set(title=name, xticks=places, ylim=(0, 1))
    axis.set_xticklabels(labels, rotation=30)
figure.axes[0].set_ylabel("probability")
figure.axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure.suptitle(f"The same clip ({truth[clip]}) in four batches")
figure

# %% [markdown]
# On the left the bars of each emotion are equal: the sound network judges a clip by the clip. On
# the right the answer depends on who else is in the room.
#
# And the published number? Test files lie in folders, or are listed by name, so that equal emotions
# often lie side by side. A batch at test time is then full of clips *of the same emotion*, and each
# of them can ask the others. Score the same network on the same clips in four ways: sorted by
# emotion, in the order of their names, shuffled (five times, the mean), and each clip alone.


# %%
def score(run, order, batch_size):
    """Return the UAR of the test clips in this order, in batches of this size."""
    return uar(run.model.predict(x_test[order], batch_size=batch_size, verbose=0), order)


by_emotion, by_name = np.arange(len(truth)), np.argsort(test["clip"].to_numpy(str))
shuffles = [rng.permutation(len(truth)) for _ in range(5)]
ways = {
    "sorted by emotion": ([by_emotion], 32),
    "in order of names": ([by_name], 32),
    "shuffled": (shuffles, 32),
    "each clip alone": ([by_emotion], 1),
}
scores = pd.DataFrame(
    {
        name: {
            way: np.mean([score(run, order, size) for order in orders])
            for way, (orders, size) in ways.items()
        }
        for name, run in (("as it should be", sound), ("as published", faulty))
    }
)
scores.round(1)

# %% [markdown]
# The same table as a picture:

# %%
figure = Figure((9, 2.8), layout="constrained")
axis = figure.subplots()
places = np.arange(len(scores))
for shift, (name, colour) in zip((-0.2, 0.2), zip(scores, (BLUE, VERMILION), strict=True),
                                 strict=True):  # fmt: skip
    bars = axis.barh(places + shift, scores[name], 0.4, color=colour, label=name)
    axis.bar_label(bars, fmt="%.0f", label_type="center", color="white")
axis.axvline(100 / len(labels), color="black", linestyle=":")
axis.set(yticks=places, yticklabels=scores.index, xlabel="test UAR (%); dotted: guessing")
axis.invert_yaxis()
axis.set_title("The same two networks, the same clips, four ways to ask")
axis.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figure

# %% [markdown]
# The blue bars are equal. The red ones are not: the same weights, the same clips, and a figure that
# depends on the order of a list. That is no property of a network. Which order flatters most
# differs from corpus to corpus and from training to training; you see one training here, on
# synthetic voices. (It was trained on shuffled batches: a mixed crowd is the company it knows.) And
# none of the upper three tells what a user gets, who asks about one clip.
#
# Nobody cheated here. Two axes were exchanged, and all shapes fitted. On real recordings
# `python -m serkeras leaks cnn2-transformer --data ravdess --only batch-attention` measures what
# the fault claims. The kit scores every recipe that mixes clips one clip at a time:

# %%
alone = 100 * faulty.metrics["uar"]["value"]
print(f"run.metrics of the faulty recipe: UAR {alone:.1f} %, as of each clip alone above")

# %% [markdown]
# ## 10. The same illness elsewhere: decibels of a batch
#
# A clip can depend on its batch without any attention. To avoid the logarithm of zero, decibels are
# cut off at some distance below the loudest value. The loudest value of *what*? Keras's own layer
# takes the whole batch. A soft clip, alone and beside a loud one:

# %%
soft = np.argmin([np.abs(serkeras.audio.load_clip(p, audio)).max() for p in test["path"]])
soft = 0.1 * serkeras.audio.load_clip(test["path"][soft], audio)
pair = np.stack([soft, 0.99 * wave / np.abs(wave).max()])
mel_layers = {
    "keras.layers.MelSpectrogram": keras.layers.MelSpectrogram(sampling_rate=16000),
    "serkeras, layers.LogMel": serkeras.features.layers.LogMel(sample_rate=16000),
}
for name, each in mel_layers.items():
    alone, beside = (keras.ops.convert_to_numpy(each(x))[0] for x in (pair[:1], pair))
    print(f"{name:28} moves the soft clip by up to {np.abs(alone - beside).max():.2f} dB")

# %% [markdown]
# `librosa.power_to_db` on an array of several clips does the same. The kit computes every clip by
# itself, and a test holds every model of the kit to it: *a clip alone gives what it gives in a
# batch.*
#
# ## 11. Break it: forget the root
#
# Attention divides by the root of the width. What if one forgets? The wider the vectors, the larger
# their products, and the softmax turns from "listen to several" into "listen to one". We count the
# share that goes to the one frame that is listened to most:

# %%
widths = [4, 8, 16, 32, 64, 128, 256, 512]
top = {"with the root": [], "without": []}
for width in widths:
    query, key = np.random.default_rng(width).standard_normal((2, 64, width))
    for name, divisor in zip(top, (np.sqrt(width), 1), strict=True):
        top[name].append(100 * softmax(query @ key.T / divisor).max(axis=1).mean())
figure = Figure((7, 2.7), layout="constrained")
axis = figure.subplots()
for (name, values), colour in zip(top.items(), (BLUE, VERMILION), strict=True):
    axis.plot(widths, values, "o-", color=colour, label=name)
axis.set(xscale="log", xticks=widths, xticklabels=widths, xlabel="width of the vectors")
axis.set(ylabel="largest weight (%)", title="How much of 64 frames' attention goes to one")
axis.legend()
figure

# %% [markdown]
# Where one weight is near 1 and the others near 0, a softmax hardly has a slope, and what has no
# slope does not learn. The division keeps the products at one size whatever the width.
#
# ## 12. Exercises
#
# **6.1** Clips are padded with silence. Write attention that takes a mask: `mask` is true where a
# key is a real frame. Masked frames get no weight at all, and the weights of the others still sum
# to 1. Return the answers `(frames, width)`. Section 3 has what you need; the check knows nothing
# of `softmax` there, so write it out.


# %%
def masked_attention(query, key, value, mask):
    """Return the answers of attention that leaves out masked keys."""
    # <solution>
    scores = query @ key.T / np.sqrt(query.shape[-1])
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True)) * mask
    return raised / raised.sum(axis=-1, keepdims=True) @ value
    # </solution>


# %%
from serkeras import labs

_ = labs.check("6.1", masked_attention)

# %% [markdown]
# **6.2** Count the parameters of one encoder layer of this `width`, with an inner dense layer of
# `inner` units: four tables with biases (query, key, value, output), two layer normalisations
# (a scale and a shift each), two dense layers with biases. Does the number of heads matter? Compare
# with section 6: four layers of 128 and 512.


# %%
def encoder_parameters(width, inner):
    """Return the number of parameters of a transformer encoder layer."""
    # <solution>
    tables = 4 * (width * width + width)
    norms = 2 * 2 * width
    return tables + norms + (width + 1) * inner + (inner + 1) * width
    # </solution>


# %%
_ = labs.check("6.2", encoder_parameters)

# %% [markdown]
# **6.3** The detector. `predict` is a function from clips `(clips, ...)` to numbers `(clips, ...)`.
# Return `True` if what it says about some clip depends on the company of that clip, and `False` if
# each clip is judged by itself. Rounding (1e-5) is no dependence. If it passes, it judges the two
# networks of this notebook.


# %%
def mixes_clips(predict, clips):
    """Return whether a clip's answer depends on the other clips of its batch."""
    # <solution>
    together = np.asarray(predict(clips))
    alone = np.concatenate([np.asarray(predict(clips[[i]])) for i in range(len(clips))])
    return bool(np.abs(together - alone).max() > 1e-5)
    # </solution>


# %%
if labs.check("6.3", mixes_clips):
    for name, run in (("as it should be", sound), ("as published", faulty)):
        print(f"{name}: mixes clips: {mixes_clips(run.model.predict_on_batch, x_test[:16])}")

# %% [markdown]
# **6.4** (open, no code) Batch normalisation computes its statistics over the batch *in training*.
# Why does that not make a prediction depend on other clips, and in which mode would it?

# %%
labs.score()

# %% [markdown]
# ## What we learned
#
# - Attention is a weighted mean of values; the weights come from how queries fit keys.
# - An encoder without positions hears a bag of frames. The convolutions beside it know order.
# - Parameters are not knowledge: silence a part and look what falls.
# - Fitting shapes prove nothing. Count parameters by hand; ask about one clip alone.
# - A number that gets better by a mistake is the one that nobody checks.
#
# **Further reading:** A. Vaswani and others, *Attention is all you need*, NIPS 2017. J. Ba,
# J. Kiros and G. Hinton, *Layer normalization*, arXiv 1607.06450. S. Jain and B. Wallace,
# *Attention is not explanation*, NAACL 2019. S. Wiegreffe and Y. Pinter, *Attention is not not
# explanation*, EMNLP 2019. S. Kapoor and A. Narayanan, *Leakage and the reproducibility crisis in
# machine-learning-based science*, Patterns 4(9), 2023.
