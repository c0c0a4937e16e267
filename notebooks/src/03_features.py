# %% [markdown]
# # 03 Features: from a waveform to MFCC, step by step
#
# {badge}
# **Question:** what does a network get to see of a voice, and what has been thrown away on the
# way?
#
# **Needs:** no downloads, no GPU; basic NumPy. The recordings are made by the kit. **Time:** about
# half a minute on two cores.
#
# **You will:** compute a mel spectrogram and MFCC with nothing but NumPy, compare them with two
# libraries, see what each choice along the way costs, play with two of them, look at every feature
# of the kit on one page, break one on purpose, and write three functions that are checked.

# %% tags=["setup"]

# %% [markdown]
# ## 1. The waveform
#
# Two speakers are enough here. A clip is 3 s at 16,000 samples a second: 48,000 numbers, in which
# 1.0 is full scale. The kit cuts longer clips and puts zeros behind shorter ones.

# %%
import io
import os

import numpy as np
import PIL.Image
from matplotlib.figure import Figure

import serkeras
from serkeras.config import AudioConfig, FeatureConfig
from serkeras.datasets import synthetic

FAST = bool(os.environ.get("SERKERAS_FAST"))  # the automatic test of this notebook: fewer rows
RATE = 16000
BLUE, ORANGE, VERMILION, GREY = "#0072B2", "#E69F00", "#D55E00", "#8C8C8C"

synthetic.generate("voices", speakers=2, n_jobs=1, progress=False)
clips = serkeras.datasets.load("synthetic", root="voices")
woman = clips[(clips["speaker"] == "synthetic-02") & (clips["statement"] == "boat")]
woman = woman.drop_duplicates("emotion", keep="last").set_index("emotion")
waves = {e: serkeras.audio.load_clip(path, AudioConfig()) for e, path in woman["path"].items()}
wave = waves["surprise"]
seconds = np.arange(len(wave)) / RATE
print(wave.shape, wave.dtype, f"largest sample {np.abs(wave).max():.2f}")

# %% [markdown]
# Listen before you look (in 8 bits, to keep this file small):

# %% tags=["synthetic-audio"]
import soundfile
from IPython.display import Audio, display

small = io.BytesIO()
soundfile.write(small, wave[: 2 * RATE], RATE, format="WAV", subtype="PCM_U8")
display(Audio(small.getvalue()))

# %% [markdown]
# And now look. The line is the air pressure, 16,000 numbers a second.


