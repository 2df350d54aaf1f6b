"""What keeping a long connection needs to know."""

from dataclasses import dataclass, field

from bifang.core.outbound.addresses import AddressRules


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSettings:
    """``name`` labels log lines. ``proxy``: "" takes the environment's. Times in seconds.

    A dead peer is noticed within ``ping_interval_s + pong_timeout_s``. ``max_pending`` frames or
    ``max_pending_bytes`` being handled at once stop the reading; nothing is dropped.
    """

    name: str
    endpoint: str
    proxy: str = field(default="", repr=False)
    rules: AddressRules = field(default_factory=AddressRules)
    connect_timeout_s: float = 5.0
    open_timeout_s: float = 10.0
    ping_interval_s: float = 10.0
    pong_timeout_s: float = 10.0
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 60.0
    stable_s: float = 60.0
    park_retry_s: float = 300.0
    drain_s: float = 15.0
    stop_grace_s: float = 0.5
    close_timeout_s: float = 0.3
    clock_check_s: float = 5.0
    clock_jump_s: float = 15.0
    max_frame_bytes: int = 8 * 1024 * 1024
    max_pending: int = 2000
    max_pending_bytes: int = 64 * 1024 * 1024
