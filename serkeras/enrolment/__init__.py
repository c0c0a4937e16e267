"""How many recordings of a speaker a model that normalises by speaker needs."""

from serkeras.enrolment.measuring import measure_enrolment

__all__ = ["measure_enrolment"]
