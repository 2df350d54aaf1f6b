"""A peer that has gone silent is noticed, and what it swallowed is answered; both databases at the same time."""

from contextlib import ExitStack
from typing import Any

import pytest

from tests.acceptance.worker import assert_each_answered_once, talk, working_stage
from tests.databases import Templates


def test_half_open_socket_is_noticed_and_nothing_lost(
    templates: Templates, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> None:
    with ExitStack() as stack:
        stack.enter_context(django_db_blocker.unblock())
        stages = [
            stack.enter_context(working_stage(templates, vendor, tmp_path_factory.mktemp(vendor)))
            for vendor in ("sqlite", "postgresql")
        ]
        old = [stage.sim.connections()[0]["id"] for stage in stages]
        for stage in stages:
            stage.sim.faults(half_open=True, redeliver_after_s=5)
        said = [talk(stage, 5, 2) for stage in stages]
        for stage, conversations, silent in zip(stages, said, old, strict=True):
            assert_each_answered_once(stage, conversations)
            assert silent not in {link["id"] for link in stage.sim.connections()}
