"""Runbooks (skills): what people have written down about what to do, and who may read it."""

from secops_agent.llm.terms import terms
from secops_agent.services.runbooks.reading import PageView, read_body, read_file, references
from secops_agent.services.runbooks.search import RunbookHit, names, search, search_for, topic
from secops_agent.services.runbooks.store import (
    RunbookLine,
    RunbookView,
    VersionView,
    browse,
    delete,
    get,
    restore,
    save,
    save_skill,
    versions,
)
from secops_agent.services.runbooks.visibility import EVERYONE, Reader, reader_of, visible

__all__ = [
    "EVERYONE", "PageView", "Reader", "RunbookHit", "RunbookLine", "RunbookView", "VersionView", "browse", "delete", "get", "names", "read_body", "read_file",
    "reader_of", "references", "restore", "save", "save_skill", "search", "search_for", "terms", "topic", "versions", "visible",
]  # fmt: skip
