"""What a reader of a result needs beside it: cards of data and models, one page with everything.

`data_card` describes recordings, `model_card` a trained run in the form of model hubs,
`write_page` gathers a run's report, analyses and cards into one HTML file, and `analyse` makes
those that are missing.
"""

from serkeras.cards.data import data_card
from serkeras.cards.everything import analyse
from serkeras.cards.model import model_card, model_card_text
from serkeras.cards.page import write_page

__all__ = ["analyse", "data_card", "model_card", "model_card_text", "write_page"]
