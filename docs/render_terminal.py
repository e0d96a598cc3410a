"""Render the output of a command as an SVG picture of a terminal.

The picture loads no font and no file of another host.

FORCE_COLOR=1 COLUMNS=84 sightline alignment \
    | python docs/render_terminal.py "sightline alignment" > docs/images/terminal.svg
"""

import io
import sys
from html import escape
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

COLUMNS: Final = 84
# Like Rich's own format, with the fonts of the reader's system: Rich's format loads a web font.
SVG_FORMAT: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"
  role="img" aria-label="TITLE">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
THEME: Final = TerminalTheme(
    (24, 27, 33),
    (222, 226, 233),
    [
        (24, 27, 33),
        (240, 98, 98),
        (110, 201, 126),
        (226, 185, 84),
        (98, 160, 240),
        (196, 134, 224),
        (92, 196, 206),
        (222, 226, 233),
    ],
)


def render_svg(output: str, title: str) -> str:
    """Return the picture of a terminal that shows the output, with its ANSI colors."""
    console = Console(
        record=True,
        width=COLUMNS,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    console.print(Text.from_ansi(output.rstrip()), no_wrap=True, crop=False)
    code_format = SVG_FORMAT.replace("TITLE", escape(f"Output of {title}"))
    return console.export_svg(
        title=title, theme=THEME, code_format=code_format, unique_id="terminal"
    )


if __name__ == "__main__":
    sys.stdout.write(render_svg(sys.stdin.read(), sys.argv[1]))
