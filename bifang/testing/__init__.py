"""Inherited test cases for what extends Bifang: a class of your tests names the thing, the base proves what all must keep.

For pytest with pytest-django. Ours inherit them as well (`tests/`); docs/extending.md shows each in use.
"""

from .channels import ChannelCases
from .connectors import ConnectorCases
from .importers import ImporterCases
from .pages import PageCases
from .tools import ToolCases

__all__ = ["ChannelCases", "ConnectorCases", "ImporterCases", "PageCases", "ToolCases"]
