"""A company with its group, another corporation, and pages."""

from typing import Any

import pytest

from bifang.core.models import SystemConfig
from secops_agent.models import (
    Staff,
)
from tests.secops.decisions_aid import GROUP, company, robot
from tests.secops.told.stage import group


@pytest.fixture
def config(db: Any) -> SystemConfig:
    made = company()
    for staff_id, name in (("li", "李四"), ("wang", "王五"), ("zhang", "张三")):
        Staff.objects.filter(staff_id=staff_id).update(name=name)
    group(made, GROUP, "安全值班群")
    return made


@pytest.fixture
def eve(config: SystemConfig) -> SystemConfig:
    other = robot("other", "dingtalk", "另一个企业")
    Staff.objects.create(staff_id="eve", name="伊芙", role="analyst", corp_id="other")
    return other


@pytest.fixture
def pages(settings: Any, tmp_path: Any) -> None:
    from tests.admin_pages import serve_plain_static

    serve_plain_static(settings, tmp_path)