# %%
def to_png(figure):
    """Draw a figure in 48 colours: this notebook has many, and its file stays small."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=80)
    picture = PIL.Image.open(drawn).convert("RGB")
    picture.quantize(48, kmeans=1, dither=PIL.Image.Dither.NONE).save(small, "png", optimize=True)
    return small.getvalue()


_ = get_ipython().display_formatter.formatters["image/png"].for_type(Figure, to_png)  # noqa: F821

# %% [markdown]
# On the left the whole clip, on the right 40 ms of it: the vocal folds open and close a few
# hundred times a second, and each time the mouth and throat ring after it. Emotion lies in both:
# in the rate and strength of the pulses, and in the ringing.

# %%
figure = Figure(figsize=(9, 2.4), layout="constrained")
left, right = figure.subplots(1, 2, width_ratios=(2, 1))
left.plot(seconds, wave, color=BLUE, linewidth=0.4)
left.set(xlabel="time (s)", ylabel="amplitude (full scale 1)", title="the whole clip")
part = slice(int(1.58 * RATE), int(1.62 * RATE))
left.axvspan(1.58, 1.62, color=ORANGE, alpha=0.6)
right.plot(1000 * seconds[part], wave[part], color=BLUE)
right.set(xlabel="time (ms)", title="40 ms of it")
figure

# %% [markdown]
# ## 2. Frames and a window
#
# A voice changes all the time, so we cut it into short frames in which it hardly does: `n_fft` =
# 2048 samples (128 ms), one every `hop_length` = 512 samples (32 ms). The first frame is centred
# on the first sample, with zeros before it. Each frame is faded in and out by a Hann window: a
# hard cut would sound like a click, and a click holds all frequencies.

# %%
N_FFT, HOP = 2048, 512
padded = np.pad(wave, N_FFT // 2)
starts = np.arange(0, len(padded) - N_FFT + 1, HOP)
frames = np.stack([padded[start : start + N_FFT] for start in starts])
window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)
chosen = 50  # the frame around the 40 ms above, in the middle of a long vowel
print(
    f"{len(frames)} frames = 1 + 48000 // 512; frame {chosen} is centred on "
    f"{chosen * HOP / RATE:.2f} s"
)

figure = Figure(figsize=(9, 2.3), layout="constrained")
for axis, values, title in zip(
    figure.subplots(1, 2, sharey=True),
    (frames[chosen], frames[chosen] * window),
    ("one frame as cut", "times the Hann window"),
    strict=True,
):
    axis.plot(1000 * np.arange(N_FFT) / RATE, values, color=BLUE, linewidth=0.7)
    axis.set(xlabel="time in the frame (ms)", title=title)
axis.figure.axes[0].set_ylabel("amplitude")
axis.plot(1000 * np.arange(N_FFT) / RATE, window * np.abs(frames[chosen]).max(), color=ORANGE)
figure

# %% [markdown]
# ## 3. One spectrum
#
# The Fourier transform tells how much of each frequency a frame holds: 1 + 2048 / 2 = 1025 numbers
# from 0 to 8,000 Hz, 7.8 Hz apart. The comb of peaks is the pitch and its multiples; the hills
# over which the comb runs are the formants, the ringing of mouth and throat. Without the window
# each peak leaks over its neighbours and fills the valleys.

# %%
hertz = np.fft.rfftfreq(N_FFT, 1 / RATE)
spectrum = np.abs(np.fft.rfft(frames[chosen] * window)) ** 2
hard_cut = np.abs(np.fft.rfft(frames[chosen])) ** 2

figure = Figure(figsize=(9, 2.8), layout="constrained")
axis = figure.subplots()
axis.plot(hertz, 10 * np.log10(hard_cut), color=ORANGE, linewidth=1, label="as cut")
axis.plot(hertz, 10 * np.log10(spectrum), color=BLUE, linewidth=1, label="with the window")
axis.set(xlim=(0, 4000), ylim=(-60, 45), xlabel="frequency (Hz)", ylabel="power (dB)")
axis.set_title("The spectrum of one frame")
axis.legend(loc="upper right")
axis.grid(alpha=0.3)
figure

# %% [markdown]
# ## 4. The spectrogram
#
# All spectra beside each other make an image. As it stands it is nearly black: a few peaks hold
# almost all of the power.

# %%
power = np.abs(np.fft.rfft(frames * window, axis=1)).T ** 2  # (1025 frequencies, 94 frames)


def show(axis, image, title, **style):
    """Draw an image (bins, frames) over time; returns what a colour bar needs."""
    edges = ((-0.5) * HOP / RATE, (image.shape[1] - 0.5) * HOP / RATE)
    style = {"cmap": "magma", "extent": (*edges, -0.5, len(image) - 0.5)} | style
    axis.set(xlabel="time (s)", title=title)
    return axis.imshow(image, origin="lower", aspect="auto", interpolation="nearest", **style)


figure = Figure(figsize=(9, 2.8), layout="constrained")
axis = figure.subplots()
drawn = show(axis, power, "power", extent=(0, 3, 0, 8))
axis.set(ylabel="frequency (kHz)")
figure.colorbar(drawn, label="power")
strongest = np.sort(power.ravel())[::-1]
share = np.searchsorted(np.cumsum(strongest) / strongest.sum(), 0.9) / power.size
print(f"90 % of the power lies in {share:.1%} of the {power.size} cells")
figure

# %% [markdown]
# ## 5. The mel bank
#
# We hear 200 and 300 Hz as far apart, 7,200 and 7,300 Hz hardly. The mel scale follows the ear:
# straight up to 1 kHz, logarithmic above. 128 triangles, evenly spaced in mel, gather the 1025
# frequencies into 128 bands; each is scaled to the same area, so that wide ones are low.


# %%
def hz_to_mel(hertz):
    """Slaney's scale: 200/3 Hz a mel below 1 kHz; above, 27 mels multiply by 6.4."""
    hertz = np.asarray(hertz, float)
    above = 15 + 27 * np.log(np.maximum(hertz, 1000) / 1000) / np.log(6.4)
    return np.where(hertz < 1000, 3 * hertz / 200, above)


def mel_to_hz(mels):
    """The inverse."""
    return np.where(mels < 15, 200 * mels / 3, 1000 * np.exp(np.log(6.4) / 27 * (mels - 15)))


