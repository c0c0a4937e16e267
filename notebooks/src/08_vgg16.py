# %% [markdown]
# # 08 VGG16: spectrograms as pictures, frozen to fine-tuned
#
# {badge}
# **Question:** a network has learned from one kind of pictures. What is that worth for another
# kind, spectrograms of voices, and how much of it should go on learning?
#
# **Needs:** no downloads; notebooks 01 and 03 first are a good idea. A GPU is needed only for
# VGG16 itself on real corpora. **Time:** about a minute and a half on two cores, and as long again
# where the built-in corpus has to be made first.
#
# **You will:** draw spectrograms as pictures, count what learns in VGG16, compute a frozen part
# once instead of in every epoch, turn spectrograms round, fine-tune with a rate for each layer,
# find a batch size, give a network colours it has never seen, on purpose, and write three functions
# that are checked.

# %% tags=["setup"]

# %% [markdown]
# ## 1. Switches
#
# As it stands, the notebook needs nothing: recordings come from the built-in corpus, weights from
# a training of our own. `WEIGHTS = "imagenet"` takes VGG16 with its published weights (58 MB,
# fetched once) on pictures of 224 x 224, as report S4 did: set the runtime to GPU first.
# `CORPUS` can be any corpus of eight speakers or more, for instance `"ravdess"`.
#
# Runs go to `OUT`. On Colab, a folder of the mounted Drive outlives a disconnection: call the
# notebook again, and finished runs are opened, a broken one goes on from its last epoch.

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
WEIGHTS = None  # or "imagenet"
OUT = "runs"  # or "/content/drive/MyDrive/runs", after google.colab.drive.mount("/content/drive")

BACKBONE, SIDE = ("resnet18", 48) if WEIGHTS is None else ("vgg16", 224)
if FAST:
    BACKBONE = "squeezenet1.1"
RATE, SECONDS = 16000, 2.5
BLUE, ORANGE, VERMILION, GREY = "#0072B2", "#E69F00", "#D55E00", "#8C8C8C"


def show(figure, dpi=80):
    """Display a figure with 64 colours: a fraction of the bytes."""
    png, small = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=dpi)
    drawn = Pixels.open(png).convert("RGB").quantize(64, Pixels.Quantize.MAXCOVERAGE)
    drawn.save(small, format="png", optimize=True)
    display(Image(small.getvalue(), format="png"))


# %% [markdown]
# ## 2. Three groups of speakers
#
# Half of the speakers are *plenty*: data for pretraining. A few of the others are *ours*: the
# small corpus that one really has. All that remain are *strangers*, who judge every network below.
# Nobody stands in two groups.

