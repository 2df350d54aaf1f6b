"""Size of the product in logical lines, by top package and room. Run: ``python -m tests.lines [--rooms N]``.

A logical line of Python is one statement (an `ast.stmt` node; a docstring is one). Of templates, JavaScript and TOML it
is a line that is not blank. Migrations, simulators and tests are not counted, nor is what git does not know.
"""

import argparse
import ast
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
LEFT_OUT: Final = frozenset({"tests", "simulators"})
OTHER: Final = {".html": "templates", ".txt": "templates", ".js": "JavaScript", ".toml": "TOML"}


def product_files() -> list[Path]:
    """The files of the product that git knows, as paths from the root."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [Path(name) for name in names.splitlines()]
    return [path for path in paths if path.parts[0] not in LEFT_OUT and "migrations" not in path.parts]


def kind_of(path: Path) -> str:
    """What a file is counted as; "" if it is not counted."""
    if path.suffix == ".py":
        return "Python"
    kind = OTHER.get(path.suffix, "")
    if path.suffix in (".html", ".txt") and "templates" not in path.parts:
        return ""
    return kind if len(path.parts) > 1 else ""


def lines_of(path: Path) -> int:
    """How many logical lines a file has."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.suffix == ".py":
        return sum(isinstance(node, ast.stmt) for node in ast.walk(ast.parse(text)))
    return sum(bool(line.strip()) for line in text.splitlines())


def room_of(path: Path) -> str:
    """The top package and the room in it: ``secops_agent/services``."""
    return "/".join(path.parts[: min(2, len(path.parts) - 1)]) or str(path)


def count() -> tuple[Counter[str], Counter[str], int]:
    """Logical lines by kind and by room, and how many Python modules there are."""
    kinds: Counter[str] = Counter()
    rooms: Counter[str] = Counter()
    modules = 0
    for path in product_files():
        if kind := kind_of(path):
            number = lines_of(path)
            kinds[kind] += number
            rooms[room_of(path)] += number
            modules += kind == "Python"
    return kinds, rooms, modules


def main() -> None:
    """Print the table and the total."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--rooms", type=int, default=20, help="how many rooms of each package are shown")
    shown = asked.parse_args().rooms
    kinds, rooms, modules = count()
    packages: Counter[str] = Counter()
    for room, number in rooms.items():
        packages[room.split("/")[0]] += number
    for package, number in packages.most_common():
        print(f"{number:7,}  {package}")
        own = [(room, size) for room, size in rooms.most_common() if room.split("/")[0] == package]
        for room, size in own[:shown] if len(own) > 1 else []:
            print(f"         {size:7,}  {room}")
    parts = "、".join(f"{kind} {number:,}" for kind, number in kinds.most_common())
    print(f"{sum(kinds.values()):7,}  total: {parts}; {modules} Python modules")


if __name__ == "__main__":
    main()