N_MELS = 128
edges = mel_to_hz(np.linspace(0, hz_to_mel(RATE / 2), N_MELS + 2))
bank = np.zeros((N_MELS, len(hertz)))
for band in range(N_MELS):
    low, centre, high = edges[band : band + 3]
    rising, falling = (hertz - low) / (centre - low), (high - hertz) / (high - centre)
    bank[band] = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
mel = bank @ power  # (128 bands, 94 frames)

figure = Figure(figsize=(9, 2.6), layout="constrained")
left, right = figure.subplots(1, 2)
left.plot(np.arange(8001), hz_to_mel(np.arange(8001)), color=BLUE)
left.set(xlabel="frequency (Hz)", ylabel="mel", title="the scale")
left.grid(alpha=0.3)
for band in range(0, N_MELS, 9):
    right.plot(hertz, 1000 * bank[band], color=BLUE, linewidth=1)
right.set(xlabel="frequency (Hz)", ylabel="weight (1/1000)", title="every ninth filter of 128")
figure

# %% [markdown]
# ## 6. Decibels
#
# The ear judges loudness by ratios, and so should we: 10 log10 turns a factor of ten into 10 dB.
# Three things happen at once. The image shows all of the voice instead of its peaks; its numbers
# are spread evenly, which networks like; and turning the volume up adds a constant instead of
# multiplying everything. What lies more than 80 dB below the peak **of this clip** is set to that
# floor: nobody hears it, and log10 of 0 would be minus infinity.


# %%
def to_decibels(power):
    """10 log10, floored at 1e-10 and 80 dB below the largest value."""
    decibels = 10 * np.log10(np.maximum(power, 1e-10))
    return np.maximum(decibels, decibels.max() - 80)


log_mel = to_decibels(mel)

figure = Figure(figsize=(9, 4.8), layout="constrained")
axes = figure.subplots(2, 2, width_ratios=(2, 1))
for row, image, unit in ((0, mel, "power"), (1, log_mel, "dB")):
    figure.colorbar(show(axes[row, 0], image, f"mel spectrogram ({unit})"), label=unit)
    axes[row, 0].set_ylabel("mel band")
    axes[row, 1].hist(image.ravel(), bins=50, color=BLUE, log=row == 0)
    axes[row, 1].set(xlabel=f"value ({unit})", ylabel="cells", title="how its numbers spread")
figure

# %% [markdown]
# ## 7. The cosine transform: MFCC
#
# Neighbouring bands go up and down together, so much of the image is said twice. The cosine
# transform describes each column by waves along frequency: coefficient 0 is the mean level, 1 the
# balance of low against high, and so on to finer and finer ripples. The first dozen or so hold
# the formants; the comb of the pitch comes later.

# %%
n = np.arange(N_MELS)
cosines = np.sqrt(2 / N_MELS) * np.cos(np.pi * np.outer(n, n + 0.5) / N_MELS)
cosines[0] /= np.sqrt(2)
mfcc = cosines @ log_mel  # as many coefficients as bands; nothing is lost yet

figure = Figure(figsize=(9, 2.9), layout="constrained")
left, right = figure.subplots(1, 2)
for number, colour in ((1, BLUE), (2, ORANGE), (5, VERMILION)):
    left.plot(cosines[number], color=colour, label=f"number {number}")
left.set(xlabel="mel band", ylabel="weight", title="three of the cosines")
left.legend(loc="lower left", fontsize=8)
right.plot(log_mel[:, chosen], color=GREY, linewidth=1, label="column of the image")
for kept, colour in ((13, VERMILION), (40, BLUE)):
    smooth = cosines[:kept].T @ mfcc[:kept, chosen]
    right.plot(smooth, color=colour, label=f"back from {kept} coefficients")
right.set(xlabel="mel band", ylabel="dB", title="what the first coefficients keep")
right.legend(fontsize=8)
figure

# %% [markdown]
# Number 0 is so much larger than the others that it would take all the colours; it is left out of
# the picture. The dark line that wanders around number 20, and its echo at 40, is the comb of the
# pitch: the wider the comb's teeth stand, the lower the number.

# %%
figure = Figure(figsize=(9, 3.0), layout="constrained")
axis = figure.subplots()
extent = (-0.5 * HOP / RATE, 93.5 * HOP / RATE, 0.5, 127.5)
style = {"cmap": "RdBu_r", "vmin": -30, "vmax": 30, "extent": extent}
drawn = show(axis, mfcc[1:], "MFCC 1 to 127", **style)
axis.set_ylabel("coefficient")
figure.colorbar(drawn, label="dB", extend="both")
figure

