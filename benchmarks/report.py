"""Tables and pictures of ratios."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import log10
from pathlib import Path
from typing import Final, Literal

WIDTH: Final = 900
ROW_HEIGHT: Final = 34
LABEL_WIDTH: Final = 400
COLORS: Final = ("#2a7f62", "#c2703d", "#4a6fa5")


@dataclass(frozen=True, slots=True)
class RatioRow:
    """Two things measured in turn, and the target of their ratio."""

    label: str
    measured: Sequence[float]
    reference: Sequence[float]
    target: float
    # "rate": more is better, and the ratio must reach the target. "faster" and "slower" are
    # times or sizes: the measured one must be `target` times as fast, or at most so much slower.
    kind: Literal["rate", "faster", "slower"] = "rate"
    unit: str = "ms"  # of times and sizes

    def _compute_ratio(self, measured: float, reference: float) -> float:
        return reference / measured if self.kind == "faster" else measured / reference

    @property
    def ratios(self) -> list[float]:
        """The ratio of each round, sorted."""
        return sorted(
            self._compute_ratio(*pair) for pair in zip(self.measured, self.reference, strict=True)
        )

    @property
    def ratio(self) -> float:
        """The ratio of the medians."""
        return self._compute_ratio(
            statistics.median(self.measured), statistics.median(self.reference)
        )

    @property
    def target_share(self) -> float:
        """The reached share of the target; 1 is all of it."""
        return self.target / self.ratio if self.kind == "slower" else self.ratio / self.target

    def format_median(self, numbers: Sequence[float]) -> str:
        """Format the median with its unit."""
        return format_number(statistics.median(numbers)) + (
            "" if self.kind == "rate" else f" {self.unit}"
        )


def format_rows(rows: Sequence[RatioRow]) -> str:
    """Format the rows as a table."""
    cells = []
    for row in rows:
        ratios = row.ratios
        target = f"{'at most ' if row.kind == 'slower' else ''}{row.target:.2f}"
        ratio = f"{row.ratio:.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
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
    return format_table(
        ["measured", "Sightline", "compared with", "ratio (spread)", "target", ""], cells
    )


def write_report(folder: Path, name: str, rows: Sequence[RatioRow]) -> None:
    """Write the table and the picture of the rows, and print the table."""
    write_files(folder, name, format_rows(rows), draw_ratios(rows))


def write_files(folder: Path, name: str, text: str, picture: str) -> None:
    """Write both files, and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(text, "utf-8")
    (folder / f"{name}.svg").write_text(picture, "utf-8")
    print(text)


def format_table(heads: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Format a table with a first column of text and further columns of numbers."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def format_number(number: float) -> str:
    """Format a number with few digits."""
    return f"{number:,.0f}" if number >= 10 else f"{number:.3g}"


def draw_ratios(rows: Sequence[RatioRow]) -> str:
    """Draw each ratio as a bar. The line is the target."""
    unit = (WIDTH - LABEL_WIDTH) / 2
    height = ROW_HEIGHT * (len(rows) + 1)
    parts = [_open_canvas(height)]
    for index, row in enumerate(rows):
        top = ROW_HEIGHT * index + 8
        share = min(row.target_share, 2.0)
        fill = COLORS[share < 1]
        parts.append(_draw_text(LABEL_WIDTH - 8, top + 14, row.label, "end"))
        parts.append(
            f'<rect x="{LABEL_WIDTH}" y="{top}" width="{share * unit:.0f}" height="20" '
            f'fill="{fill}"/>'
        )
        parts.append(
            f'<text x="{LABEL_WIDTH + 6}" y="{top + 14}" font-size="12" fill="white">'
            f"{row.ratio:.2f}</text>"
        )
    line = LABEL_WIDTH + unit
    parts.append(
        f'<line x1="{line:.0f}" y1="0" x2="{line:.0f}" y2="{height - ROW_HEIGHT + 8}" '
        'stroke="black"/>'
    )
    parts.append(_draw_text(line, height - 8, "target", "middle") + "</svg>")
    return "\n".join(parts) + "\n"


def draw_curves(label: str, lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Draw milliseconds by number, both axes logarithmic."""
    left = 60
    right = 560
    top = 20
    bottom = 300
    points = [(log10(x), log10(y)) for line in lines.values() for x, y in line]
    min_power = int(min(x for x, _ in points))
    max_x = max(x for x, _ in points)
    low = int(min(0, *(y for _, y in points)))
    high = int(max(y for _, y in points)) + 1
    parts = [_open_canvas(bottom + 50)]

    def to_canvas(x: float, y: float) -> tuple[float, float]:
        x_position = left + (right - left) * (log10(x) - min_power) / (max_x - min_power)
        return x_position, bottom - (bottom - top) * (log10(y) - low) / (high - low)

    for power in range(min_power, int(max_x) + 1):
        x_position, _ = to_canvas(10**power, 10**low)
        parts.append(
            f'<line x1="{x_position:.0f}" y1="{top}" x2="{x_position:.0f}" y2="{bottom}" '
            'stroke="#ddd"/>'
        )
        parts.append(_draw_text(x_position, bottom + 18, f"{10**power:,}", "middle"))
    for power in range(low, high + 1):
        _, y_position = to_canvas(10**min_power, 10**power)
        parts.append(
            f'<line x1="{left}" y1="{y_position:.0f}" x2="{right}" y2="{y_position:.0f}" '
            'stroke="#ddd"/>'
        )
        parts.append(_draw_text(left - 6, y_position + 4, f"{10.0**power:,g} ms", "end"))
    for color, (curve_name, line) in zip(COLORS, lines.items(), strict=False):
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in (to_canvas(*point) for point in line))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        _, y_position = to_canvas(*line[-1])
        parts.append(
            f'<text x="{right + 8}" y="{y_position + 4:.0f}" font-size="13" fill="{color}">'
            f"{escape(curve_name)}</text>"
        )
    parts.append(_draw_text((left + right) / 2, bottom + 40, label, "middle") + "</svg>")
    return "\n".join(parts) + "\n"


def _open_canvas(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        'font-family="sans-serif">'
    )


def _draw_text(x: float, y: float, text: str, anchor: str) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="13" text-anchor="{anchor}">{escape(text)}</text>'
    )
