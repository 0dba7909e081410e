#!/usr/bin/env python3
"""Draws what a command prints as an SVG, for the README:

    tools/picture.py docs/run.svg '$ kingpost run flights.yaml' < output.txt

What a terminal shows last is what `script -qc COMMAND FILE` keeps behind the last cursor movement.
"""

import html
import sys

WIDTH, LINE, LEFT, TOP = 8.4, 19, 16, 44
COLOURS = {"done": "#7ee787", "sealed": "#79c0ff", "warning": "#f2cc60", "failed": "#ff7b72"}


def row(number, text):
    y = TOP + LINE * number
    escaped = html.escape(text)
    for word, colour in COLOURS.items():
        escaped = escaped.replace(f" {word} ", f' <tspan fill="{colour}">{word}</tspan> ', 1)
    return f'<text x="{LEFT}" y="{y}" xml:space="preserve">{escaped}</text>'


def main():
    path, prompt = sys.argv[1:3]
    lines = [prompt, *sys.stdin.read().rstrip("\n").split("\n")]
    width = int(2 * LEFT + WIDTH * max(map(len, lines)))
    height = TOP + LINE * len(lines)
    body = "\n".join(row(number, text) for number, text in enumerate(lines))
    with open(path, "w", encoding="utf-8") as file:
        file.write(
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" '
            f'font-size="14" fill="#e6edf3">\n'
            f'<rect width="{width}" height="{height}" rx="10" fill="#0d1117"/>\n'
            f'<g fill="#30363d"><circle cx="20" cy="18" r="5"/><circle cx="38" cy="18" r="5"/>'
            f'<circle cx="56" cy="18" r="5"/></g>\n{body}\n</svg>\n')


if __name__ == "__main__":
    main()
