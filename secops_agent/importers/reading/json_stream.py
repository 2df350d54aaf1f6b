"""JSON stream within limits: a value at a time, by its path. Positions are for people: "matches[3]"."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import accumulate
from typing import Any, cast

import ijson

from bifang.core.errors import InvalidInput

from .decoding import BrokenFile
from .json_walk import Pieces, Walk
from .limits import ImportLimits
from .plain import BrokenRecord, cleaned, first_line
from .source import Source, Stream
from .surrogates import Paired, paired

LONG_NUMBER = re.compile(rb"\d{1000}")  # the parser's C code fails badly beyond 4300 digits
TOO_DEEP = "嵌套太深（超过 {} 层），像是恶意构造的文件，已停止导入。"
_IGNORED = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRING_REST = re.compile(rb"(?:[^\"\\]++|\\.)*+", re.DOTALL)


def json_values(
    source: Source, wanted: Collection[str], limits: ImportLimits, holders: Mapping[str, str] | None = None
) -> Pieces:
    """Stream ``(path, position, value)`` for every complete value at a wanted path.

    Paths are ijson's ("Results.item.Vulnerabilities.item", "" for a whole document); positions are as in
    "Results[0].Vulnerabilities[12]". A value below a wanted path is not sent again. Several documents one after
    the other are all read. ``holders``: paths of elements in which wanted values stand, with the key that none of them
    goes without ("": any); one that holds nothing comes as a BrokenRecord value at its path, and so does what stands
    in the place of an array of wanted values. Raises InvalidInput (limits, not JSON at the start) or BrokenFile (breaks later).
    """
    with source.open(limits) as stream:
        shallow = _Shallow(stream, limits)
        with _json_errors(shallow, source.name):
            if len(wanted) == 1 and all(_is_one_array(path) for path in wanted):
                found = False
                for piece in _array_values(shallow, *wanted):
                    found = True
                    yield piece
            else:
                found = True
                events = ijson.basic_parse(shallow, multiple_values=True)
                yield from Walk(frozenset(wanted), stream, holders).run(events)
    if not found:
        yield from _no_array(source, next(iter(wanted)), limits)


def json_parts(source: Source, parts: Iterable[str], limits: ImportLimits) -> Pieces:
    """`json_values` of one path after the other, in this order whatever the file's.

    In a file that breaks, every path gives what stands before the break; BrokenFile comes at the very end.
    """
    broken: BrokenFile | None = None
    for part in parts:
        try:
            yield from json_values(source, {part}, limits)
        except BrokenFile as error:
            broken = error
    if broken:
        raise broken


def json_head(
    source: Source, wanted: Collection[str], limits: ImportLimits
) -> tuple[list[tuple[str, str, Any]], BrokenFile | None]:
    """The small values of a file, read ahead: all of `json_values`, or those before a break and that break.

    Who cannot do without a missing one raises the break; else the second reading will come upon it.
    """
    found: list[tuple[str, str, Any]] = []
    try:
        found.extend(json_values(source, wanted, limits))
    except BrokenFile as error:
        return found, error
    return found, None


def _is_one_array(path: str) -> bool:
    """Or whole documents. Of a single value `_Shallow` could not tell where it begins and what lies beside it."""
    return not path or (path.endswith("item") and path.count("item") == 1)


def _array_values(stream: "_Shallow", path: str) -> Pieces:
    """The elements of one array, built in C: five times as fast as `_Walk`."""
    stream.records_at(len(path.split(".")) if path else 0)
    place = path.removesuffix("item").removesuffix(".")
    for index, value in enumerate(ijson.items(stream, path, multiple_values=True)):
        position = f"{place}[{index}]" if path.endswith("item") else place or f"第 {index + 1} 个文档"
        yield path, position, cleaned(value)


def _no_array(source: Source, path: str, limits: ImportLimits) -> Pieces:
    """Where an array was wanted and had no elements: is it one? Looked for in the head: to build what stands far down
    in its place, or to follow all events of a large file for nothing, would cost too much."""
    head = BytesIO(paired(source.head(limits)))
    with source.open(limits) as stream, suppress(ijson.JSONError):
        for piece in Walk(frozenset({path}), stream, {}).run(ijson.basic_parse(head, multiple_values=True)):
            if isinstance(piece[2], BrokenRecord):
                yield piece


@contextmanager
def _json_errors(stream: "_Shallow", name: str) -> Iterator[None]:
    try:
        yield
    except ijson.JSONError as error:
        why = first_line(error)
        what = "中断，没有写完" if "premature EOF" in why else f"中断或有语法错误（{why}）"
        raise BrokenFile(
            f"{name} 的 JSON 在第 {stream.taken} 字节之前{what}：文件可能被截断，请重新导出。"
        ) from error


class _Shallow:
    """A stream that refuses JSON nested too deep or with endless strings before a parser builds it."""

    def __init__(self, stream: Stream, limits: ImportLimits) -> None:
        self._stream = stream
        self._paired = Paired(stream)
        self._limits = limits
        self._depth = 0
        self._record_depth = -1
        self._text = 0
        self._in_text = False
        self._escaped = False
        self.taken = 0

    def records_at(self, depth: int) -> None:
        """Records are what lies deeper than this; so one ends at the latest where the nesting comes back to it."""
        self._record_depth = depth
        self._stream.begin_record()

    def read(self, size: int = -1) -> bytes:
        chunk = self._paired.read(size)
        self.taken += len(chunk)
        self._follow(chunk)
        return chunk

    def _follow(self, chunk: bytes) -> None:
        rest = self._leave_text(chunk) if self._in_text else chunk
        if self._in_text:
            return
        open_rest = _STRING.sub(b"", rest)
        quote = open_rest.find(b'"')
        if quote >= 0:
            self._enter_text(open_rest[quote + 1 :])
            open_rest = open_rest[:quote]
        if LONG_NUMBER.search(open_rest):
            raise InvalidInput("有一个数字超过 1000 位，已停止导入。")
        self._nest(open_rest.translate(None, _IGNORED))

    def _leave_text(self, chunk: bytes) -> bytes:
        start = 1 if self._escaped else 0
        self._escaped = False
        end = cast("re.Match[bytes]", _STRING_REST.match(chunk, start)).end() if start < len(chunk) else start
        self._text += end
        if self._text > self._limits.max_text:
            raise InvalidInput(f"有一个字符串超过 {self._limits.max_text} 字节，已停止导入。")
        if chunk[end : end + 1] == b'"':
            self._in_text = False
            return chunk[end + 1 :]
        self._escaped = chunk[end : end + 1] == b"\\"
        return b""

    def _enter_text(self, tail: bytes) -> None:
        self._in_text, self._text = True, len(tail)
        self._escaped = (len(tail) - len(tail.rstrip(b"\\"))) % 2 == 1

    def _nest(self, brackets: bytes) -> None:
        depths = list(accumulate(map(_STEP.__getitem__, brackets), initial=self._depth))
        if max(depths) > self._limits.max_depth:
            raise InvalidInput(TOO_DEEP.format(self._limits.max_depth))
        if min(depths) <= self._record_depth:
            self._stream.begin_record()
        self._depth += 2 * (brackets.count(b"[") + brackets.count(b"{")) - len(brackets)


def nesting(text: bytes) -> int:
    """How deep a piece of JSON is nested; brackets in strings do not count."""
    brackets = _STRING.sub(b"", text).translate(None, _IGNORED)
    return max(accumulate(map(_STEP.__getitem__, brackets), initial=0))
