"""One page, its figures and its tables, as a pure function of an export directory."""

from __future__ import annotations

from bench.report.page import write_figures, write_report

__all__ = ["write_figures", "write_report"]
