"""Look through built pages: nothing is loaded from elsewhere, every link has an end, examples say what they should.

python check.py FOLDER [--examples]
"""

from __future__ import annotations

import html
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = dict.fromkeys(("script", "img", "iframe", "source", "video", "audio", "embed"), "src")
LINKS_THAT_LOAD = {"stylesheet", "icon", "preload", "shortcut", "manifest", "modulepreload", "preconnect"}
OUTPUTS = re.compile(r'class="sphx-glr-script-out[^>]*>(.*?)</pre>', re.DOTALL)
IN_STYLES = re.compile(r"""url\(\s*["']?((?:https?:)?//[^"')]+)|@import\s+(?:url\()?["']?((?:https?:)?//[^"')]+)""")


class Page(HTMLParser):
    """What a page loads, where it links to, and which anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.styles: list[str] = []
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of a tag."""
        given = {name: value or "" for name, value in attrs}
        if tag in LOADED and LOADED[tag] in given:
            self.loads.append(given[LOADED[tag]])
        if tag == "link" and LINKS_THAT_LOAD & set(given.get("rel", "").split()):
            self.loads.append(given.get("href", ""))
        if tag == "object":
            self.loads.append(given.get("data", ""))
        if "srcset" in given:
            self.loads += [part.split()[0] for part in given["srcset"].split(",") if part.strip()]
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if "style" in given:
            self.styles.append(given["style"])
        self._style = tag == "style"

    def handle_data(self, data: str) -> None:
        """Take note of styles written into the page."""
        if self._style:
            self.styles.append(data)

    def handle_endtag(self, tag: str) -> None:
        """A style ends."""
        self._style = False


def away(address: str) -> bool:
    """Whether an address is of another machine."""
    return address.startswith("//") or bool(urlsplit(address).netloc)


def faults(folder: Path) -> list[str]:
    """Sentences about what is loaded from elsewhere, and about links without an end."""
    pages = {file.resolve(): Page(file.read_text(encoding="utf-8")) for file in folder.rglob("*.html")}
    found = []
    for file, page in pages.items():
        name = file.relative_to(folder.resolve()).as_posix()
        found += [f"{name} loads {address}" for address in page.loads if away(address)]
        hits = [hit for style in page.styles for hit in IN_STYLES.findall(style)]
        found += [f"{name} has a style that loads {hit[0] or hit[1]}" for hit in hits]
        for address in page.loads + page.links:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc or address.startswith("data:"):
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                found.append(f"{name} points to {address}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{name} points to {address}, which has no such place")
    for file in folder.rglob("*.css"):
        for hit in IN_STYLES.findall(file.read_text(encoding="utf-8", errors="replace")):
            found.append(f"{file.relative_to(folder).as_posix()} loads {hit[0] or hit[1]}")
    return sorted(set(found))


def unsaid(folder: Path, says: dict[str, list[str]]) -> list[str]:
    """Sentences about numbers that an example should print (`says.SAYS`), and that its page of the gallery lacks."""
    found = []
    for name, texts in says.items():
        page = folder / "gallery" / Path(name).with_suffix(".html")
        if not page.exists():
            found.append(f"{name} has no page in the gallery")
            continue
        parts = OUTPUTS.findall(page.read_text(encoding="utf-8"))
        printed = html.unescape(re.sub(r"<[^>]+>", "", "\n".join(parts)))
        found += [f"{name} does not print {text!r}" for text in texts if text not in printed]
    return found


if __name__ == "__main__":
    wrong = faults(Path(sys.argv[1]))
    if "--examples" in sys.argv:
        import says

        wrong += unsaid(Path(sys.argv[1]), says.SAYS)
    print("\n".join(wrong))
    if wrong:
        sys.exit(f"{len(wrong)} faults in the built pages.")
