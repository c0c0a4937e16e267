"""A finished run as one file for other runtimes: waveforms in, probabilities out.

`export(run, "onnx")` writes Keras, SavedModel, ONNX or LiteRT; `Exported(path)` opens any of them.
"""

from serkeras.exporting.exported import Exported
from serkeras.exporting.formats import FORMATS
from serkeras.exporting.work import export

__all__ = ["FORMATS", "Exported", "export"]
