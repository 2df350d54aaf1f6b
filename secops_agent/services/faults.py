"""Faults: refusals that the doors tell from one another, not found and conflict."""

from bifang.core.errors import InvalidInput


class NotFound(InvalidInput):
    """What was asked for does not exist (HTTP 404)."""


class Conflict(InvalidInput):
    """The state is no longer one in which this can be done (HTTP 409)."""


class Forbidden(InvalidInput):
    """Whoever asks may not decide this (HTTP 403)."""
