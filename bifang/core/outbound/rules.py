"""The operator's address rules, from the settings."""

from django.conf import settings

from bifang import env
from bifang.core.outbound.addresses import (
    AddressRules,
    check_address,
    check_listed_address,
    check_listed_proxy,
    check_robot_address,
)
from bifang.core.outbound.airgap import is_airgapped


def address_rules() -> AddressRules:
    """What configurations may name."""
    hosts = frozenset(host.lower() for host in settings.ADDRESS_ALLOW_LIST)
    return AddressRules(hosts, settings.SIMULATOR, is_airgapped())


def check_config_address(url: str) -> None:
    """ConfigError unless a configuration may name this base address."""
    check_address(url, address_rules())


def check_robot_url(url: str) -> None:
    """ConfigError unless this may be the address of a custom robot."""
    check_robot_address(url, address_rules(), oapi=env.text("DINGTALK_OAPI_ENDPOINT").rstrip("/"))


def check_config_proxy(url: str) -> None:
    """ConfigError unless a configuration may name this proxy."""
    check_listed_proxy(url, address_rules())


def check_service_address(url: str, *schemes: str) -> None:
    """ConfigError unless a configuration may name this address of a service that speaks no HTTP."""
    check_listed_address(url, address_rules(), schemes)
