"""What people see of a stream: its state, the test of its form, its dead letters; and which addresses it may have."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bifang.core.configuration.configs import FieldErrors, save
from bifang.core.errors import ConfigError
from bifang.core.models import SystemConfig
from bifang.core.monitoring.health import check_health
from bifang.core.monitoring.metrics import render_metrics
from secops_agent.brokers.config import BrokerSettings
from secops_agent.brokers.health import check_consumers
from secops_agent.brokers.standing import ConsumerState, publish
from secops_agent.models import Alert, AuditRecord, BrokerLetter, ConsumerStatus, Role
from secops_agent.services.intake import deliveries
from secops_agent.services.intake.deliveries import Delivery
from tests.admin_pages import member, serve_plain_static, superuser, text_of
from tests.certificates import self_signed
from tests.deadline import wait_until
from tests.secops.brokers.conftest import Consuming, configure
from tests.secops.brokers.servers import TOPIC, BrokerServer, NatsServer, RedisServer, alert
from tests.secops.brokers.test_consuming import either

FORM = {"name": "总线", "enabled": "on", "group": "bifang", "format": "generic", "username": "", "ca": ""}
pytestmark = pytest.mark.usefixtures("database", "allowed")


@pytest.fixture(autouse=True)
def _static(settings: Any, tmp_path: Path) -> None:
    serve_plain_static(settings, tmp_path)


def stream(**more: Any) -> SystemConfig:
    values = {"url": "redis://127.0.0.1:6379/2", "topic": TOPIC, "format": "generic", **more}
    return save("stream", "总线", True, values)[0]


def standing(config: SystemConfig, status: ConsumerStatus, error: str = "", **more: Any) -> None:
    state = ConsumerState.fresh()
    state.turn(status, error)
    for name, value in more.items():
        setattr(state, name, value)
    publish("host-1-a", {config.pk: state})


def letter(config: SystemConfig, body: bytes, position: str = "1-0") -> BrokerLetter:
    deliveries.bury(config.pk, Delivery("s", position, timezone.now(), body), "读不懂")
    return BrokerLetter.objects.get(position=position)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://10.9.9.9:6379", "BIFANG_ADDRESS_ALLOW_LIST"),
        ("nats://bus.example.com:4222", "BIFANG_ADDRESS_ALLOW_LIST"),
        ("tls://api.dingtalk.com:4222", "BIFANG_ADDRESS_ALLOW_LIST"),
        ("redis://169.254.169.254:80", "元数据"),
        ("nats://user:secret@127.0.0.1:4222", "用户名或密码"),
        ("kafka://127.0.0.1:9092", "BIFANG_KAFKA_SERVERS"),
        ("http://127.0.0.1:6379", "nats://"),
        ("redis://127.0.0.1:6379/0?ssl_cert_reqs=none", "不带参数"),
        ("nats://127.0.0.1:4222/2", "只写到端口"),
        ("redis://127.0.0.1:6379/../1", "只写到端口"),
        ("redis://127.0.0.1:99999", ""),
        ("redis://127.0.0.1\n:6379", ""),
    ],
)
def test_only_brokers_of_the_operators_list_are_taken(url: str, said: str) -> None:
    with pytest.raises(FieldErrors) as refused:
        stream(url=url)
    assert said in refused.value.errors["url"]


def test_air_gap_keeps_streams_inside(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setenv("BIFANG_AIRGAPPED", "1")
    settings.ADDRESS_ALLOW_LIST = ["8.8.8.8", "127.0.0.1"]
    monkeypatch.setenv("BIFANG_ADDRESS_ALLOW_LIST", "8.8.8.8,127.0.0.1")
    with pytest.raises(FieldErrors, match="不是内网地址"):
        stream(url="redis://8.8.8.8:6379")
    assert stream().pk


def test_source_of_a_long_name_is_its_own() -> None:
    first, second = (BrokerSettings(pk, "很长的名字" * 20, "", "", "").source for pk in (11, 12))
    assert first != second
    assert len(first) <= 60


@pytest.mark.slow
def test_list_shows_how_a_stream_stands() -> None:
    config, root = stream(), superuser()
    page = reverse("admin:core_systemconfig_changelist")
    assert "没有进程在取" in text_of(root.get(page))
    standing(config, ConsumerStatus.CONNECTED, lag=12)
    assert "积压 12" in text_of(root.get(page))
    own = reverse("admin:core_systemconfig_change", args=[config.pk])
    assert "12 条没有取" in text_of(root.get(own))
    letter(config, b"x")
    standing(config, ConsumerStatus.RETRYING, "连不上 Redis 127.0.0.1:6379（连接被拒绝）", attempts=3)
    text = text_of(root.get(page))
    assert "重试中" in text
    assert "连接被拒绝" in text
    assert "死信 1" in text
    config.refresh_from_db()
    assert "连接被拒绝" in config.last_error
    text = text_of(root.get(reverse("admin:core_systemconfig_change", args=[config.pk])))
    assert "来源 stream:总线" in text
    assert "未知，没有连接" in text


def test_health_and_metrics_tell_of_streams() -> None:
    assert "没有启用的消息流" in check_consumers()
    config = stream()
    standing(config, ConsumerStatus.PARKED, "密码不对")
    with pytest.raises(ConfigError, match="密码不对"):
        check_consumers()
    assert next(each for each in check_health().findings if each.name == "consumers").state == "failed"
    standing(config, ConsumerStatus.CONNECTED, lag=7)
    assert "1 个消息流已连接" in check_consumers()
    letter(config, b"x")
    figures = render_metrics().decode()
    assert f'bifang_consumer_lag{{config="{config.pk}"}} 7.0' in figures
    assert f'bifang_consumer_dead_letters{{config="{config.pk}"}} 1.0' in figures


def act(client: Client, action: str, *letters: BrokerLetter, agreed: bool = True) -> str:
    data = {"action": action, "_selected_action": [each.pk for each in letters], "index": "0"}
    page = reverse("admin:secops_agent_brokerletter_changelist")
    return text_of(client.post(page, data | ({"agreed": "1"} if agreed else {}), follow=True))


@pytest.mark.slow
def test_dead_letters_are_tried_again_or_dropped_by_analysts() -> None:
    config = stream(format="falco")
    good, bad, cut = letter(config, alert("补上的"), "1-0"), letter(config, b"bad", "2-0"), None
    cut = letter(config, b"[" * (deliveries.KEPT + 1), "3-0")
    analyst = member(Role.ANALYST)
    assert "不像是" in act(analyst, "try_again", good) or BrokerLetter.objects.get(pk=good.pk).error
    save("stream", config.name, True, {"format": "generic"}, config=config)
    assert "按现在的配置再导入一次" in act(analyst, "try_again", good, agreed=False)
    assert not Alert.objects.exists()
    act(analyst, "try_again", good, bad, cut)
    assert Alert.objects.get().source == "stream:总线"
    assert set(BrokerLetter.objects.all()) == {bad, cut}
    address = reverse("admin:secops_agent_brokerletter_change", args=[bad.pk])
    page = analyst.get(address).content.decode()
    assert "bad" in page
    form = page[page.index('class="bf-panel bf-standing"') :]
    assert f'name="_selected_action" value="{bad.pk}"' in form[: form.index("</form>")]
    assert all(f'name="action" value="{one}"' in form for one in ("try_again", "throw_away"))
    act(analyst, "throw_away", bad, cut)
    assert not BrokerLetter.objects.exists()
    told = list(
        AuditRecord.objects.filter(subject="broker_letter").order_by("pk").values_list("what", flat=True)
    )
    assert told == ["重试消息流死信，成功 1 条", "丢弃消息流死信 2 条"]


def test_viewers_do_not_see_dead_letters() -> None:
    found = letter(stream(), b"secret")
    viewer = member(Role.VIEWER)
    assert viewer.get(reverse("admin:secops_agent_brokerletter_changelist")).status_code == 403
    assert viewer.get(reverse("admin:secops_agent_brokerletter_change", args=[found.pk])).status_code == 403


def test_hostile_dead_letter_is_only_text() -> None:
    found = letter(stream(), "<script>alert(1)</script>\u202e\x00\x1b[31m".encode())
    page = (
        superuser().get(reverse("admin:secops_agent_brokerletter_change", args=[found.pk])).content.decode()
    )
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page


def tried(client: Client, server: BrokerServer) -> dict[str, str]:
    form = FORM | {"url": server.url, "topic": TOPIC}
    answer: Any = client.post(reverse("admin:core_systemconfig_try", args=["stream"]), form)
    lines = [json.loads(line) for line in b"".join(answer.streaming_content).splitlines()]
    return {one["name"]: one["step"] for one in lines if "name" in one}


@either
def test_form_is_tried_without_taking_anything(server: BrokerServer) -> None:
    server.publish([alert("等着")])
    root = superuser()
    steps = tried(root, server)
    assert list(steps) == ["complete", "dns", "tcp", "tls", "login", "topic"]
    assert "1 条消息" in steps["topic"]
    assert server.waiting() == -1, "no group was made"
    server.kill()
    assert "连接被拒绝" in tried(root, server)["tcp"]


def encrypted(kind: str, tmp_path: Path) -> tuple[BrokerServer, str]:
    """A server with a certificate of localhost, and its authority."""
    file = tmp_path / "server.pem"
    ca = self_signed(file)
    if kind == "redis":
        made: BrokerServer = TlsRedis(tmp_path / "broker", file)
    else:
        made = NatsServer(tmp_path / "broker")
        made.more = f'tls {{ cert_file: "{file}", key_file: "{file}" }}'  # type: ignore[attr-defined]
        made.login = {"tls": _trusting(ca), "tls_hostname": "localhost"}  # type: ignore[attr-defined]
    return made, ca


def _trusting(ca: str) -> Any:
    import ssl

    return ssl.create_default_context(cadata=ca)


class TlsRedis(RedisServer):
    def __init__(self, home: Path, file: Path) -> None:
        super().__init__(home)
        self.file = file

    def command(self) -> list[str]:
        certificate = ["--tls-cert-file", str(self.file), "--tls-key-file", str(self.file)]
        plain = [word if word != "--port" else "--tls-port" for word in super().command()]
        return [*plain, "--port", "0", *certificate, "--tls-auth-clients", "no"]

    def client(self) -> Any:
        import redis

        return redis.Redis(
            host="127.0.0.1", port=self.port, ssl=True, ssl_cert_reqs="none", ssl_check_hostname=False
        )


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        pytest.param("redis", "rediss", marks=pytest.mark.outside("redis-server")),
        pytest.param("nats", "tls", marks=pytest.mark.outside("nats-server")),
    ],
)
def test_company_ca_is_believed_and_no_other(
    kind: str, scheme: str, tmp_path: Path, settings: Any, consuming: Consuming
) -> None:
    server, ca = encrypted(kind, tmp_path)
    settings.SECRETS_DIR = tmp_path
    (tmp_path / "ca.pem").write_text(ca)
    server.start()
    try:
        server.publish([alert("加密的")])
        url = f"{scheme}://localhost:{server.port}"
        strange = configure(server, "不信任的", url=url)
        with consuming(strange) as consumer:
            wait_until(
                lambda: (
                    "certificate" in consumer.state.last_error.lower() or "证书" in consumer.state.last_error
                ),
                within=20,
            )
        believed = configure(server, url=url, ca=f"file:{tmp_path / 'ca.pem'}")
        with consuming(believed):
            wait_until(lambda: Alert.objects.filter(title="加密的").exists(), within=20)
    finally:
        server.kill()


@pytest.mark.outside("nats-server")
def test_password_is_not_sent_to_a_server_that_leaves_tls_out(
    tmp_path: Path, settings: Any, consuming: Consuming
) -> None:
    server, heard = NatsServer(tmp_path / "broker"), tmp_path / "heard"
    server.more = f'debug: true, trace: true, log_file: "{heard}"'
    server.start()
    try:
        config = configure(
            server, url=f"tls://localhost:{server.port}", username="u", password="never-in-the-clear"
        )
        with consuming(config) as consumer:
            wait_until(lambda: "没有用 TLS 应答" in consumer.state.last_error, within=20)
        assert '"user":"u"' not in heard.read_text().replace(" ", "")
    finally:
        server.kill()


@pytest.mark.outside("redis-server")
@pytest.mark.parametrize("server", ["redis"], indirect=True)
def test_number_that_is_no_time_stops_nobody(server: RedisServer, consuming: Consuming) -> None:
    with server.client() as client:
        for entry in ("0-1", "5-18446744073709551615", "18446744073709551615-1"):
            client.xadd(TOPIC, {"anything": alert(entry)}, id=entry)
    with consuming(configure(server)):
        wait_until(lambda: Alert.objects.count() == 3, within=20)
    assert not Alert.objects.filter(last_seen__gt=timezone.now()).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            b'{"record": "alert", "title": "x" "y"}',
            "第一条（第 1 行）：不是有效的 JSON：它的第 34 个字符处缺少逗号",
        ),
        (b'{"record": "alert",\n "title": ', "JSON 在第 2 行第 11 个字符处中断：没有写完"),
        (b'{"record": "alert"}}', "第 20 个字符处后面多出了内容"),
        (b"[1, x]", "JSON 在第 1 行第 5 个字符处中断：应当是一个值"),
        (b"[" * 50_000, "不像是 generic"),
        (b'{"a": ' + b"9" * 5000 + b"}", ""),
        (b"plain words", "不像是 generic：毕方通用格式"),
    ],
)
def test_dead_letter_of_broken_json_says_where_it_breaks(body: bytes, why: str) -> None:
    found = letter(stream(format="generic"), body)
    act(member(Role.ANALYST), "try_again", found)
    found.refresh_from_db()
    assert why in found.error
    assert "（（" not in found.error
    assert "））" not in found.error
