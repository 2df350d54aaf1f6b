"""Failures that a person can mend, as one line; everything else keeps its traceback."""

import sqlite3

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError, ProgrammingError

from bifang import env
from bifang.core.errors import BifangError


class DiskAlmostFull(OperationalError):
    """Too little is left to take more in. For every door it is a database that cannot be written now: tried again."""


MIGRATE = "数据库还没有迁移到当前版本，请执行：python manage.py migrate"
SLOW = (
    "数据库没有在规定的时间（BIFANG_STATEMENT_TIMEOUT_S）里做完：请缩小范围（时间、级别、更长的关键字）再试。"
)
LOCKED = "别的写入占着要改的数据太久（BIFANG_STATEMENT_TIMEOUT_S 的三分之一）：请稍后再试。"
SQLITE = {
    "readonly": "数据库文件当前用户只能读不能写",
    "unable to open": "数据库文件打不开",
    "locked": "数据库被别的程序长时间占用",
    "full": "磁盘已满",
    "disk i/o": "读写磁盘出错",
    "not a database": "文件不是 SQLite 数据库",
}
POSTGRES = (
    "could not connect",
    "connection failed",
    "connection refused",
    "connection timeout",
    "translate host",
    "resolve host",
)


def explain(error: BaseException) -> str:
    """The line for a failure of known cause; an empty string for a defect of ours."""
    if isinstance(error, BifangError):
        return error.message
    if isinstance(error, DatabaseError):
        return _explain_database(error)
    if isinstance(error, PermissionError) and error.filename:
        return env.unreadable(env.BASE_DIR / str(error.filename), error)
    if isinstance(error, ImproperlyConfigured):
        return f"配置有误：{error}"
    return ""


def _explain_database(error: DatabaseError) -> str:
    text = str(error).lower()
    if isinstance(error, DiskAlmostFull):
        return str(error)
    if "lock timeout" in text or "statement timeout" in text:
        return LOCKED if "lock timeout" in text else SLOW
    if _is_missing_table(error, text):
        return MIGRATE
    if isinstance(error.__cause__, sqlite3.Error):
        return _explain_sqlite(text)
    if isinstance(error, OperationalError) and any(sign in text for sign in POSTGRES):
        first = str(error).strip().splitlines()[0]
        return (
            f"连不上数据库：{first}。请检查 DATABASE_URL 里的地址、用户和密码，以及 PostgreSQL 是否在运行。"
        )
    return ""


def _is_missing_table(error: DatabaseError, text: str) -> bool:
    if "no such table" in text or "no such column" in text:
        return True
    return isinstance(error, ProgrammingError) and "does not exist" in text


def _explain_sqlite(text: str) -> str:
    from bifang.core.monitoring.checks import file_problems, sqlite_file

    for problem in file_problems():
        return problem
    reason = next((meaning for sign, meaning in SQLITE.items() if sign in text), "")
    return f"{reason}：{sqlite_file()}。请检查磁盘空间和权限，再重试。" if reason else ""
