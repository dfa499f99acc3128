"""The input of an operation as botocore's model has it, documentation included, for a form."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from typing import Any

from botocore.loaders import Loader

Document = dict[str, Any]

_CONSTRAINTS = ("min", "max", "pattern", "enum", "required", "union", "sensitive")
_BLOCKS = ("p", "li", "dt", "dd", "note", "important")


@cache
def input_shapes(service: str, operation: str) -> Document:
    """Return the shapes an operation's input consists of, by name.

    ``Input`` names the first. A shape has ``Type``, its constraints as the model names them,
    ``members`` (of a structure: name to ``shape`` and ``documentation``), ``member`` (of a list),
    ``key`` and ``value`` (of a map). Documentation is plain text with a line per paragraph.
    """
    # Not wire.services: models there have no documentation.
    model = Loader().load_service_model(service, "service-2")
    root = model["operations"][operation]["input"]["shape"]
    found: Document = {}
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _shape(model["shapes"][name])
            waiting += _references(found[name])
    return {"Input": root, "Shapes": found}


def _shape(shape: Document) -> Document:
    document = {name: shape[name] for name in _CONSTRAINTS if name in shape}
    document["type"] = shape["type"]
    for part in ("member", "key", "value"):
        if part in shape:
            document[part] = shape[part]["shape"]
    if "members" in shape:
        document["members"] = {
            name: {
                "shape": member["shape"],
                "documentation": plain_text(member.get("documentation", "")),
            }
            for name, member in shape["members"].items()
        }
    return document


def _references(shape: Document) -> list[str]:
    members = [member["shape"] for member in shape.get("members", {}).values()]
    return members + [shape[part] for part in ("member", "key", "value") if part in shape]


def plain_text(html: str) -> str:
    """Return what a model's documentation says, a line per paragraph or item of a list."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = ("".join(parts).split() for parts in reader.blocks)
    return "\n".join(" ".join(words) for words in lines if words)


class _Reader(HTMLParser):
    """Collects text by paragraphs."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[list[str]] = [[]]

    def handle_starttag(self, tag: str, attrs: object) -> None:
        # A paragraph that begins an item goes on in its line.
        begun = "".join(self.blocks[-1]).strip() == "•"
        if tag in _BLOCKS and not begun:
            self.blocks.append(["• "] if tag == "li" else [])

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.blocks.append([])

    def handle_data(self, data: str) -> None:
        self.blocks[-1].append(data)
