"""Limits of one file: its sizes, the processor time that reading it may take, and the size of one of its records."""

import time
from dataclasses import dataclass

from bifang.core.errors import InvalidInput

MIB = 1 << 20
LEAST_RECORD, RECORD_TIMES = 2 * MIB, 2
# Seconds of processor time: reading a real record takes a fifth of the first, a MiB of long ones half of the second.
_EARNED, _EARNED_MIB = 0.0005, 0.2
_SMALLEST = 100  # bytes; of smaller records no more are worth time than there would be of these


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """What one file may cost. Sizes in bytes after decompression; ``max_ratio`` applies above 32 MiB.

    ``max_bytes``: formats that have to be held as a whole; ``max_stream_bytes``: those that are streamed.
    ``max_text``: one line or one string. ``max_record``: one value that is built in memory, which is some thirty times
    as large there; of a small file, packed ones too, no more than `LEAST_RECORD` and `RECORD_TIMES` its size.
    ``max_depth``: nesting of JSON or XML. ``seconds`` of processor time to begin with; each MiB of the file as it
    came allows one more, each record that was taken `_EARNED` (of `_SMALLEST` at least), and what was read up to it `_EARNED_MIB` a MiB.
    """

    max_bytes: int = 200 * MIB
    max_stream_bytes: int = 8192 * MIB
    max_ratio: int = 200
    ratio_from: int = 32 * MIB
    max_text: int = 16 * MIB
    max_record: int = 32 * MIB
    max_depth: int = 100
    seconds: float = 3.0

    def longest_record(self, size: int) -> int:
        """Bytes of one record in a file of this size: little that unpacks to much may not be built in memory."""
        return min(self.max_record, LEAST_RECORD + RECORD_TIMES * size)


class ReadingBudget:
    """The processor time of one reading, in the thread that reads. ``given``: bytes that were read, after decompression."""

    def __init__(self) -> None:
        self._began = time.thread_time()
        self.taken = self._worth = self.given = 0

    def take(self) -> None:
        """A record was taken, so that reading is worth more time."""
        self.taken += 1
        self._worth = min(self.given, self._worth + LEAST_RECORD)

    def check(self, name: str, size: int, limits: ImportLimits) -> None:
        """Raises InvalidInput when reading a file of this size has cost more than what came of it is worth."""
        earned = min(self.taken, self.given / _SMALLEST) * _EARNED + self._worth / MIB * _EARNED_MIB
        allowed = limits.seconds + size / MIB + earned
        if time.thread_time() - self._began > allowed:
            raise InvalidInput(
                f"{name} 读了 {allowed:.0f} 秒，只得到 {self.taken} 条记录，像是恶意构造的文件，已停止导入。"
                "确实是真实的报告时，请解压或拆分后导入。"
            )
