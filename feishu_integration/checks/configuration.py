"""How Feishu configurations are checked."""

from collections.abc import Sequence
from typing import Any, Final

from bifang.channels.checks.diagnosis import Examination
from bifang.core.configuration.trials import CheckStep
from feishu_integration.checks.trial import FeishuTrial


def _network() -> Sequence[CheckStep[Any]]:
    from feishu_integration.checks import network

    return network.STEPS


FEISHU: Final = Examination(FeishuTrial, _network)
