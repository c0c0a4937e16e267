"""For whom a model works: sex, speaker, corpus, intensity, statement, age; gaps and their tests.

serkeras.measure_groups("artifacts/runs/NAME")
serkeras.compare_groups(["artifacts/runs/A", "artifacts/runs/B"], out="artifacts/groups")
"""

from serkeras.groups.across import compare_groups
from serkeras.groups.analysis import measure_groups

__all__ = ["compare_groups", "measure_groups"]
