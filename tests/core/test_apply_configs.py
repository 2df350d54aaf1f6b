"""``manage.py apply_configs FILE``: the format that operators write, to the letter."""

import io
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from bifang.core.configuration import configs
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from secops_agent.models import AuditRecord, Staff

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
QWEN = {"kind": "qwen", "name": "通义千问", "api_key": "env:DASHSCOPE_API_KEY", "model": "qwen-plus"}
ROBOT = {
    "kind": "dingtalk",
    "name": "钉钉Stream推送配置",
    "client_id": "dingxxxx",
    "client_secret": "s-e-c-r-e-t",
}
WHOLE = """
configs:
  - kind: dingtalk
    name: 钉钉Stream推送配置
    app_id: ""
    client_id: dingxxxx
    client_secret: "file:/run/secrets/dingtalk"
    use_stream_push: true
    notifications_enabled: true
    ai_config: 通义千问
    corp_id: ""
    card_template_id: ""
    default_role: none
    endpoint: ""
    proxy: ""
    enabled: true
  - {kind: qwen, name: 通义千问, api_key: "env:DASHSCOPE_API_KEY", model: qwen-plus}
staff:
  - {staff_id: manager01, name: 张三, role: analyst}
"""


@pytest.fixture
def apply(tmp_path: Path) -> Any:
    """Run the command on a text or on entries of ``configs``; returns the lines it printed."""

    def run(document: Any) -> list[str]:
        text = document if isinstance(document, str) else yaml.safe_dump({"configs": document})
        (tmp_path / "configs.yaml").write_text(text, encoding="utf-8")
        out = io.StringIO()
        call_command("apply_configs", str(tmp_path / "configs.yaml"), stdout=out)
        return out.getvalue().splitlines()

    return run


def contents() -> list[Any]:
    return list(
        SystemConfig.objects.order_by("pk").values("pk", "kind", "name", "revision", "params", "enabled")
    )


def test_a_whole_file_is_applied_and_each_configuration_printed(apply: Any) -> None:
    lines = apply(WHOLE)
    robot, model = SystemConfig.objects.get(kind="dingtalk"), SystemConfig.objects.get(kind="qwen")
    assert lines[:2] == [f"{robot.pk}\tdingtalk\t钉钉Stream推送配置", f"{model.pk}\tqwen\t通义千问"]
    assert robot.ai_config == model
    assert robot.open_secrets() == {"client_secret": "file:/run/secrets/dingtalk"}
    assert Staff.objects.get().role == "analyst"


def test_applied_again_nothing_changes(apply: Any) -> None:
    first, before, told = apply(WHOLE), contents(), AuditRecord.objects.count()
    assert apply(WHOLE) == first
    assert contents() == before
    assert AuditRecord.objects.filter(subject__startswith="config:").count() == 2
    assert AuditRecord.objects.count() == told


def test_self_hosted_model_answers_first_and_another_after_it(apply: Any, settings: Any) -> None:
    settings.ADDRESS_ALLOW_LIST = ["10.0.0.8"]
    own = """
configs:
  - kind: openai
    name: 内网千问
    base_url: http://10.0.0.8:8000
    api_key: ""
    model: qwen3-32b
    context_window: 32768
"""
    apply(own)
    apply([QWEN, ROBOT | {"ai_config": "内网千问", "ai_fallback": "通义千问"}])
    model, robot = SystemConfig.objects.get(kind="openai"), SystemConfig.objects.get(kind="dingtalk")
    assert configs.load(robot).ai_configs == (model.pk, robot.ai_fallback_id)
    loaded = configs.load(model)
    assert (loaded.base_url, loaded.model, loaded.config_id) == (
        "http://10.0.0.8:8000/v1",
        "qwen3-32b",
        model.pk,
    )
    assert (loaded.key_header, loaded.thinking, loaded.concurrency) == ("Authorization", None, 4)
    for used in (model, SystemConfig.objects.get(kind="qwen")):
        with pytest.raises(ConfigError, match=ROBOT["name"]):
            configs.archive(used)
    apply([ROBOT | {"ai_fallback": ""}])
    configs.archive(SystemConfig.objects.get(kind="qwen"))


