"""Tables of ratios, and pictures of them."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path
from typing import Final, Literal

WIDTH, STEP, LEFT = 900, 34, 400
COLORS: Final = ("#2a7f62", "#c2703d", "#4a6fa5")


@dataclass(frozen=True, slots=True)
class Row:
    """Two things measured in turn, and what their ratio should reach.

    Shape: of a `rate` more is better and it should be at least `bar` times the other; `faster` and `slower` are times:
    it should be at least, or at most, `bar` times as fast, or as slow; or as small or large, in another `unit`.
    """

    what: str
    mine: Sequence[float]
    other: Sequence[float]
    bar: float
    kind: Literal["rate", "faster", "slower"] = "rate"
    unit: str = "ms"

    def _of(self, mine: float, other: float) -> float:
        return other / mine if self.kind == "faster" else mine / other

    @property
    def ratios(self) -> list[float]:
        """Of each round, sorted."""
        return sorted(self._of(*pair) for pair in zip(self.mine, self.other, strict=True))

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return self._of(statistics.median(self.mine), statistics.median(self.other))

    @property
    def reached(self) -> float:
        """How much of the bar: 1 is all of it."""
        return self.bar / self.ratio if self.kind == "slower" else self.ratio / self.bar

    def shown(self, values: Sequence[float]) -> str:
        """Their median with its unit."""
        return shown(statistics.median(values)) + ("" if self.kind == "rate" else f" {self.unit}")


def markdown(rows: Sequence[Row]) -> str:
    """The table of the rows."""
    cells = []
    for row in rows:
        low, high = row.ratios[0], row.ratios[-1]
        bar = f"{'at most ' if row.kind == 'slower' else ''}{row.bar:.2f}"
        ratio = f"{row.ratio:.2f} ({low:.2f} to {high:.2f})"
        met = "met" if row.reached >= 1 else "missed"
        cells.append([row.what, row.shown(row.mine), row.shown(row.other), ratio, bar, met])
    return table(["what", "here", "compared with", "ratio (spread)", "bar", ""], cells)


def write(folder: Path, name: str, rows: Sequence[Row]) -> None:
    """The table and the picture of the rows are in the folder, and the table is printed."""
    keep(folder, name, markdown(rows), plot(rows))


def keep(folder: Path, name: str, words: str, picture: str) -> None:
    """Both are in the folder, and the words are printed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(words, "utf-8")
    (folder / f"{name}.svg").write_text(picture, "utf-8")
    print(words)


def table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table, its first column words and the others numbers."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def shown(value: float) -> str:
    """A number, short."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def plot(rows: Sequence[Row]) -> str:
    """Each ratio as a part of its bar; the line is the bar."""
    unit, height = (WIDTH - LEFT) / 2, STEP * (len(rows) + 1)
    parts = [_canvas(height)]
    for place, row in enumerate(rows):
        top, part = STEP * place + 8, min(row.reached, 2.0)
        fill = COLORS[part < 1]
        parts.append(_text(LEFT - 8, top + 14, row.what, "end"))
        parts.append(
            f'<rect x="{LEFT}" y="{top}" width="{part * unit:.0f}" height="20" fill="{fill}"/>'
        )
        parts.append(
            f'<text x="{LEFT + 6}" y="{top + 14}" font-size="12" fill="white">{row.ratio:.2f}</text>'
        )
    line = LEFT + unit
    parts.append(
        f'<line x1="{line:.0f}" y1="0" x2="{line:.0f}" y2="{height - STEP + 8}" stroke="black"/>'
    )
    parts.append(_text(line, height - 8, "the bar", "middle") + "</svg>")
    return "\n".join(parts) + "\n"


def curves(what: str, found: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Milliseconds by how many there are, each axis by powers of ten."""
    left, right, top, bottom = 60, 560, 20, 300
    points = [(log10(x), log10(y)) for line in found.values() for x, y in line]
    first, last = int(min(x for x, _ in points)), max(x for x, _ in points)
    low, high = int(min(0, *(y for _, y in points))), int(max(y for _, y in points)) + 1
    parts = [_canvas(bottom + 50)]

    def place(x: float, y: float) -> tuple[float, float]:
        across = left + (right - left) * (log10(x) - first) / (last - first)
        return across, bottom - (bottom - top) * (log10(y) - low) / (high - low)

    for power in range(first, int(last) + 1):
        across, _ = place(10**power, 10**low)
        parts.append(
            f'<line x1="{across:.0f}" y1="{top}" x2="{across:.0f}" y2="{bottom}" stroke="#ddd"/>'
        )
        parts.append(_text(across, bottom + 18, f"{10**power:,}", "middle"))
    for power in range(low, high + 1):
        _, up = place(10**first, 10**power)
        parts.append(f'<line x1="{left}" y1="{up:.0f}" x2="{right}" y2="{up:.0f}" stroke="#ddd"/>')
        parts.append(_text(left - 6, up + 4, f"{10.0**power:,g} ms", "end"))
    for color, (name, line) in zip(COLORS, found.items(), strict=False):
        route = " ".join(f"{x:.0f},{y:.0f}" for x, y in (place(*point) for point in line))
        parts.append(f'<polyline points="{route}" fill="none" stroke="{color}" stroke-width="2"/>')
        _, up = place(*line[-1])
        parts.append(
            f'<text x="{right + 8}" y="{up + 4:.0f}" font-size="13" fill="{color}">{escape(name)}</text>'
        )
    parts.append(_text((left + right) / 2, bottom + 40, what, "middle") + "</svg>")
    return "\n".join(parts) + "\n"


def _canvas(height: int) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">'


def _text(across: float, down: float, words: str, anchor: str) -> str:
    return f'<text x="{across:.0f}" y="{down:.0f}" font-size="13" text-anchor="{anchor}">{escape(words)}</text>'