# %% [markdown]
# **Play with it.** What does a network get that is given 13 coefficients, as speech recognisers
# were for decades? Beside the image is what comes back from as many as are kept.


# %%
def back_from(kept):
    """Draw the log-Mel image and what the first `kept` coefficients give back of it."""
    back = cosines[:kept].T @ mfcc[:kept]
    error = np.sqrt(np.mean((back - log_mel) ** 2))
    figure = Figure(figsize=(9, 2.7), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    scale = {"vmin": log_mel.min(), "vmax": log_mel.max()}
    show(axes[0], log_mel, "log-Mel, 128 bands", **scale)
    title = f"back from {kept}, error {error:.1f} dB (rms)"
    figure.colorbar(show(axes[1], back, title, **scale), ax=axes, label="dB")
    axes[0].set_ylabel("mel band")
    return figure


back_from(13)

# %% [markdown]
# Where the notebook runs, there is a slider under the next cell. From which number on does the comb
# of the pitch come back? And what, of all that is lost before, would you miss as a listener?

# %% tags=["widget"]
import ipywidgets as widgets

slider = widgets.IntSlider(13, 1, 128, description="kept", continuous_update=False)
drawn = widgets.interactive_output(lambda kept: display(back_from(kept)), {"kept": slider})
display(slider, drawn)

# %% [markdown]
# ## 8. Is it right?
#
# The same from the kit and from librosa. They calculate in 32 bits, we in 64: differences of a
# few millionths of the largest value are rounding.

# %%
import librosa

settings = {"n_mfcc": 128, "n_mels": 128, "n_fft": N_FFT, "hop_length": HOP}
kit = serkeras.features.mfcc(wave[None], sample_rate=RATE, **settings)[0]
peer = librosa.feature.mfcc(y=wave, sr=RATE, **settings)
print(f"largest value                 {np.abs(mfcc).max():9.3f}")
print(f"by hand - kit, at most        {np.abs(mfcc - kit).max():.6f}")
print(f"by hand - librosa, at most    {np.abs(mfcc - peer).max():.6f}")
assert np.allclose(mfcc, kit, atol=0.01)
assert np.allclose(mfcc, peer, atol=0.01)

# %% [markdown]
# ## 9. Deltas
#
# MFCC say how a moment sounds, not how it changes. A delta is the slope over time: a straight
# line through nine frames around each one. `mfcc_delta2` is the bend, from a parabola.

# %%
from serkeras.features.delta import delta

places = np.arange(-4, 5)
by_hand = np.array(
    [np.polyfit(places, mfcc[1, t - 4 : t + 5], deg=1)[0] for t in range(4, mfcc.shape[1] - 4)]
)
slopes = delta(mfcc)
print(f"by hand - kit, at most {np.abs(by_hand - slopes[1, 4:-4]).max():.6f} dB a frame")

figure = Figure(figsize=(9, 2.4), layout="constrained")
axis = figure.subplots()
time = np.arange(mfcc.shape[1]) * HOP / RATE
axis.plot(time, mfcc[1], color=BLUE, label="MFCC 1 (dB)")
axis.plot(time, 5 * slopes[1], color=VERMILION, linestyle="--", label="its slope (dB in 5 frames)")
axis.set(xlabel="time (s)", ylabel="dB", title="A coefficient and its delta")
axis.legend(loc="upper right", fontsize=8)
axis.grid(alpha=0.3)
figure

# %% [markdown]
# ## 10. Choices that matter
#
# A long window tells frequencies apart that lie close together, and smears time; a short one does
# the opposite. No setting has both. Left: every sound begins and ends sharply, the harmonics run
# together. Middle: the setting of most of the source reports. Right: every harmonic is a line, and
# what happens within a tenth of a second is blurred.

# %%
trials = (
    {"n_fft": 256, "hop_length": 64, "n_mels": 40},
    {"n_fft": 2048, "hop_length": 512, "n_mels": 128},
    {"n_fft": 4096, "hop_length": 1024, "n_mels": 256},
)
figure = Figure(figsize=(9.5, 2.9), layout="constrained")
for axis, trial in zip(figure.subplots(1, 3), trials, strict=True):
    image = serkeras.features.log_mel(wave[None], sample_rate=RATE, **trial)[0]
    title = ", ".join(f"{name} {value}" for name, value in trial.items()).replace(", n_m", "\nn_m")
    drawn = show(axis, image, title, extent=(0, 3, 0, trial["n_mels"]), vmin=-60, vmax=25)
    axis.set(xlim=(0.9, 1.7), ylabel="mel band")
    axis.title.set_fontsize(9)
figure.colorbar(drawn, ax=figure.axes, label="dB", extend="min")
figure

# %% [markdown]
# **Play with it**, where the notebook runs: choose window and bands. With a short window and many
# bands, black lines run through the image. Why? (How far apart are the frequencies of a short
# window, and how wide is the lowest triangle?)

# %% tags=["widget"]


def with_choices(n_fft, n_mels):
    """Draw 0.8 s of the clip's log-Mel image with these settings."""
    chosen = {"n_fft": n_fft, "hop_length": n_fft // 4, "n_mels": n_mels}
    image = serkeras.features.log_mel(wave[None], sample_rate=RATE, **chosen)[0]
    figure = Figure(figsize=(6, 3), layout="constrained")
    axis = figure.subplots()
    drawn = show(axis, image, f"{chosen}", extent=(0, 3, 0, n_mels), vmin=-60, vmax=25)
    axis.set(xlim=(0.9, 1.7), ylabel="mel band")
    figure.colorbar(drawn, label="dB", extend="min")
    display(figure)


choices = {
    "n_fft": widgets.SelectionSlider(options=[256, 512, 1024, 2048, 4096], value=512),
    "n_mels": widgets.SelectionSlider(options=[20, 40, 80, 128, 256], value=128),
}
for name, choice in choices.items():
    choice.description = name
display(*choices.values(), widgets.interactive_output(with_choices, choices))

# %% [markdown]
# ## 11. Other things to measure
#
# - **pitch**: how fast the vocal folds swing, the melody of the sentence; 0 where they do not.
# - **chroma**: all octaves folded into one. Made for music; of speech it shows the melody, octaves
#   ignored.
# - **spectral contrast**: how far peaks stand above valleys in each octave. A clear, tense voice
#   has deep valleys, a breathy one fills them with noise. The even stripe at the end is no sound:
#   in digital silence both lie on a floor, and librosa puts that of the peaks 80 dB below the
#   clip's largest peak, that of the valleys 80 dB below its largest valley. The difference of
#   the two, here 20 to 30 dB, is all that is left.
# - **Tonnetz**: chroma as a position on axes of fifths and thirds. Speech follows no key; two of
#   the source reports use it all the same, and a network may take of it what it can.

# %%
names = ("pitch", "chroma", "spectral_contrast", "tonnetz")
units = ("Hz", "share", "dB", "")
pair = np.stack([waves["sad"], waves["surprise"]])
figure = Figure(figsize=(9, 6.4), layout="constrained")
axes = figure.subplots(4, 2, sharex=True, sharey="row")
for row, (name, unit) in enumerate(zip(names, units, strict=True)):
    found = serkeras.features.compute(pair, FeatureConfig(name=name), RATE)
    for axis, image, emotion in zip(axes[row], found, ("sad", "surprise"), strict=True):
        title = f"{name}, {emotion}"
        if name == "pitch":
            axis.plot(time, np.where(image[0] > 0, image[0], np.nan), color=BLUE)
            axis.set(title=title, ylim=(80, 450))
            axis.grid(alpha=0.3)
        else:
            signed = {"cmap": "RdBu_r", "vmin": -0.3, "vmax": 0.3}
            scale = {"cmap": "viridis", "vmin": 0, "vmax": found.max()}
            drawn = show(axis, image, title, **(signed if name == "tonnetz" else scale))
        axis.set_xlabel("time (s)" if row == 3 else "")
    axes[row, 0].set_ylabel("Hz" if name == "pitch" else "row")
    if name != "pitch":
        figure.colorbar(drawn, ax=axes[row], label=unit)
figure

# %% [markdown]
# ## 12. Whitening
#
# MFCC take correlation away in one fixed way for all sounds. Whitening fits the way to the clip:
# it scales each bin to deviation 1, whatever its unit, and multiplies each column with P^(-1/2),
# where P holds the correlations between the bins. After that the bins hardly go together any
# more. What remains looks like noise to us; the network gets the details as loud as the coarse
# shape. Report S1 does so with every spectrogram, without scaling the bins first.
#
# With many frames every bin would have deviation 1 again. Here 94 frames can fill at most 93
# independent directions, and 128 bins share them. Directions that hold next to nothing are left
# small: 0.001, the ridge, is added to the variance of each before it is scaled, or rounding
# errors would become as loud as the voice.

# %%
voiced = slice(0, 75)  # without the digital silence at the end
white = serkeras.features.compute(wave[None], FeatureConfig(name="log_mel", whiten=True), RATE)[0]
deviations = white.std(axis=1)
print(f"deviations of the whitened bins: {deviations.min():.2f} to {deviations.max():.2f}")


def correlation(image):
    """Return the matrix of correlations between the bins."""
    return np.corrcoef(image[:, voiced])


figure = Figure(figsize=(9.5, 5.4), layout="constrained")
axes = figure.subplots(2, 3)
columns = (
    ("log-Mel", log_mel, "dB", {}),
    ("MFCC (1 to 39)", mfcc[1:40], "dB", {"cmap": "RdBu_r", "vmin": -30, "vmax": 30}),
    ("log-Mel, whitened", white, "deviations", {"cmap": "RdBu_r", "vmin": -2, "vmax": 2}),
)
for (top, bottom), (title, image, unit, style) in zip(axes.T, columns, strict=True):
    figure.colorbar(show(top, image, title, **style), label=unit)
    matrix = correlation(image)
    size = (-0.5, len(matrix) - 0.5) * 2
    drawn = bottom.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, origin="lower", extent=size)
    apart = np.abs(matrix[~np.eye(len(matrix), dtype=bool)]).mean()
    bottom.set(title=f"mean |r| {apart:.2f}", xlabel="bin", ylabel="bin")
    figure.colorbar(drawn, label="correlation r")
figure

# %% [markdown]
# ## 13. Three resolutions in one picture
#
# Why choose one window? Report S1 takes three and gives them to an image network as red, green
# and blue. First the three:

# %%
config = FeatureConfig(name="multi_resolution", n_fft=4096)
picture = serkeras.features.compute(wave[None], config, RATE)[0]
print("bins, width, channels:", picture.shape)

figure = Figure(figsize=(9, 2.5), layout="constrained")
axes = figure.subplots(1, 3, sharey=True)
for channel, (axis, samples) in enumerate(zip(axes, config.windows, strict=True)):
    show(axis, picture[..., channel], f"window {samples}", extent=(0, 3, 0, 128))
    axis.set_xlim(0.6, 1.8)
axes[0].set_ylabel("mel band")
figure

# %% [markdown]
# Together: where the picture is grey all three agree; colours show where only the short window
# (red: sudden) or only the long one (blue: steady) sees something.

# %%
low, high = np.percentile(picture.reshape(-1, 3), (20, 99.5), axis=0)
figure = Figure(figsize=(5, 2.8), layout="constrained")
axis = figure.subplots()
show(axis, np.clip((picture - low) / (high - low), 0, 1), "as RGB", extent=(0, 3, 0, 128))
axis.set(xlim=(0.6, 1.8), ylabel="mel band")
figure

# %% [markdown]
# ## 14. One number a bin
#
# The other extreme: forget the order of time and keep the mean of each bin. Issa et al. (2020)
# describe a clip by 193 such numbers: 40 MFCC, 12 chroma, 128 mel, 7 contrast, 6 Tonnetz.

# %%
issa = FeatureConfig(name="mfcc+chroma+mel+spectral_contrast+tonnetz", n_mfcc=40, average="time")
emotions = ("sad", "angry", "surprise")
vectors = serkeras.features.compute(np.stack([waves[e] for e in emotions]), issa, RATE)
print("clips, numbers:", vectors.shape)

figure = Figure(figsize=(9, 2.5), layout="constrained")
axis = figure.subplots()
for vector, emotion, style in zip(vectors, emotions, ("-", "--", ":"), strict=True):
    colour = dict(zip(emotions, (BLUE, VERMILION, "black"), strict=True))[emotion]
    axis.plot(range(1, 40), vector[1:40], style, color=colour, label=emotion)
axis.set(xlabel="MFCC number", ylabel="mean over time (dB)", title="39 of the 193")
axis.legend()
axis.grid(alpha=0.3)
figure

# %% [markdown]
# ## 15. Stacks
#
# A `+` in a feature's name puts several images on top of each other. Their units have nothing in
# common: decibels by the hundred beside shares between 0 and 1, which on one scale of colours
# cannot be seen at all. That is why a run of the kit gives each bin mean 0 and deviation 1 before
# the network. It learns both from its training clips; here there is only this clip, and each bin
# is scaled by its own frames.

# %%
stack = FeatureConfig(name="log_mel+mfcc+chroma", n_mfcc=40)
image = serkeras.features.compute(wave[None], stack, RATE)[0]
parts = {"log_mel": slice(0, 128), "mfcc": slice(128, 168), "chroma": slice(168, 180)}
for name, rows in parts.items():
    print(f"{name:8} {image[rows].min():8.2f} to {image[rows].max():7.2f}")

scaled = (image - image.mean(axis=1, keepdims=True)) / image.std(axis=1, keepdims=True)
figure = Figure(figsize=(9, 3.0), layout="constrained")
left, right = figure.subplots(1, 2, sharey=True)
figure.colorbar(show(left, image, "as computed", cmap="viridis"), label="dB (chroma: share)")
drawn = show(right, scaled, "each bin scaled by this clip", cmap="RdBu_r", vmin=-2, vmax=2)
figure.colorbar(drawn, label="deviations", extend="both")
left.set_yticks([64, 148, 174], parts)
for axis in (left, right):
    for rows in list(parts.values())[1:]:
        axis.axhline(rows.start - 0.5, color="black", linewidth=0.8)
figure

# %% [markdown]
# ## 16. All of them on one page
#
# The atlas: a row for each feature, a column for each emotion, one speaker, one sentence, one
# scale along each row. For which features could *you* tell the emotions apart?

# %%
import IPython

from serkeras.evaluation import atlas

rows = atlas.default_rows()
same = clips[clips["intensity"].eq("strong") | clips["emotion"].eq("neutral")]
if FAST:
    rows = rows[:1] + rows[6:8]
page = atlas.feature_atlas(same, speaker="synthetic-02", features=rows)
small = io.BytesIO()
page.savefig(small, format="jpeg", dpi=54, pil_kwargs={"quality": 40})
IPython.display.Image(small.getvalue())

# %% [markdown]
# The same in one line, for your own recordings and for print:
# `atlas.write("atlas.png", serkeras.datasets.load("ravdess"))`.
#
# ## 17. Break it: one floor for the whole batch
#
# Features are computed batch by batch, so it is tempting to hand a whole batch to a function that
# takes arrays of any shape. Watch the decibel floor: `librosa.power_to_db` puts it 80 dB below
# the largest value **of the array**. For a soft voice that shares its batch with a shout the floor
# rises: the pause behind the words and the faintest sounds get other numbers.
# `keras.layers.MelSpectrogram` does the same.

# %%
quiet, loud = waves["sad"], waves["angry"]


def by_librosa(batch):
    """Log-Mel of a batch, the floor taken over all of it."""
    return librosa.power_to_db(librosa.feature.melspectrogram(y=batch, sr=RATE), top_db=80)


os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras

layer = keras.layers.MelSpectrogram(
    fft_length=2048, sequence_stride=512, num_mel_bins=128, sampling_rate=RATE, max_freq=RATE / 2
)
ways = {
    "librosa on the batch": by_librosa,
    "keras.layers.MelSpectrogram": lambda batch: keras.ops.convert_to_numpy(layer(batch)),
    "serkeras.features.log_mel": lambda batch: serkeras.features.log_mel(batch, sample_rate=RATE),
}
alone, beside = np.stack([quiet]), np.stack([quiet, loud])
print("The quiet clip, alone against beside a loud one:")
for name, way in ways.items():
    change = np.abs(way(beside)[0] - way(alone)[0])
    changed = (change > 0.01).mean()
    print(f"{name:28} at most {change.max():5.1f} dB, {changed:4.0%} of the cells changed")

# %% [markdown]
# The same as a picture: on the left the quiet clip as it is, in the middle what a loud neighbour
# leaves of it, on the right what the kit makes of it beside the same neighbour.

# %%
figure = Figure(figsize=(9, 2.7), layout="constrained")
axes = figure.subplots(1, 3, sharey=True)
images = (by_librosa(alone)[0], by_librosa(beside)[0], ways["serkeras.features.log_mel"](beside)[0])
titles = ("librosa, alone", "librosa, beside a loud clip", "serkeras, beside a loud clip")
for axis, image, title in zip(axes, images, titles, strict=True):
    drawn = show(axis, image, title, vmin=-90, vmax=10)
axes[0].set_ylabel("mel band")
figure.colorbar(drawn, ax=axes, label="dB")
figure

# %% [markdown]
# The network would be shown another picture of the same clip in every epoch, and yet another one
# when it is asked about this clip alone. The test figures would depend on the order of the files.
# Computed clip by clip there is nothing to go wrong: alone or in a batch, the same to the last
# bit.

# %% [markdown]
# ## 18. Exercises
#
# Write each function, run its cell, then the check behind it. The check calls your function with
# values of its own: return the result, and use nothing but the arguments.
#
# **3.1** How many frames has a clip? The first is centred on the first sample, as in step 2.


# %%
def count_frames(samples, n_fft, hop_length):
    """Return the number of frames, an int."""
    # <solution>
    return 1 + samples // hop_length  # half a frame of padding on both sides: n_fft cancels out
    # </solution>


# %%
from serkeras import labs

if labs.check("3.1", count_frames):
    silence = np.zeros((1, 5 * RATE), np.float32)
    counted = serkeras.features.log_mel(silence, n_fft=1024, hop_length=256).shape[2]
    print(f"5 s as in report S2: {count_frames(5 * RATE, 1024, 256)}, counted {counted}")

# %% [markdown]
# **3.2** Multiply all samples of a clip by `factor`. By how much does MFCC 0 change? Think of the
# change of every band in dB first; cosine number 0 is the constant 1 / sqrt(n_mels).


# %%
def change_of_mfcc_0(factor, n_mels):
    """Return the change of coefficient 0 in dB, a float."""
    # <solution>
    return 20 * np.log10(factor) * np.sqrt(n_mels)
    # </solution>


# %%
if labs.check("3.2", change_of_mfcc_0):
    louder = serkeras.features.mfcc(10 * wave[None], sample_rate=RATE)[0]
    difference = (louder - kit)[:, 20:60]  # where no band lies on the floor of 1e-10
    print(f"number 0: {difference[0].mean():.2f}, predicted {change_of_mfcc_0(10, 128):.2f}")
    print(f"all others: at most {np.abs(difference[1:]).max():.4f}")

# %% [markdown]
# **3.3** How many coefficients are needed to get an image `(bands, frames)` back within `error_db`
# (root mean square)? `cosines` are those of step 7, one a row. The slider there helps to check.


# %%
def coefficients_needed(image, cosines, error_db):
    """Return the least number of coefficients, an int."""
    # <solution>
    mfcc = cosines @ image
    for kept in range(1, len(image) + 1):
        back = cosines[:kept].T @ mfcc[:kept]
        if np.sqrt(np.mean((back - image) ** 2)) <= error_db:
            return kept
    # </solution>


# %%
if labs.check("3.3", coefficients_needed):
    for error_db in (6, 3, 1):
        kept = coefficients_needed(log_mel, cosines, error_db)
        print(f"within {error_db} dB: {kept} of {N_MELS}")

# %% [markdown]
# **3.4** (open) What does `average="time"` lose that `average="frequency"` keeps? Show it with a
# clip played backwards, and say for which emotions you would expect it to matter.


# %%
def played_backwards():
    """Print how far each average of a clip moves when the clip is played backwards."""
    # <solution>
    backwards = np.stack([wave, wave[::-1]])
    for average in ("time", "frequency"):
        config = FeatureConfig(name="log_mel", average=average)
        one, other = serkeras.features.compute(backwards, config, RATE)
        print(f"mean over {average:9}: differs by {np.abs(one - other).mean():5.2f} dB on average")
    # </solution>


# %%
labs.attempt(played_backwards)

# %% [markdown]
# ## What we learned
#
# - Frames, window, Fourier transform, mel bank, decibels, cosine transform: six small steps, each
#   of which throws something away on purpose (phase, fine frequency, fine level, the last
#   coefficients).
# - Decibels turn loudness into an offset and show the whole voice.
# - The window trades time for frequency; three windows at once are one way out.
# - Units differ between features: scale each bin before you stack them.
# - A feature must give a clip alone what it gives in a batch. Ask that of every library.
#
# **Further reading:** S. S. Stevens, J. Volkmann and E. B. Newman, *A scale for the measurement of
# the psychological magnitude pitch*, Journal of the Acoustical Society of America 8(3), 1937.
# S. Davis and P. Mermelstein, *Comparison of parametric representations for monosyllabic word
# recognition in continuously spoken sentences*, IEEE TASSP 28(4), 1980. A. Kessy, A. Lewin and
# K. Strimmer, *Optimal whitening and decorrelation*, The American Statistician 72(4), 2018. All
# features, their settings and shapes: `docs/features.md`.

# %% [markdown]
# ## Hand in
#
# Put your name between the quotes.

# %%
labs.score("")
