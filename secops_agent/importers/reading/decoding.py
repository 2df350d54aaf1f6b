"""Decoding: the bytes of a file to UTF-8; gzip is unpacked, GBK and UTF-16 are converted, byte order marks dropped."""

import codecs
import zlib
from collections.abc import Iterable, Iterator

from bifang.core.errors import InvalidInput

from .encodings import detect_encoding
from .limits import MIB, ImportLimits
from .packages import Readable

HEAD_BYTES = 64 * 1024
CHUNK = 256 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_OTHER_PACKED = {b"PK\x03\x04": "zip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class BrokenFile(InvalidInput):
    """The file breaks at ``position``; what was read before it is good."""

    def __init__(self, message: str, position: str = "文件末尾") -> None:
        super().__init__(message)
        self.position = position


def decoded(raw: Readable, name: str, limits: ImportLimits, most: int) -> Iterator[bytes]:
    """The file in UTF-8, at most so many bytes before it is turned. Raises InvalidInput, BrokenFile."""
    return _transcode(_bound(_inflate(_read(raw), name, limits), most, name), name)


def _read(stream: Readable) -> Iterator[bytes]:
    while chunk := stream.read(CHUNK):
        yield chunk


def _inflate(chunks: Iterator[bytes], name: str, limits: ImportLimits) -> Iterator[bytes]:
    """Gunzip what is gzip (several members too); pass on what is not."""
    first = next(chunks, b"")
    for magic, kind in _OTHER_PACKED.items():
        if first.startswith(magic):
            raise InvalidInput(f"{name} 是 {kind} 压缩包：请解压后导入，或改用 gzip（.gz）。")
    if not first.startswith(_GZIP_MAGIC):
        yield first
        yield from chunks
        return
    yield from _gunzip(first, chunks, name, limits)


def _gunzip(first: bytes, chunks: Iterator[bytes], name: str, limits: ImportLimits) -> Iterator[bytes]:
    member = zlib.decompressobj(wbits=31)
    taken, given, fed = 0, 0, first
    while fed:
        taken += len(fed)
        while fed:
            plain = _decompress(member, fed, name)
            given += len(plain)
            if given > limits.ratio_from and given > taken * limits.max_ratio:
                raise InvalidInput(f"{name} 解压后膨胀超过 {limits.max_ratio} 倍，像是压缩炸弹，已停止导入。")
            yield plain
            fed = member.unconsumed_tail or member.unused_data.lstrip(b"\0")
            if member.eof and fed:
                member = zlib.decompressobj(wbits=31)
        fed = next(chunks, b"")
        if member.eof and fed.lstrip(b"\0"):
            member = zlib.decompressobj(wbits=31)
    if not member.eof:
        raise BrokenFile(f"{name} 的 gzip 数据不完整：文件在传输或写入时被截断，请重新导出。")


def _decompress(member: "zlib._Decompress", data: bytes, name: str) -> bytes:
    try:
        return member.decompress(data, 4 * CHUNK)
    except zlib.error as error:
        raise BrokenFile(f"{name} 的 gzip 数据损坏：请重新导出或重新上传。") from error


def _bound(chunks: Iterator[bytes], limit: int, name: str) -> Iterator[bytes]:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit:
            size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit} 字节"
            raise InvalidInput(f"{name} 超过 {size} 的上限：请拆分后分批导入。")
        yield chunk


def _transcode(chunks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """Turn UTF-16, UTF-32 and GBK into UTF-8, and drop a byte order mark."""
    sample, broken = _sample(chunks)
    if broken and not sample:
        raise broken
    encoding = detect_encoding(sample, name)
    if encoding == "utf-8":
        yield sample
        yield from chunks
    else:
        yield from _recode(sample, chunks, encoding, name)
    if broken:
        raise broken


def _sample(chunks: Iterator[bytes]) -> tuple[bytes, BrokenFile | None]:
    """Enough to tell the encoding by, and the break that came before enough."""
    sample = b""
    try:
        while len(sample) < HEAD_BYTES and (chunk := next(chunks, b"")):
            sample += chunk
    except BrokenFile as error:
        return sample, error
    return sample, None


def _recode(sample: bytes, chunks: Iterable[bytes], encoding: str, name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        yield decoder.decode(sample).encode()
        for chunk in chunks:
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise BrokenFile(f"{name} 按 {encoding} 编码读不下去：请另存为 UTF-8 后重新导入。") from error
