"""A table of ratios and a picture of them."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, STEP, LEFT = 900, 34, 400


@dataclass(frozen=True, slots=True)
class Row:
    """Two things measured in turn. Units: more is better, in both; `bar` is what the ratio should reach."""

    what: str
    mine: Sequence[float]
    other: Sequence[float]
    bar: float

    @property
    def ratios(self) -> list[float]:
        """Of each round, sorted."""
        return sorted(mine / other for mine, other in zip(self.mine, self.other, strict=True))

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return statistics.median(self.mine) / statistics.median(self.other)


def markdown(rows: Sequence[Row]) -> str:
    """The table."""
    lines = ["| what | here | compared with | ratio (spread) | bar | |", "|---|---:|---:|---:|---:|---|"]
    for row in rows:
        low, high = row.ratios[0], row.ratios[-1]
        both = " | ".join(_shown(statistics.median(found)) for found in (row.mine, row.other))
        met = "met" if row.ratio >= row.bar else "missed"
        lines.append(f"| {row.what} | {both} | {row.ratio:.2f} ({low:.2f} to {high:.2f}) | {row.bar:.2f} | {met} |")
    return "\n".join(lines) + "\n"


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def plot(rows: Sequence[Row]) -> str:
    """Each ratio as a part of its bar; the line is the bar."""
    unit, height = (WIDTH - LEFT) / 2, STEP * (len(rows) + 1)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">']
    for place, row in enumerate(rows):
        top, part = STEP * place + 8, min(row.ratio / row.bar, 2.0)
        fill = "#2a7f62" if part >= 1 else "#c2703d"
        parts.append(f'<text x="{LEFT - 8}" y="{top + 14}" font-size="13" text-anchor="end">{escape(row.what)}</text>')
        parts.append(f'<rect x="{LEFT}" y="{top}" width="{part * unit:.0f}" height="20" fill="{fill}"/>')
        parts.append(f'<text x="{LEFT + 6}" y="{top + 14}" font-size="12" fill="white">{row.ratio:.2f}</text>')
    line = LEFT + unit
    parts.append(f'<line x1="{line:.0f}" y1="0" x2="{line:.0f}" y2="{height - STEP + 8}" stroke="black"/>')
    parts.append(f'<text x="{line:.0f}" y="{height - 8}" font-size="12" text-anchor="middle">the bar</text></svg>')
    return "\n".join(parts) + "\n"
