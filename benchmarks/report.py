"""Tables of ratios, and pictures of them."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path
from typing import Final, Literal

WIDTH, ROW_HEIGHT, LABEL_WIDTH = 900, 34, 400
COLORS: Final = ("#2a7f62", "#c2703d", "#4a6fa5")


@dataclass(frozen=True, slots=True)
class RatioRow:
    """Two things measured in turn, and what their ratio should reach.

    Shape: of a `rate` more is better and it should be at least `bar` times the other; `faster` and `slower` are times:
    it should be at least, or at most, `bar` times as fast, or as slow; or as small or large, in another `unit`.
    """

    label: str
    measured: Sequence[float]
    reference: Sequence[float]
    target: float
    kind: Literal["rate", "faster", "slower"] = "rate"
    unit: str = "ms"

    def _compute_ratio(self, measured: float, reference: float) -> float:
        return reference / measured if self.kind == "faster" else measured / reference

    @property
    def ratios(self) -> list[float]:
        """Of each round, sorted."""
        return sorted(
            self._compute_ratio(*pair) for pair in zip(self.measured, self.reference, strict=True)
        )

    @property
    def ratio(self) -> float:
        """Of the medians."""
        return self._compute_ratio(
            statistics.median(self.measured), statistics.median(self.reference)
        )

    @property
    def target_share(self) -> float:
        """How much of the bar: 1 is all of it."""
        return self.target / self.ratio if self.kind == "slower" else self.ratio / self.target

    def format_median(self, numbers: Sequence[float]) -> str:
        """Their median with its unit."""
        return format_number(statistics.median(numbers)) + (
            "" if self.kind == "rate" else f" {self.unit}"
        )


def format_rows(rows: Sequence[RatioRow]) -> str:
    """The table of the rows."""
    cells = []
    for row in rows:
        low, high = row.ratios[0], row.ratios[-1]
        target = f"{'at most ' if row.kind == 'slower' else ''}{row.target:.2f}"
        ratio = f"{row.ratio:.2f} ({low:.2f} to {high:.2f})"
        outcome = "met" if row.target_share >= 1 else "missed"
        cells.append(
            [
                row.label,
                row.format_median(row.measured),
                row.format_median(row.reference),
                ratio,
                target,
                outcome,
            ]
        )
    return format_table(["what", "here", "compared with", "ratio (spread)", "bar", ""], cells)


def write_report(folder: Path, name: str, rows: Sequence[RatioRow]) -> None:
    """The table and the picture of the rows are in the folder, and the table is printed."""
    write_files(folder, name, format_rows(rows), draw_ratios(rows))


def write_files(folder: Path, name: str, text: str, picture: str) -> None:
    """Both are in the folder, and the words are printed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text, "utf-8")
    (folder / f"{name}.svg").write_text(picture, "utf-8")
    print(text)


def format_table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table, its first column words and the others numbers."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def format_number(number: float) -> str:
    """A number, short."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.3g}"


def draw_ratios(rows: Sequence[RatioRow]) -> str:
    """Each ratio as a part of its bar; the line is the bar."""
    unit, height = (WIDTH - LABEL_WIDTH) / 2, ROW_HEIGHT * (len(rows) + 1)
    parts = [_open_canvas(height)]
    for index, row in enumerate(rows):
        top, shown_share = ROW_HEIGHT * index + 8, min(row.target_share, 2.0)
        fill = COLORS[shown_share < 1]
        parts.append(_draw_text(LABEL_WIDTH - 8, top + 14, row.label, "end"))
        parts.append(
            f'<rect x="{LABEL_WIDTH}" y="{top}" width="{shown_share * unit:.0f}" height="20" fill="{fill}"/>'
        )
        parts.append(
            f'<text x="{LABEL_WIDTH + 6}" y="{top + 14}" font-size="12" fill="white">{row.ratio:.2f}</text>'
        )
    line = LABEL_WIDTH + unit
    parts.append(
        f'<line x1="{line:.0f}" y1="0" x2="{line:.0f}" y2="{height - ROW_HEIGHT + 8}" stroke="black"/>'
    )
    parts.append(_draw_text(line, height - 8, "the bar", "middle") + "</svg>")
    return "\n".join(parts) + "\n"


def draw_curves(label: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Milliseconds by how many there are, each axis by powers of ten."""
    left, right, top, bottom = 60, 560, 20, 300
    points = [(log10(x), log10(y)) for line in lines.values() for x, y in line]
    min_power, max_x = int(min(x for x, _ in points)), max(x for x, _ in points)
    low, high = int(min(0, *(y for _, y in points))), int(max(y for _, y in points)) + 1
    parts = [_open_canvas(bottom + 50)]

    def to_canvas(x: float, y: float) -> tuple[float, float]:
        x_position = left + (right - left) * (log10(x) - min_power) / (max_x - min_power)
        return x_position, bottom - (bottom - top) * (log10(y) - low) / (high - low)

    for power in range(min_power, int(max_x) + 1):
        x_position, _ = to_canvas(10**power, 10**low)
        parts.append(
            f'<line x1="{x_position:.0f}" y1="{top}" x2="{x_position:.0f}" y2="{bottom}" stroke="#ddd"/>'
        )
        parts.append(_draw_text(x_position, bottom + 18, f"{10**power:,}", "middle"))
    for power in range(low, high + 1):
        _, y_position = to_canvas(10**min_power, 10**power)
        parts.append(
            f'<line x1="{left}" y1="{y_position:.0f}" x2="{right}" y2="{y_position:.0f}" stroke="#ddd"/>'
        )
        parts.append(_draw_text(left - 6, y_position + 4, f"{10.0**power:,g} ms", "end"))
    for color, (name, line) in zip(COLORS, lines.items(), strict=False):
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in (to_canvas(*point) for point in line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        _, y_position = to_canvas(*line[-1])
        parts.append(
            f'<text x="{right + 8}" y="{y_position + 4:.0f}" font-size="13" fill="{color}">{escape(name)}</text>'
        )
    parts.append(_draw_text((left + right) / 2, bottom + 40, label, "middle") + "</svg>")
    return "\n".join(parts) + "\n"


def _open_canvas(height: int) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">'


def _draw_text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="13" text-anchor="{anchor}">{escape(text)}</text>'
    )
