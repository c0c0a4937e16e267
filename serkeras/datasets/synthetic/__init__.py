"""The embedded corpus: acted emotions spoken by a source-filter synthesiser.

Made by `generate` in seconds, from a seed alone, so that everything can be tried without a
download. `emotions` holds the numbers, `phones` what is said, `voice` the synthesiser, `clip`
puts them together, `corpus` writes the files.
"""

from serkeras.datasets.synthetic.corpus import CARD, generate, parse, scan

__all__ = ["CARD", "generate", "parse", "scan"]
