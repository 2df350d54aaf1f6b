"""``python -m deploy.local.preparation``: database, static files, demo configuration, administrator; repeatable.

A process of its own, so that the wrapper that outlives it stays small and holds no database.
"""

import hashlib
import json
import logging
import os
import secrets
import sys
from io import StringIO
from pathlib import Path
from string import Template
from typing import Any

from bifang import env
from deploy.local.console import say

QWEN = '  - {kind: qwen, name: 通义千问, api_key: "env:DASHSCOPE_API_KEY", model: qwen-plus}\n'
CORPORATION = "dingdemocorp"  # the simulator's
FIREWALL = "firewall.json"  # what the demo's firewall blocks
FEISHU = Template("""\
  - kind: feishu
    name: 演示飞书机器人
    client_id: cli_demo
    client_secret: demo-secret
    use_long_connection: true
    ai_config: "${ai_config}"
    tenant_key: tenant_demo
    endpoint: "http://127.0.0.1:${port}"
""")
FEISHU_STAFF = """\
  - {staff_id: ou_zhangsan, corp_id: tenant_demo, name: 张三, role: admin}
  - {staff_id: ou_lisi, corp_id: tenant_demo, name: 李四, role: analyst}
  - {staff_id: ou_wangwu, corp_id: tenant_demo, name: 王五, role: approver}
  - {staff_id: ou_zhaoliu, corp_id: tenant_demo, name: 赵六, role: responder}
"""


def main() -> int:
    """Exit code 0, or 2 after one line that says what to do."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bifang.settings")
    from bifang.core.monitoring.failures import explain

    try:
        prepare()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        line = explain(error)
        if not line:
            raise
        say(line)
        return 2
    return 0


def prepare() -> None:
    """All of it, each step leaving alone what is already there."""
    import django

    django.setup()
    from bifang.core.monitoring.checks import require_usable_files

    require_usable_files()
    say("· 数据库迁移")
    _call("migrate", interactive=False)
    say("· 静态文件")
    collect_static()
    say("· 演示配置与人员")
    empty = apply_demo()
    rest_feishu()
    create_administrator()
    create_demo_logins()
    load_demo_data(empty)


def _call(command: str, *arguments: str, **options: Any) -> None:
    from django.core.management import call_command

    call_command(command, *arguments, stdout=StringIO(), **options)


def collect_static() -> None:
    """Collect, hash and compress (some seconds), only when a file changed."""
    from django.conf import settings
    from django.contrib.staticfiles.finders import get_finders

    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    stamp: Path = settings.STATIC_ROOT / ".collected"
    if not stamp.exists() or stamp.read_text() != digest.hexdigest():
        _call("collectstatic", interactive=False)
        stamp.write_text(digest.hexdigest())


def apply_demo() -> bool:
    """Apply the demo file when it says something new; what a person changed since then stays.

    Returns whether the database was empty.
    """
    from django.conf import settings

    from bifang.core.models import SystemConfig
    from secops_agent.services.people.staff import learn_corporation

    applied: Path = settings.DATA_DIR / "demo.yaml"
    text = render_demo()
    known = applied.read_text(encoding="utf-8") if applied.exists() else ""
    empty = not SystemConfig.objects.exists()
    if text == known and not empty:
        return False
    draft = applied.with_suffix(".new.yaml")
    draft.write_text(text, encoding="utf-8")
    learn_corporation(CORPORATION, "load_demo")  # of people whom an older demo listed without one
    logging.disable(
        logging.WARNING
    )  # nobody spoke in the demo's group yet: true, and no news on a first start
    try:
        _call("apply_configs", str(draft))
    finally:
        logging.disable(logging.NOTSET)
    draft.replace(applied)
    return empty


def rest_feishu() -> None:
    """Without FEISHU=1 nobody serves the demo's Feishu configuration of an earlier run."""
    from bifang.core.configuration import configs
    from bifang.core.models import SystemConfig

    if not env.flag("FEISHU"):
        for row in SystemConfig.objects.enabled("feishu").filter(client_id="cli_demo"):
            configs.set_enabled(row, False)


def render_demo() -> str:
    """The demo file with this run's ports, linked to Qwen if there is a key, with Feishu if it is asked for."""
    from django.conf import settings

    template = Template(Path(__file__).with_name("demo.yaml").read_text(encoding="utf-8"))
    rules = settings.DATA_DIR / FIREWALL
    linked, feishu = bool(os.environ.get("DASHSCOPE_API_KEY")), env.flag("FEISHU")
    ai_config = "通义千问" if linked else ""
    port = os.environ.get("FEISHU_PORT") or "8930"
    return template.substitute(
        sim_port=os.environ.get("SIM_PORT") or "8910",
        qwen=QWEN if linked else "",
        ai_config=ai_config,
        feishu=FEISHU.substitute(ai_config=ai_config, port=port) if feishu else "",
        feishu_staff=FEISHU_STAFF if feishu else "",
        firewall=json.dumps(
            [sys.executable, "-m", "simulators.firewall", "--stdio", "--hosts", "--rules", str(rules)]
        ),
        project=settings.BASE_DIR,
    )


def create_administrator() -> None:
    """An administrator with a generated password, kept 0600 until a person changes it; in the chat he is 张三."""
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from secops_agent.models import Staff

    users = get_user_model()._default_manager
    file: Path = settings.DATA_DIR / "admin-password"
    known = file.read_text().strip() if file.exists() else ""
    administrator = users.filter(username="admin").first()
    if administrator is not None:
        if known and not administrator.check_password(known):
            file.unlink()
    elif not users.filter(is_superuser=True).exists():
        password = secrets.token_urlsafe(12)
        # Written first: a password that nobody can read would lock everybody out.
        write_private(file, password)
        user = users.create_superuser("admin", "", password)
        Staff.objects.filter(corp_id=CORPORATION, staff_id="manager01", user=None).update(user=user)


def create_demo_logins() -> None:
    """A login for each demo person of another role, with one generated password, so that four eyes can be tried; 0600."""
    from django.conf import settings
    from django.contrib.auth import get_user_model

    from secops_agent.models import Role, Staff

    file: Path = settings.DATA_DIR / "demo-logins"
    users = get_user_model()._default_manager
    people = Staff.objects.filter(corp_id=CORPORATION, user=None, role__in=Role.values[2:-1]).order_by("pk")
    free = [each for each in people if not users.filter(username=each.staff_id).exists()]
    if file.exists() or not free:
        return
    password = secrets.token_urlsafe(9)
    write_private(
        file,
        f"{'、'.join(f'{each.staff_id}（{each.get_role_display()}）' for each in free)}，密码都是 {password}",
    )
    for person in free:
        person.user = users.create_user(person.staff_id, "", password)
        person.save(update_fields=["user"])


def write_private(path: Path, text: str) -> None:
    """Create or replace a file that only this user can read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text + "\n")


def load_demo_data(empty: bool) -> None:
    """Alerts, assets and vulnerabilities of the demo estate, once the application can load them."""
    from django.conf import settings
    from django.core.management import get_commands

    from secops_agent.demo.duty import standing

    loaded: Path = settings.DATA_DIR / "demo-loaded"
    if "load_demo" in get_commands() and (empty or not loaded.exists()):
        say("· 演示数据")
        (settings.DATA_DIR / FIREWALL).write_text(json.dumps(standing(), ensure_ascii=False), "utf-8")
        _call("load_demo")
        loaded.touch()


if __name__ == "__main__":
    sys.exit(main())
