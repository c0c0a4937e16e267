"""What a finished run's network listened to in a recording."""

from pathlib import Path

from serkeras import audio
from serkeras.ensembles import open_run
from serkeras.evaluation.attention import attention, find_attention
from serkeras.evaluation.attention_figure import attention_figure
from serkeras.serving.waveforms import clip_features, network_inputs


def show_attention(run, path):
    """Draw a recording and what the run's network listened to in it.

    Args:
        run: `serkeras.Run` or the path of its folder; its network has an attention layer.
        path: a recording; longer ones are cut as clips are in training.

    Returns:
        `matplotlib.figure.Figure`, and the `serkeras.evaluation.attention.Attention`.

    Raises:
        ValueError: the network has no attention layer, or computes its features itself.
        serkeras.audio.AudioError: the recording cannot be read or is too short.
    """
    from serkeras.training import by_speaker

    run = open_run(run)
    experiment = run.experiment
    if experiment.features.in_graph:
        raise ValueError(
            "A figure of attention needs features outside the model. Received: a run with "
            "features.in_graph=true. Train it with features.in_graph=false."
        )
    find_attention(run.model)  # raises before the recording is read
    by_speaker.halves(run.model, one_speaker=False)  # warns where nobody is enrolled
    wave = audio.load_clip(path, experiment.audio)
    features = clip_features(wave, experiment, str(path))
    x = network_inputs([features], masked=isinstance(run.model.input, dict))
    found = attention(run.model, x)
    probabilities = run.model.predict(x, verbose=0)[0]
    best = int(probabilities.argmax())
    title = f"{Path(path).name}: {run.labels[best]} ({100 * probabilities[best]:.0f} %)"
    rate, hop = experiment.audio.sample_rate, experiment.features.hop_length
    averaged = experiment.features.average
    return attention_figure(wave, rate, features, hop, found, title, averaged), found
