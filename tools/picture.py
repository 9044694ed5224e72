#!/usr/bin/env python3
"""A picture of a terminal: tools/picture.py TITLE < CAPTURE > FILE.svg. CAPTURE is what "tmux
capture-pane -p -e" prints: text with colours (SGR).
"""

import html
import re
import sys
import unicodedata

COLOURS = {31: "#e06c75", 32: "#98c379", 33: "#e5c07b", 34: "#61afef", 35: "#c678dd", 36: "#56b6c2"}
PLAIN, GROUND, DIM = "#d7dae0", "#1e2127", "#7f848e"
WIDTH, HEIGHT, MARGIN, BAR = (
    8.4,
    18,
    14,
    30,
)  # of a character, of a line, around the text, of the title


def columns(text):
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def pieces(line, style):
    """(text, style) for each piece of a line; style is carried on from line to line, as on a
    terminal.
    """
    for text, codes in re.findall(r"([^\x1b]*)(?:\x1b\[([0-9;]*)m)?", line):
        if text:
            yield text, dict(style)
        for code in (
            (int(code or 0) for code in codes.split(";")) if codes or "\x1b[m" in line else ()
        ):
            if code == 0:
                style.update(colour=PLAIN, bold=False)
            elif code == 1:
                style["bold"] = True
            elif code == 2:
                style["colour"] = DIM
            elif code == 22:
                style["bold"] = False
            elif code == 39:
                style["colour"] = PLAIN
            else:
                style["colour"] = COLOURS.get(code, style["colour"])


def svg(title, capture):
    lines = capture.rstrip("\n").split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in lines]
    width = max(map(columns, plain), default=0) * WIDTH + 2 * MARGIN
    height = len(lines) * HEIGHT + 2 * MARGIN + BAR
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" font-family="ui-monospace, DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">',
        f"<title>{html.escape(title)}</title>",
        f'<rect width="100%" height="100%" rx="8" fill="{GROUND}"/>',
        *(
            f'<circle cx="{20 + 20 * i}" cy="18" r="6" fill="{colour}"/>'
            for i, colour in enumerate(("#ff5f56", "#ffbd2e", "#27c93f"))
        ),
    ]
    style = {"colour": PLAIN, "bold": False}
    for number, line in enumerate(lines):
        at, y = 0, BAR + MARGIN + number * HEIGHT + 8
        for text, how in pieces(line, style):
            if text.strip():
                bold = ' font-weight="bold"' if how["bold"] else ""
                out.append(
                    f'<text x="{MARGIN + at * WIDTH:.1f}" y="{y}" fill="{how["colour"]}"{bold} textLength="{columns(text) * WIDTH:.1f}" '
                    f'xml:space="preserve">{html.escape(text)}</text>'
                )
            at += columns(text)
    return "\n".join([*out, "</svg>", ""])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(svg(sys.argv[1], sys.stdin.read()))
