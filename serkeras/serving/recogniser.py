"""One way to ask whatever answers: a run, an ensemble, an exported file, the model in the box."""

import threading
from pathlib import Path

import numpy as np

from serkeras import audio, ensembles, sharing
from serkeras.config import AudioConfig
from serkeras.serving.waveforms import clip_features, network_inputs

_AT_ONCE = 32  # clips
_MARKS = ("experiment.json", "ensemble.json", "saved_model.pb")  # of folders that answer
_EXPORTS = (".onnx", ".keras", ".tflite")


class Recogniser:
    """Names the emotion of clips that are at hand as waveforms; threads take turns.

    Args:
        model: `Run` or `Ensemble`, path of the folder of either, or of a file that
            `serkeras.exporting.export` wrote. None takes the model in the box.
        threads: of ONNX and LiteRT files; None leaves it to their runtime.

    Attributes:
        labels: emotion of each probability.
        sample_rate: hertz of the waveforms.
        samples: of the longest clip that the model hears at once.
        run: `Run` or `Ensemble`; None of an exported file.
        name: of the model, for titles.
        lock: held while the model answers; for those who ask its parts themselves.

    Raises:
        FileNotFoundError, ValueError: there is no such run or export, or the members of an
            ensemble hear clips of different rates or lengths.
    """

    def __init__(self, model=None, threads=None):
        from serkeras import box

        self.lock = threading.RLock()  # runtimes differ in what they allow two threads
        model = box.folder() if model is None else model
        if is_export(model):
            self._open_export(Path(model), threads)
        else:
            self._open_run(ensembles.open_run(model))

    def _open_run(self, run):
        members = ensembles.answering(run)
        hears = [member.experiment.audio for member in members]
        rates = sorted({one.sample_rate for one in hears})
        if len(rates) > 1:
            raise ValueError(
                "Models that hear the same sound must take one sample rate. Received: "
                f"{run.folder} with members at {rates} Hz. Use one member."
            )
        # The folder of a packed run is called as somebody else's machine would have it.
        packed = sharing.is_packed(run.folder)
        self.run, self.labels = run, run.labels
        self.name = run.experiment.recipe if packed else run.folder.name
        self.sample_rate, self.samples = rates[0], max(one.samples for one in hears)
        self._ask = lambda waves: _ask_run(run, members, waves)

    def _open_export(self, path, threads):
        from serkeras.exporting import Exported

        exported = Exported(path, threads)
        self.run, self.labels, self.name = None, exported.labels, path.name
        self.sample_rate = exported.sample_rate
        self.samples = exported.about["input"]["samples"]
        self._ask = lambda waves: _ask_export(exported, waves)

    def probabilities(self, waves):
        """Return float32 `(clips, classes)`.

        Args:
            waves: list of float32 arrays `(any,)` of full scale 1.0 at `sample_rate`, each one
                clip: trimmed, levelled, cut or padded at its end as a training clip was.

        Raises:
            serkeras.audio.AudioError: a clip is too short for the feature.
        """
        if not len(waves):
            return np.zeros((0, len(self.labels)), np.float32)
        with self.lock:
            return np.asarray(self._ask(waves), np.float32)


def is_model(word):
    """Whether a word of a command names a model rather than a recording, str."""
    path = Path(word)
    if path.is_dir():
        return any((path / name).is_file() for name in _MARKS)
    return path.suffix in _EXPORTS or word.startswith(sharing.PREFIX)


def is_export(model):
    """Whether something is the path of an exported file, or of a SavedModel, and no run."""
    if not isinstance(model, (str, Path)):
        return False
    return Path(model).is_file() or (Path(model) / "saved_model.pb").is_file()


def _ask_run(run, members, waves):
    said = np.stack([_ask_member(member, waves) for member in members])
    return said[0] if run is members[0] else run.join(said)


def _ask_member(run, waves):
    from serkeras.training import by_speaker

    settings, said = run.experiment, []
    listen, answer = by_speaker.halves(run.model, one_speaker=False)
    size = settings.model.clips_at_once(_AT_ONCE)
    for start in range(0, len(waves), size):
        fitted = [audio.fit(wave, settings.audio) for wave in waves[start : start + size]]
        found = [clip_features(clip, settings, "a window of the sound") for clip in fitted]
        said.append(answer(listen(network_inputs(found, masked=len(run.model.inputs) == 2))))
    return np.concatenate(said)


def _ask_export(exported, waves):
    prepare = exported.about["input"].get("prepare")
    if prepare:
        settings = AudioConfig.from_dict(prepare)
        waves = [audio.fit(wave, settings) for wave in waves]
    # A batch has one length, and zeros at the end would change what is levelled.
    said = np.zeros((len(waves), len(exported.labels)), np.float32)
    lengths = np.array([len(wave) for wave in waves])
    for length in np.unique(lengths):
        (places,) = np.nonzero(lengths == length)
        said[places] = exported.predict(np.stack([waves[place] for place in places]))
    return said
