"""Limits on the number and size of a report's pictures."""

from __future__ import annotations

TARGETS_BPP = (0.3, 0.6)
"""Rates at which codecs are shown side by side."""

FARTHEST = 1.5
"""A file whose rate is off a target by more than this factor does not stand for it."""

MOST_BYTES = 64 * 2**20
"""Of all pictures together; later ones are left out, with a note."""
