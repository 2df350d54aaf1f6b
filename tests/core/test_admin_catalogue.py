"""The catalogue of third-party strings: what is compiled is what is written."""

import ast
import gettext
import re
from pathlib import Path

import bifang

FOLDER = Path(bifang.__file__).parent / "locale/zh_Hans/LC_MESSAGES"
ENTRY = re.compile(r"^(msgid|msgid_plural|msgstr(?:\[0\])?) (.+(?:\n\".*)*)", re.M)


def written() -> dict[str, str]:
    """msgid → msgstr of the .po file."""
    texts: dict[str, str] = {}
    key = ""
    for name, quoted in ENTRY.findall((FOLDER / "django.po").read_text(encoding="utf-8")):
        value = "".join(ast.literal_eval(line) for line in quoted.splitlines())
        if name == "msgid":
            key = value
        elif name.startswith("msgstr") and key:
            texts[key] = value
    return texts


def test_compiled_catalogue_is_the_written_one() -> None:
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    texts = written()
    assert len(texts) > 80
    for source, chinese in texts.items():
        assert chinese in (compiled.gettext(source), compiled.ngettext(source, source, 1)), source


def test_every_entry_is_translated_and_keeps_its_places() -> None:
    for source, chinese in written().items():
        assert chinese, source
        assert sorted(re.findall(r"%\(\w+\)s|{}", chinese)) == sorted(re.findall(r"%\(\w+\)s|{}", source)), (
            source
        )
