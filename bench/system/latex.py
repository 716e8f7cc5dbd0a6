"""Escaping of text for LaTeX."""

from __future__ import annotations

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "\N{MINUS SIGN}": "$-$",
        "\N{EN DASH}": "--",
        "\N{INFINITY}": r"$\infty$",
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
)


def escaped(text: str) -> str:
    """Escape LaTeX's special characters, and replace line breaks by spaces."""
    return " ".join(text.split()).translate(_ESCAPES)