def test_what_is_not_listed_is_left_alone(apply: Any) -> None:
    apply([QWEN, ROBOT | {"default_role": "viewer", "ai_config": "通义千问"}])
    apply([ROBOT | {"app_id": "neu"}])
    robot = SystemConfig.objects.get(kind="dingtalk")
    assert (robot.params["default_role"], robot.params["app_id"], robot.ai_config_id is not None) == (
        "viewer",
        "neu",
        True,
    )
    apply([{"kind": "dingtalk", "name": ROBOT["name"], "enabled": False, "ai_config": ""}])
    robot.refresh_from_db()
    assert (robot.enabled, robot.ai_config, robot.params["app_id"]) == (False, None, "neu")
    assert configs.load(robot).client_secret == "s-e-c-r-e-t"
    assert SystemConfig.objects.filter(kind="qwen", enabled=True).exists()


BAD: dict[str, tuple[Any, str]] = {
    "unknown key": ([ROBOT | {"clientid": "x"}], "不认识的键「clientid」"),
    "unknown kind": ([{"kind": "telex", "name": "x"}], "telex"),
    "no kind": ([{"name": "x"}], "缺少 kind"),
    "long name": ([ROBOT | {"name": "很" * 101}], "name："),
    "nul in a name": ([ROBOT | {"name": "a\0b"}], "name：含有不可见的控制字符"),
    "list for a name": ([ROBOT | {"name": ["a"]}], "name：应为文字"),
    "tab in a name": ([ROBOT | {"name": "a\tb"}], "name：含有不可见的控制字符"),
    "no name": ([ROBOT | {"name": ""}], "name：请填写配置名称"),
    "missing secret": ([{"kind": "dingtalk", "name": "x", "client_id": "y"}], "client_secret：请填写"),
    "flag in words": ([ROBOT | {"use_stream_push": "vielleicht"}], "不是开关"),
    "enabled in words": ([ROBOT | {"enabled": "true"}], "enabled：应为 true 或 false"),
    "choice": ([ROBOT | {"default_role": "admin"}], "default_role："),
    "list for a text": ([ROBOT | {"app_id": ["x"]}], "应为文字"),
    "flag for a text": ([ROBOT | {"app_id": True}], "应为文字"),
    "number": ([QWEN | {"daily_tokens": "viel"}], "daily_tokens："),
    "negative number": ([QWEN | {"daily_tokens": -1}], "daily_tokens："),
    "control character": ([ROBOT | {"client_id": "a\x1bb"}], "控制字符"),
    "unknown link": ([ROBOT | {"ai_config": "没有"}], "没有名为「没有」"),
    "link to another kind": ([ROBOT | {"ai_config": ROBOT["name"]}], "没有名为"),
    "forbidden reference": ([ROBOT | {"client_secret": "env:PATH"}], "不允许引用环境变量"),
    "forbidden address": ([ROBOT | {"endpoint": "https://evil.example"}], "BIFANG_ADDRESS_ALLOW_LIST"),
    "twice the same": ([QWEN, QWEN | {"model": "other"}], "相同"),
    "entry is a text": (["dingtalk"], "第 2 项应为映射"),
    "section is a mapping": ("configs: {a: b}", "应为列表"),
    "unknown section": ("config: []", "不认识的键「config」"),
    "document is a list": ("[]\n- 1", "YAML"),
    "key twice": ("configs:\n  - {kind: qwen, name: a, name: b}", "写了两次"),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_named_and_nothing_is_written(name: str, apply: Any) -> None:
    document, said = BAD[name]
    good = {"kind": "qwen", "name": "先写的", "api_key": "k-e-y-1"}
    with pytest.raises(CommandError, match="没有写入任何内容") as caught:
        apply(document if isinstance(document, str) else [good, *document])
    assert said in str(caught.value)
    assert not SystemConfig.objects.exists()


def test_an_operator_of_the_machine_sets_what_a_superuser_sets(apply: Any, settings: Any) -> None:
    settings.ADDRESS_ALLOW_LIST = ["ding.corp.example"]
    apply(
        [ROBOT | {"endpoint": "http://ding.corp.example:8080", "proxy": "http://u:p@ding.corp.example:3128"}]
    )
    assert configs.load(SystemConfig.objects.get()).endpoint == "http://ding.corp.example:8080"
    with pytest.raises(CommandError, match="请重新填写"):
        apply([{"kind": "dingtalk", "name": ROBOT["name"], "endpoint": ""}])
    apply([ROBOT | {"endpoint": "", "proxy": ""}])
    loaded = configs.load(SystemConfig.objects.get())
    assert (loaded.endpoint, loaded.proxy) == ("https://api.dingtalk.com", "")
