"""Excel workbooks and archives as people send them, made from rows."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_RELATED = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
DATE = 'yyyy"年"m"月"d"日"'
Cell = str | float | None


def archive(files: Mapping[str, str | bytes]) -> bytes:
    """A zip of these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(name, text)
    return made.getvalue()


def sheet(*rows: str) -> str:
    """A sheet of rows that are written out."""
    return f"<worksheet {_MAIN}><sheetData>{''.join(rows)}</sheetData></worksheet>"


def parts(
    sheets: Mapping[str, str], strings: Sequence[str] = (), hidden: Sequence[str] = ()
) -> dict[str, str]:
    """What stands in a workbook; each sheet as `sheet` writes it. Style 1 shows a date."""
    told = "".join(
        f'<sheet name="{escape(name)}" r:id="rId{number}" state="{"hidden" if name in hidden else "visible"}"/>'
        for number, name in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="rId{number}" Target="worksheets/sheet{number}.xml"/>'
        for number in range(1, len(sheets) + 1)
    )
    shared = "".join(f"<si><t>{escape(text)}</t><rPh><t>读音</t></rPh></si>" for text in strings)
    return {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f"<workbook {_MAIN} {_RELATED}><sheets>{told}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships>{related}</Relationships>",
        "xl/sharedStrings.xml": f"<sst {_MAIN}>{shared}</sst>",
        "xl/styles.xml": f"<styleSheet {_MAIN}><numFmts><numFmt numFmtId='164' formatCode='{escape(DATE)}'/></numFmts>"
        "<cellStyleXfs><xf numFmtId='14'/></cellStyleXfs><cellXfs><xf numFmtId='0'/><xf numFmtId='164'/></cellXfs></styleSheet>",
        **{f"xl/worksheets/sheet{number}.xml": text for number, text in enumerate(sheets.values(), 1)},
    }


def workbook(
    *rows: Sequence[Cell], more: Mapping[str, str] | None = None, hidden: Sequence[str] = ()
) -> bytes:
    """A first sheet with these rows: texts are shared, numbers are dates. ``more``: further sheets."""
    strings: list[str] = []
    written = []
    for number, row in enumerate(rows, 1):
        cells = []
        for column, cell in enumerate(row):
            place = f"{chr(65 + column)}{number}"
            if isinstance(cell, str):
                strings.append(cell)
                cells.append(f'<c r="{place}" t="s"><v>{len(strings) - 1}</v></c>')
            elif cell is not None:
                cells.append(f'<c r="{place}" s="1"><v>{cell}</v></c>')
        if cells:
            written.append(f'<row r="{number}">{"".join(cells)}</row>')
    return archive(parts({"台账": sheet(*written), **(more or {})}, strings, hidden))
