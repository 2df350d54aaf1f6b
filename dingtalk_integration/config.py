"""Kind ``dingtalk``: an application of 钉钉开放平台."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from django.core.validators import RegexValidator

from bifang import env
from bifang.core.configuration.fields import (
    AddressField,
    ChoiceField,
    FlagField,
    MadeField,
    NumberField,
    ProxyField,
    SecretField,
    TextField,
)
from bifang.core.configuration.kinds import Kind
from bifang.core.models import SystemConfig
from dingtalk_integration.webhook import keys
from secops_agent.chat_config import (
    AI_CONFIG,
    AI_FALLBACK,
    CHOOSE_MODEL,
    CREDENTIALS,
    DEFAULT_ROLE,
    MODEL,
    MODEL_OFFERS,
    RECEIVING,
    ChatSettings,
    believed,
    call_limit,
    common_values,
    notifications_field,
)

OFFICIAL_ENDPOINT = "https://api.dingtalk.com"
OFFICIAL_OAPI_ENDPOINT = "https://oapi.dingtalk.com"
_OAPI_OF = {"api.dingtalk.com": OFFICIAL_OAPI_ENDPOINT, "api.dingtalk.io": "https://oapi.dingtalk.io"}
EDITIONS = (("standard", "标准版"), ("professional", "专业版"), ("custom", "自定义"))
STREAMING = (("auto", "自动（标准版关闭）"), ("on", "开启"), ("off", "关闭"))
CALLBACK = "HTTP 回调"  # a group of fields
TOKEN = RegexValidator(r"\A[A-Za-z0-9]{3,32}\Z", "应为 3 到 32 个字母和数字。")
AES_KEY = RegexValidator(r"\A[A-Za-z0-9]{43}\Z", "应正好是 43 个字母和数字。")
PATH_KEY = RegexValidator(r"\A[A-Za-z0-9_-]{20,100}\Z", "应为 20 到 100 个字母、数字、- 或 _。")
NO_CORPORATION = (
    "没有填写「企业 CorpId」：HTTP 回调的正文没有签名，毕方不从消息得知是哪个企业。"
    "请用管理员账号登录钉钉开放平台 open.dingtalk.com，把首页企业信息里的 CorpId（通常以 ding 开头）填进来。"
)
QUOTAS = {"standard": (5_000, 3_000), "professional": (200_000, 50_000)}  # calls, messages: since 2025-11-19


@dataclass(frozen=True, slots=True)
class DingTalkSettings(ChatSettings):
    """A DingTalk configuration. ``client_id`` was called AppKey."""

    app_id: str = ""
    use_stream_push: bool = True
    callback_token: str = field(default="", repr=False)
    callback_aes_key: str = field(default="", repr=False)
    callback_path: str = field(default="", repr=False)
    callback_card_secret: str = field(default="", repr=False)
    corp_id: str = ""
    card_template_id: str = ""
    sign_in: bool = False
    endpoint: str = OFFICIAL_ENDPOINT
    oapi_endpoint: str = OFFICIAL_OAPI_ENDPOINT
    edition: Literal["standard", "professional", "custom"] = "standard"
    monthly_calls: int = 0
    monthly_messages: int = 0
    quota_reset_day: int = 1
    card_streaming: Literal["auto", "on", "off"] = "auto"

    @property
    def streams_cards(self) -> bool:
        """Every step of an answer that grows on its card is a call."""
        return self.card_streaming == "on" or (self.card_streaming == "auto" and self.edition != "standard")


class DingTalkKind(Kind):
    """Fields of the guide's step 4."""

    name = "dingtalk"
    label = "钉钉"
    icon, place, section = "forum", 10, "聊天"
    corporation = "corp_id"
    sentence = "让机器人在钉钉里收发消息：用 Stream 长连接，不需要公网地址；网络不允许长连接时用 HTTP 回调。"
    at_hand = "钉钉开放平台里一个企业内部应用的 Client ID 和 Client Secret（要企业管理员或开发者账号；还没有应用，几分钟就能创建）。"
    start = "没有模型也能用：先连上钉钉，以离线模式回答，之后再接模型。"
    groups: ClassVar[Mapping[str, str]] = {
        CREDENTIALS: "都在钉钉开放平台（open.dingtalk.com）：应用开发 › 企业内部开发 › 点开应用 › 基础信息 › 凭证与基础信息。",
        RECEIVING: "钉钉一侧：应用能力 › 机器人 的消息接收模式选「Stream 模式」，开发配置 › 事件订阅 选「Stream 推送」，再发布版本；关闭「使用流式推送」时照下面的「HTTP 回调」。",
        CALLBACK: "只在关闭「使用流式推送」时有用：钉钉把消息发到毕方的公网 HTTPS 地址。都可以留空，保存时自动生成（回调地址里的密钥在「高级设置」里）；"
        "要填到开放平台的地址和密钥，保存后在本页「HTTP 回调」里查看。什么时候用哪一种，见 docs/dingtalk_webhook.md。",
        MODEL: CHOOSE_MODEL,
    }

    app_id = TextField("钉钉App ID", group=CREDENTIALS, help_text="「凭证与基础信息」里的 App ID（可选）。")
    client_id = TextField(
        "钉钉Client ID", required=True, account=True, max_length=200, group=CREDENTIALS,
        help_text="「凭证与基础信息」里的 Client ID，原名 AppKey，通常以 ding 开头（必填，用于 Stream 推送）。",
    )  # fmt: skip
    client_secret = SecretField(
        "钉钉Client Secret", required=True, group=CREDENTIALS,
        help_text="「凭证与基础信息」里的 Client Secret，原名 AppSecret（必填，用于 Stream 推送）；保存后不再显示。"
        "也可以写 env:BIFANG_SECRET_名称 或 file:/run/secrets/文件名。",
    )  # fmt: skip
    use_stream_push = FlagField(
        "使用流式推送", initial=True, group=RECEIVING,
        help_text="开启：保持 Stream 长连接，不需要公网地址（推荐）。关闭：由钉钉以 HTTP 回调推送，需要公网 HTTPS 地址，只有超级管理员可以这样设置。",
    )  # fmt: skip
    notifications_enabled = notifications_field("钉钉")
    default_role = DEFAULT_ROLE
    callback_token = SecretField(
        "签名 token", group=CALLBACK, max_length=200, validators=[TOKEN],
        help_text="开放平台「事件订阅 › HTTP 推送」里的签名 token：3 到 32 个字母和数字。留空则保存时生成。",
    )  # fmt: skip
    callback_aes_key = SecretField(
        "加密 aes_key", group=CALLBACK, max_length=200, validators=[AES_KEY],
        help_text="同一处的加密 aes_key（EncodingAESKey）：43 个字母和数字。留空则保存时生成。",
    )  # fmt: skip
    callback_path = SecretField(
        "回调地址里的密钥", group=CALLBACK, advanced=True, max_length=200, validators=[PATH_KEY],
        help_text="三个回调地址里猜不到的那一段，20 到 100 个字母、数字、- 或 _；留空则保存时生成。换掉它等于换地址，要到开放平台改。",
    )  # fmt: skip
    callback_card_secret = MadeField("卡片回调的密钥", group=CALLBACK)
    ai_config = AI_CONFIG
    ai_fallback = AI_FALLBACK
    model_offers = MODEL_OFFERS
    sign_in = FlagField(
        "允许用钉钉登录", advanced=True,
        help_text="本企业已登记、并在「人员」里对应了登录用户的人，可以在登录页用钉钉登录；不会新建用户。"
        "先在钉钉开放平台登记回调地址、开通两项权限，见 docs/login.md。打开后，只有超级管理员可以修改和启用这份配置。",
    )  # fmt: skip
    corp_id = TextField(
        "企业 CorpId", advanced=True,
        help_text="开放平台首页显示的企业信息里。使用流式推送时可以留空，从收到的第一条消息得知；关闭「使用流式推送」时必填。",
    )  # fmt: skip
    card_template_id = TextField(
        "AI 卡片模板 ID", advanced=True, max_length=200,
        help_text="开放平台「卡片平台」里模板的 ID；留空则用 Markdown 消息回复。模板要有哪些变量，见 docs/card-template.md。",
    )  # fmt: skip
    edition = ChoiceField(
        "钉钉版本", initial="standard", choices=EDITIONS, advanced=True,
        help_text="决定企业每月的额度：标准版 5,000 次接口调用、3,000 条消息，专业版 200,000 次、50,000 条；买了增购包选「自定义」。",
    )  # fmt: skip
    monthly_calls = NumberField(
        "每月接口调用额度", min_value=0, advanced=True, help_text="只在「自定义」时有效；0 表示不限。"
    )
    monthly_messages = NumberField(
        "每月消息额度", min_value=0, advanced=True, help_text="只在「自定义」时有效；0 表示不限。"
    )
    quota_reset_day = NumberField(
        "额度重置日",
        initial=1,
        min_value=1,
        max_value=28,
        advanced=True,
        help_text="每月的这一天重新计算（1–28）。",
    )
    card_streaming = ChoiceField(
        "卡片逐字更新", initial="auto", choices=STREAMING, advanced=True,
        help_text="回答在卡片上逐字出现，一个回答多用几次到几十次接口调用。",
    )  # fmt: skip
    endpoint = AddressField(
        "接入地址", advanced=True,
        help_text="留空使用环境变量 DINGTALK_OPENAPI_ENDPOINT 或官方地址 https://api.dingtalk.com；用本机的钉钉模拟器时，填它「凭证与基础信息」里的接入地址。",
    )  # fmt: skip
    calls_app_day, calls_app_month = call_limit("app"), call_limit("app", month=True)
    calls_sms_day, calls_sms_month = call_limit("sms"), call_limit("sms", month=True)
    calls_call_day, calls_call_month = call_limit("call"), call_limit("call", month=True)
    proxy = ProxyField()

    @classmethod
    def approving(cls, values: Mapping[str, Any]) -> str:
        """An HTTP callback does not prove who wrote a text."""
        if values.get("use_stream_push", True):
            return ""
        return f"{'点卡片上的「同意」按钮，或' if values.get('card_template_id') else ''}在网页「审批」里同意"

    @classmethod
    def contradictions(cls, values: Mapping[str, Any]) -> dict[str, str]:
        """What an HTTP callback says is not signed: whose robot it is has to be known before."""
        return {} if values["use_stream_push"] or values["corp_id"] else {"corp_id": NO_CORPORATION}

    @classmethod
    def completed(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """In HTTP mode: the keys of the callbacks."""
        return {} if values["use_stream_push"] else keys.completed(values)

    @classmethod
    def vouches(cls, values: Mapping[str, Any]) -> str:
        """Whoever holds the keys of an HTTP callback, or says by which application people log in, can be everybody."""
        if values["sign_in"]:
            return "打开了「允许用钉钉登录」"
        if not values["use_stream_push"]:
            return "关闭了「使用流式推送」：HTTP 回调的正文没有签名，写着是谁说的就是谁说的"
        return believed(values, cls.corporation)

    @classmethod
    def build(cls, config: SystemConfig, values: dict[str, Any]) -> DingTalkSettings:
        """With the addresses in force."""
        return DingTalkSettings(**common_values(config, values) | _endpoints(values["endpoint"]))


def _endpoints(endpoint: str) -> dict[str, Any]:
    """A configuration's own endpoint serves both APIs (a private DingTalk, the simulator)."""
    api = endpoint or env.text("DINGTALK_OPENAPI_ENDPOINT").rstrip("/") or OFFICIAL_ENDPOINT
    oapi = _OAPI_OF.get(urlsplit(api).hostname or "") or endpoint or OFFICIAL_OAPI_ENDPOINT
    return {"endpoint": api, "oapi_endpoint": env.text("DINGTALK_OAPI_ENDPOINT").rstrip("/") or oapi}
