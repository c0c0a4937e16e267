"""Ask an exported ONNX model about recordings; needs no Keras and no serkeras.

pip install onnxruntime soundfile soxr
python predict.py model.onnx clip.wav [more.wav ...]
"""

import json
import sys

import numpy as np
import onnxruntime
import soundfile
import soxr


def read(path, sample_rate):
    """Return a recording as a mono float32 array `(samples,)` at a sample rate."""
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(wave.mean(axis=1), rate, sample_rate, quality="HQ")


def windows(wave, samples):
    """Cut a long recording into clips of the model's length that overlap by half."""
    if len(wave) < 2 * samples:
        return [wave]
    starts = [*range(0, len(wave) - samples, samples // 2), len(wave) - samples]
    return [wave[start : start + samples] for start in starts]


def main():
    """Print what the model says of each recording."""
    model, *paths = sys.argv[1:]
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["serkeras"])
    print(f"{about['protocol']}: UAR {100 * about['uar']['value']:.1f} %. {about['warning']}")
    for path in paths:
        wave = read(path, about["input"]["sample_rate"])
        clips = windows(wave, about["input"]["samples"])
        said = [session.run(["probabilities"], {"waveform": clip[None]})[0][0] for clip in clips]
        ranked = sorted(zip(np.mean(said, axis=0), about["labels"], strict=True), reverse=True)
        print(path, *(f"{label} {probability:.2f}" for probability, label in ranked))


if __name__ == "__main__":
    main()
