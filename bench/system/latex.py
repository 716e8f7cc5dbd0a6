"""Text in LaTeX's own writing."""

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
    """A text that LaTeX shows as it is, whatever characters of its own are in it."""
    return " ".join(text.split()).translate(_ESCAPES)
