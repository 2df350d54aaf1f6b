"""How DingTalk configurations are checked."""

from collections.abc import Sequence
from typing import Any, Final

from bifang.channels.checks.diagnosis import Examination
from bifang.core.configuration.trials import CheckStep
from dingtalk_integration.checks.trial import DingTalkTrial


def _network() -> Sequence[CheckStep[Any]]:
    from dingtalk_integration.checks import callbacks, network

    return (*network.STEPS, *callbacks.STEPS)


DINGTALK: Final = Examination(DingTalkTrial, _network)
