from __future__ import annotations

from bench.system.latex import escaped


def test_what_latex_reads_as_its_own_is_written_so_that_it_is_shown() -> None:
    assert escaped("50 % of_all & {x} #1 $2\nnext") == r"50 \% of\_all \& \{x\} \#1 \$2 next"
    assert escaped("a\\b ~ ^ \N{MINUS SIGN}1 \N{INFINITY}") == (
        r"a\textbackslash{}b \textasciitilde{} \textasciicircum{} $-$1 $\infty$"
    )