# %%
clips = serkeras.datasets.load(CORPUS)
people = sorted(clips["speaker"].unique())[: 8 if FAST else None]
half = len(people) // 2
few = half + max(3, half // 3)
plenty, ours, strangers = (
    clips[clips["speaker"].isin(group)] for group in (people[:half], people[half:few], people[few:])
)
for name, group in (("plenty", plenty), ("ours", ours), ("strangers", strangers)):
    print(f"{name:9} {group['speaker'].nunique():2} speakers, {len(group)} clips")

# %% [markdown]
# ## 3. A spectrogram as a picture
#
# A network for photographs takes red, green and blue from 0 to 255. The kit draws the log-Mel
# spectrogram in a colour map: frequency rises upwards, time goes to the right, no axes in the
# picture itself. One colour is one level in *all* pictures: -80 dB is black, +30 dB nearly white.

# %%
from serkeras.config import AudioConfig, FeatureConfig

audio = AudioConfig(sample_rate=RATE, duration_s=SECONDS)
picture = FeatureConfig(name="mel_image", image_size=SIDE, n_mels=SIDE if SIDE < 128 else 128)
large = picture.replace(image_size=224, n_mels=128)


def waves_of(table):
    """Return waveforms `(clips, samples)`."""
    return np.stack([serkeras.audio.load_clip(path, audio) for path in table["path"]])


first = strangers[strangers["speaker"] == strangers["speaker"].iloc[0]]
examples = first.drop_duplicates("emotion").head(4)
shown = serkeras.features.compute(waves_of(examples), large, RATE)

figure = Figure((11, 3.1), layout="constrained")
axes = figure.subplots(1, 4, sharey=True)
for axis, image, emotion in zip(axes, shown, examples["emotion"], strict=True):
    axis.imshow(image, extent=(0, SECONDS, 0, 1), aspect="auto")
    axis.set(title=emotion, xlabel="time (s)", yticks=[0, 1], yticklabels=["0", "8 kHz"])
axes[0].set_ylabel("frequency (mel scale)")
scale = figure.colorbar(axes[-1].images[0], ax=axes, pad=0.01, label="level (dB)")
scale.mappable.set(cmap=large.colormap, clim=large.image_range_db)
figure.suptitle("Log-Mel spectrograms of one speaker as pictures, one colour scale for all")
show(figure)

# %% [markdown]
# **Why one scale?** Many scripts let the plotting library choose black and white anew for each
# picture. Then a clip and the same clip 20 dB louder become *the same picture*, and loudness, one
# of the best cues to anger, is gone before the network has seen anything.

# %%
wave = waves_of(examples.head(1))
both = np.concatenate([wave, serkeras.augment.gain(wave[0], gain_db=20)[None]])
decibels = serkeras.features.log_mel(both, sample_rate=RATE)
fixed = serkeras.features.compute(both, large, RATE)
figure = Figure((8, 3.6), layout="constrained")
axes = figure.subplots(2, 2, sharex=True, sharey=True)
for column, name in enumerate(("as recorded", "20 dB louder")):
    axes[0, column].imshow(fixed[column], aspect="auto", extent=(0, SECONDS, 0, 1))
    own = decibels[column, ::-1]
    axes[1, column].imshow(own, aspect="auto", extent=(0, SECONDS, 0, 1), cmap="magma")
    axes[0, column].set_title(name)
    axes[1, column].set(xlabel="time (s)", yticks=[])
axes[0, 0].set_ylabel("one scale\nfor all")
axes[1, 0].set_ylabel("a scale for\neach picture")
figure.suptitle("The same clip at two levels (mel frequency upwards)")
show(figure)

# %% [markdown]
# ## 4. What a backbone expects of its colours
#
# Each network was trained on photographs that were scaled in some way, and it must meet numbers
# of that kind again. VGG16's Keras weights want blue, green, red with the mean of all photographs
# taken off; torchvision's want mean 0 and deviation 1 in each channel. `scaling="picture"` puts
# the right one in front. Here is what the softest and the loudest
# pixel above become:

# %%
from serkeras.models import backbones
from serkeras.models.backbones import front

pixels = {"softest pixel": shown.min(axis=(0, 1, 2)), "loudest pixel": shown.max(axis=(0, 1, 2))}
rows = {}
for pixel, colour in pixels.items():
    rows[pixel] = {"red, green, blue": colour.tolist()}
    for convention, whose in (("caffe", "VGG16 of Keras"), ("torch", "torchvision's")):
        multiply, add = map(np.array, front.affine("picture", convention, (0, 255)))
        values = np.round(colour * multiply + add, 1)
        rows[pixel][whose] = values[:: -1 if convention == "caffe" else 1].tolist()
pd.DataFrame(rows).T

# %% [markdown]
# ## 5. What learns: counting
#
# Report S4 put two dense layers (512 and 192 units) on VGG16 and unfroze more and more of it. It
# speaks of the "last 1, 2 and 3 convolutional *blocks*". The numbers of parameters it prints say
# what was really done. We build its network (random weights do for counting) and count.

# %%
vgg = serkeras.models.build("transfer", (224, 224, 3), 7, backbone="vgg16", blocks=0)
(base,) = backbones.inside(vgg)
reported = {"exp3": 15_305_223, "exp4": 17_665_031, "exp5": 20_024_839}
table = {"exp1": ("nothing", backbones.counts(vgg)[0], None)}
for number, (name, figure_of_report) in enumerate(reported.items(), start=1):
    backbones.unfreeze(base, layers=number)
    table[name] = (f"last {number} convolution layers", backbones.counts(vgg)[0], figure_of_report)
for number in (1, 2, 3):
    backbones.unfreeze(base, blocks=number)
    table[f"blocks={number}"] = (f"last {number} blocks", backbones.counts(vgg)[0], None)
print(f"in all {sum(backbones.counts(vgg)):,} parameters")
learning = pd.DataFrame(table, index=["of VGG16 learns", "parameters that learn", "in report S4"]).T
learning.map(lambda cell: f"{cell:,}" if isinstance(cell, int) else cell or "-")

# %% [markdown]
# The report's steps are 2,359,808 apart: one convolution of 3 x 3 from 512 to 512 channels. Its
# blocks are *layers*; all three of them together are the last block. And of the 12.9 million that
# learn with VGG16 frozen, 12.8 million lie in one dense layer behind `Flatten`. The same network,
# drawn:

# %%
figure = Figure((9, 2.8), layout="constrained")
axis = figure.subplots()
millions = learning["parameters that learn"].astype(float) / 1e6
colours = [BLUE if name.startswith("exp") else GREY for name in millions.index]
bars = axis.barh(list(millions.index), millions, color=colours)
axis.bar_label(bars, fmt="%.1f", label_type="center", color="white")
axis.axvline(27.660103, color="black", linestyle=":")
axis.invert_yaxis()
axis.set(
    title="VGG16 with two dense layers: how much of it learns",
    xlabel="parameters (millions); the dotted line is all of them",
    xlim=(0, 30),
)
show(figure)

# %% [markdown]
# ## 6. Weights to start from
#
# A frozen network with *random* weights is not nothing: it makes some features, as a strange lens
# makes some image, and a dense layer can learn from them. But nobody ever told it which patterns
# matter. Pretraining tells it. With `WEIGHTS = None` our stand-in for ImageNet is a small ResNet-18
# that learns the emotions of *plenty*; its run folder is then the file of weights. Note what this
# is and what it is not: these weights come from the same task and the same kind of pictures, which
# is more than photographs can give.

# %%
EPOCHS = 1 if FAST else 12


def fit(name, data, network, **training):
    """Train; or open what an earlier session has finished. One that was broken off goes on."""
    folder = Path(OUT) / name
    if (folder / "experiment.json").is_file() and serkeras.Run(folder).finished:
        return serkeras.Run(folder)
    small = {} if WEIGHTS else {"pooling": "average", "units": []}
    network = {"backbone": BACKBONE, "dropout": 0.2, **small, **network}
    training = {"epochs": EPOCHS, "patience": EPOCHS, "retrain": False, **training}
    settings = {
        "audio": audio.to_dict(),
        "features": picture.to_dict(),
        **{f"model.settings.{key}": value for key, value in network.items()},
        **{f"training.{key}": value for key, value in training.items()},
    }
    return serkeras.train("vgg16-exp1", data=[data], out=folder, settings=settings, progress=False)


def learned_from_scratch(name, data, **training):
    """Train all of a network that starts from random weights."""
    network = {"weights": None, "blocks": None}
    return fit(name, data, network, learning_rate=1e-3, **training)


if WEIGHTS is None:
    pretrained = learned_from_scratch("plenty", plenty)
    weights = str(pretrained.folder)
else:
    weights = WEIGHTS
print("weights:", weights)

# %% [markdown]
# Every network is judged by the *strangers*, with the UAR: the mean over the emotions of the share
# that was found. Guessing finds one in seven.

# %%
from sklearn.metrics import balanced_accuracy_score

test_pictures = serkeras.features.compute(waves_of(strangers), picture, RATE)


def uar(run):
    """Return the UAR on the strangers, in percent."""
    said = run.model.predict(test_pictures, verbose=0).argmax(axis=1)
    return 100 * balanced_accuracy_score(strangers["emotion"], np.array(run.labels)[said])


# %% [markdown]
# ## 7. Frozen features: once, or in every epoch
#
# A frozen backbone gives the same features for the same picture in every epoch. So they need to be
# computed only *once*: the kit looks for the deepest place before which nothing learns and nothing
# is random, keeps what comes out there on disk, and trains what stands behind it. Same experiment
# twice, with and without:

# %%
frozen_settings = {"weights": weights, "blocks": 0}
timed = {}
for name, cached in (("frozen", True), ("frozen-not-cached", False)):
    run = fit(name, ours, frozen_settings, learning_rate=1e-2, cache_frozen=cached)
    timed[name] = run.history["seconds"].iloc[1 if len(run.history) > 1 else 0 :].mean()
    kept = run.metrics["run"]["frozen_cached"] or "nothing"
    print(f"{name:18} {timed[name]:.2f} s an epoch, kept: {kept}, strangers {uar(run):.0f} %")
print(f"ratio {timed['frozen-not-cached'] / timed['frozen']:.1f}")

# %% [markdown]
# The figures agree, the time does not. How large the ratio is depends on how heavy the frozen part
# is: VGG16 at 224 x 224 costs 15 billion multiplications a clip and its head 13 million, so with it
# the saving is far larger than with our small network. What stands *in front* of the frozen part
# must not change from epoch to epoch, though, and that is what comes next.

# %% [markdown]
# ## 8. Flipped, rotated, zoomed
#
# Experiment 2 of the report adds random flips, rotations and zooms: the usual recipe for
# photographs of cats. They are layers in front of the network, active in training only, and each
# clip is drawn anew in each epoch. (The cache switches itself off.) What do they make of speech?

# %%
from serkeras.features import layers

kinds = {
    "the clip": None,
    "random_flip": {"mode": "horizontal"},
    "random_rotation": {"factor": [0.08, 0.08]},
    "random_zoom": {"height_factor": [0.3, 0.3]},
    "time_shift": {"max_shift": 0.2},
}
figure = Figure((11, 2.9), layout="constrained")
axes = figure.subplots(1, 5, sharey=True)
for axis, (name, settings) in zip(axes, kinds.items(), strict=True):
    image = shown[:1].astype("f4")
    if settings:
        layer = layers.make({"name": name, **settings}, seed=1)
        tries = [np.asarray(layer(image, training=True)) for _ in range(8)]
        image = next(each for each in tries if not np.array_equal(each, image))
    axis.imshow(image[0] / 255, aspect="auto", extent=(0, SECONDS, 0, 1))
    axis.set(title=name, xlabel="time (s)", yticks=[])
axes[0].set_ylabel("frequency (mel scale)")
figure.suptitle("What augmentation for photographs does to a spectrogram; time_shift beside it")
show(figure)

# %% [markdown]
# A flipped cat is a cat. A flipped spectrogram is **speech backwards**: measure it, then listen.

# %%
backwards = serkeras.features.compute(wave[:, ::-1].copy(), large, RATE)[0]
flipped = shown[0][:, ::-1]
difference = np.abs(backwards.astype(float) - flipped).mean()
print(f"flipped picture and picture of the reversed clip: mean difference {difference:.2f} of 255")

# %% [markdown]
# The picture hardly differs from that of the clip played backwards. So this is what it sounds like:

# %% tags=["synthetic-audio"]
from IPython.display import Audio

if CORPUS == "synthetic":
    display(Audio(wave[0, ::-1], rate=RATE))

# %% [markdown]
# What a voice does in time (a fall at the end, a slow decay) runs the wrong way. A rotated
# spectrogram is no sound at all: its harmonics climb without a voice climbing. A zoomed one is
# another pitch and another tempo at once. The corners are filled with the colour of silence. So it
# is no wonder that experiment 2 did not beat experiment 1 (validation 58.1 % against 59.9 %, test
# the same). Changes that speech knows are in notebook 04; shifts and masks are layers too.

# %% [markdown]
# ## 9. Fine-tuning, with a rate for each layer
#
# Now the pretrained part may learn as well. Its early layers know edges and stripes, which any
# picture has; its late layers know the old task. So late layers should move more, and the head,
# which knows nothing yet, most. `layer_rates` says so: the backbone at 0.3 of the head's rate,
# each earlier block at half of that, and one more block wakes up after every few epochs (Howard
# and Ruder called it *gradual unfreezing*).

# %%
tuned = fit(
    "tuned",
    ours,
    {"weights": weights, "blocks": 3},
    learning_rate=1e-3,
    layer_rates={"backbone": 0.3, "decay": 0.5, "thaw_every": max(1, EPOCHS // 6)},
)
tuned.history[["epoch", "val_accuracy", "seconds"]].tail(3).round(2)

# %% [markdown]
# Beside it two networks without pretraining: a frozen one with random weights, and one of which
# everything learns from *ours* alone.

# %%
frozen = fit("frozen", ours, frozen_settings)
lens = fit("random-frozen", ours, {"weights": None, "blocks": 0}, learning_rate=1e-2)
scratch = learned_from_scratch("scratch", ours)
results = pd.Series(
    {
        "random weights, frozen": uar(lens),
        "random weights, all learn": uar(scratch),
        "pretrained, frozen": uar(frozen),
        "pretrained, fine-tuned": uar(tuned),
    }
)

# %% [markdown]
# All four on the same strangers:

# %%
figure = Figure((8, 2.7), layout="constrained")
axis = figure.subplots()
bars = axis.barh(list(results.index), results, color=[GREY, ORANGE, BLUE, BLUE])
axis.bar_label(bars, fmt="%.0f %%", padding=4)
axis.axvline(100 / 7, color="black", linestyle=":")
axis.invert_yaxis()
axis.set(
    title=f"{BACKBONE} after training on {ours['speaker'].nunique()} speakers",
    xlabel="UAR on speakers that no network has heard (%); the dotted line is guessing",
    xlim=(0, 112),
)
show(figure, dpi=90)

# %% [markdown]
# Random frozen weights are better than guessing and that is all. How the other three stand to each
# other depends on how small *ours* is and on how near the old task was: change `few` above and
# look again. One run each, with few test speakers: a difference of a few points means nothing
# here. A study of several seeds (`python -m serkeras study`) can say more.

# %% [markdown]
# ## 10. On a GPU
#
# Find out what there is, before anything is trained on it. New GPUs and TPUs (A100, H100, L4) count
# in **bfloat16**, which has the range of float32 and needs no care; T4 and V100 know only
# **float16**, which needs its loss scaled (the kit does that). Processors are quickest in float32.
# `jit_compile=None` leaves compiling by XLA to Keras, which does it on GPUs, unless a layer cannot
# be compiled (rotation and zoom on TensorFlow).

# %%
from serkeras.training import accelerator

on_device = accelerator.settings()
print(accelerator.describe())

# %% [markdown]
# How many clips a step? More is quicker up to a point, until nothing is gained or memory runs out.
# The kit measures it on this machine (`python -m serkeras batch-size vgg16-exp3` does the same for
# a whole recipe):

# %%
from serkeras.training import batch_size

sizes = batch_size.search(
    frozen.experiment.with_settings({**on_device, "model.settings.blocks": 1}),
    most=(2 if FAST else 32) if accelerator.capability() is None else None,
    progress=False,
)
print(f"recommended: {sizes.recommended} clips a step ({sizes.stopped})")
pd.DataFrame([trial.__dict__ for trial in sizes.trials]).set_index("batch_size")

# %% [markdown]
# With that, the report's experiments are one call each. A broken call, made again with the same
# `out`, goes on from its last epoch.
#
# ```python
# run = serkeras.train(
#     "vgg16-exp3", data=["ravdess", "cremad"], split="speaker", out=f"{OUT}/vgg16-exp3",
#     settings=on_device,
# )
# ```

# %% [markdown]
# ## 11. Break it: the wrong colours
#
# The pretrained network, frozen, once more; but with `scaling="none"` its pictures arrive as 0 to
# 255 and not as the numbers it was trained on. No error, no warning, the loss falls. Only the
# result tells:

# %%
wrong = fit("wrong-scaling", ours, {**frozen_settings, "scaling": "none"}, learning_rate=1e-2)
print(f"right scaling {uar(frozen):.0f} %, wrong scaling {uar(wrong):.0f} %")

# %% [markdown]
# The weights are good, and most of their worth is gone, because each filter meets numbers about a
# hundred times as large as those it knows. This is the most common mistake with pretrained
# networks, and it hides well: with everything unfrozen, training would slowly repair it, and one
# would only wonder why the network learns so badly.

# %% [markdown]
# ## 12. Exercises
#
# Write each function, run its cell, then the check behind it. The check calls your function with
# values of its own: return the result, and use nothing but the arguments.
#
# **8.1** How many parameters has the first dense layer behind a backbone whose last maps are
# `side` x `side` with so many channels? `pooling` is `"flatten"` (every place of every channel is
# an input) or `"average"` (one number a channel).


# %%
def dense_parameters(side, channels, units, pooling):
    """Return the number of parameters, an int."""
    # <solution>
    inputs = channels if pooling == "average" else side * side * channels
    return (inputs + 1) * units
    # </solution>


# %%
from serkeras import labs

if labs.check("8.1", dense_parameters):
    for pooling in ("flatten", "average"):
        count = dense_parameters(7, 512, 512, pooling)
        print(f"report S4's network, {pooling}: {count:,}, {count / 27_660_103:.1%} of 27,660,103")

# %% [markdown]
# **8.2** Draw a picture in grey, as section 3 wants it: one level, one brightness, in *all*
# pictures. What is softer than `low_db` is black, what is louder than `high_db` white.


# %%
def in_grey(decibels, low_db, high_db):
    """Return numbers from 0 to 255, an array of the same shape."""
    # <solution>
    return 255 * np.clip((decibels - low_db) / (high_db - low_db), 0, 1)
    # </solution>


# %%
if labs.check("8.2", in_grey):
    figure = Figure((8, 2.3), layout="constrained")
    for axis, image, name in zip(
        figure.subplots(1, 2), decibels, ("as recorded", "20 dB louder"), strict=True
    ):
        drawn = in_grey(image[::-1], -80, 30)
        axis.imshow(drawn, cmap="gray", vmin=0, vmax=255, aspect="auto", extent=(0, SECONDS, 0, 1))
        axis.set(title=f"yours, {name}", xlabel="time (s)", yticks=[])
    show(figure)

# %% [markdown]
# **8.3** Which learning rate has each block of a backbone? The last learns at `backbone` times the
# head's rate, each one before it at `decay` times the rate of the block behind it. List them from
# the network's first block to its last.


# %%
def block_rates(rate, backbone, decay, blocks):
    """Return one learning rate a block, the first block first."""
    # <solution>
    return [rate * backbone * decay ** (blocks - 1 - number) for number in range(blocks)]
    # </solution>


# %%
if labs.check("8.3", block_rates):
    print("section 9:", block_rates(1e-3, 0.3, 0.5, 3))

# %% [markdown]
# **8.4** (open) Which parts of ResNet-18 learned in `tuned`, and which stayed? Build a fresh
# network as in section 5 (48 x 48 pixels, `backbone="resnet18"`), free 0 to 4 blocks with
# `backbones.unfreeze`, and print what `backbones.counts` says.


# %%
def freed_block_by_block():
    """Print how many parameters learn with 0 to 4 blocks free, and where learning begins."""
    # <solution>
    fresh = serkeras.models.build("transfer", (48, 48, 3), 7, backbone="resnet18", blocks=0)
    (inner,) = backbones.inside(fresh)
    for number in range(5):
        freed = backbones.unfreeze(inner, blocks=number)
        print(number, f"{backbones.counts(fresh)[0]:,}", "from", freed[0] if freed else "the head")
    # </solution>


# %%
labs.attempt(freed_block_by_block)

# %% [markdown]
# **8.5** (open) Loudness: make the strangers 20 dB softer and ask `tuned` again. Which emotions
# does it name more often now? What would a network say that was trained on pictures with a scale
# of their own each?


# %%
def softer_strangers():
    """Print how often each emotion is named, as recorded and 20 dB softer."""
    # <solution>
    softer = serkeras.features.compute(waves_of(strangers) * 0.1, picture, RATE)
    for name, images in (("as recorded", test_pictures), ("20 dB softer", softer)):
        said = tuned.model.predict(images, verbose=0).argmax(axis=1)
        print(name, pd.Series(np.array(tuned.labels)[said]).value_counts().to_dict())
    print("with scales of their own: the same as before, for the pictures are the same")
    # </solution>


# %%
labs.attempt(softer_strangers)

# %% [markdown]
# ## What we learned
#
# - A spectrogram becomes a picture by one colour scale for all; the backbone's own scaling must
#   stand between them.
# - Counting parameters shows what a paper did: its "blocks" were convolution layers.
# - What is frozen is computed once; what is random in front of it forbids that.
# - Flips and rotations come from photographs. Backwards is not how people speak.
# - The head learns fast, late layers slowly, early ones hardly: a rate for each.
# - Wrong scaling raises no error. Compare with a number you know.
#
# **Further reading:** K. Simonyan and A. Zisserman, *Very deep convolutional networks for
# large-scale image recognition*, ICLR 2015. J. Howard and S. Ruder, *Universal language model
# fine-tuning for text classification*, ACL 2018. J. Yosinski and others, *How transferable are
# features in deep neural networks?*, NIPS 2014. K. Palanisamy, D. Singhania and A. Yao,
# *Rethinking CNN models for audio classification*, arXiv 2007.11154.

# %% [markdown]
# ## Hand in
#
# Put your name between the quotes.

# %%
labs.score("")
