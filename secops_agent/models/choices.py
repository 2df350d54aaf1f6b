"""Levels and states, with their Chinese labels."""

from django.db import models


class Severity(models.TextChoices):
    """From the gravest down."""

    CRITICAL = "critical", "严重"
    HIGH = "high", "高危"
    MEDIUM = "medium", "中危"
    LOW = "low", "低危"
    INFO = "info", "信息"


class Importance(models.TextChoices):
    """How much an asset matters; ranked like severities, in words of its own."""

    CRITICAL = "critical", "核心"
    HIGH = "high", "高"
    MEDIUM = "medium", "中"
    LOW = "low", "低"
    INFO = "info", "很低"


class AlertStatus(models.TextChoices):
    """OCSF status of a finding, as far as people use it."""

    OPEN = "open", "未处理"
    ACKNOWLEDGED = "acknowledged", "处理中"
    CLOSED = "closed", "已关闭"


class Outcome(models.TextChoices):
    """Whether what an alert tells of got through."""

    SUCCEEDED = "succeeded", "已得手"
    PASSED = "passed", "未拦截"
    ATTEMPTED = "attempted", "只是尝试"
    BLOCKED = "blocked", "已拦截"


class Verdict(models.TextChoices):
    """What a person found an alert to be; nothing else sets it."""

    TRUE_POSITIVE = "true_positive", "真实攻击"
    FALSE_POSITIVE = "false_positive", "误报"
    BENIGN = "benign", "正常行为"
    DUPLICATE = "duplicate", "重复"


class AssetType(models.TextChoices):
    """What an asset is."""

    HOST = "host", "主机"
    CONTAINER_IMAGE = "container_image", "容器镜像"
    REPOSITORY = "repository", "代码仓库"
    APPLICATION = "application", "应用"
    ACCOUNT = "account", "账号"
    WEBSITE = "website", "网站"
    NETWORK = "network", "网络设备"
    CLOUD = "cloud", "云资源"
    OTHER = "other", "其他"


class IndicatorKind(models.TextChoices):
    """What an observable is."""

    IP = "ip", "IP"
    DOMAIN = "domain", "域名"
    URL = "url", "URL"
    HASH = "hash", "哈希"
    ACCOUNT = "account", "账号"
    EMAIL = "email", "邮箱"
    FILE = "file", "文件"
    PROCESS = "process", "进程"


class FindingKind(models.TextChoices):
    """What is wrong."""

    VULNERABILITY = "vulnerability", "漏洞"
    MISCONFIGURATION = "misconfiguration", "错误配置"
    SECRET = "secret", "泄露的密钥"
    CODE = "code", "代码问题"


class FindingState(models.TextChoices):
    """What the scans say, kept across imports."""

    NEW = "new", "新发现"
    PRESENT = "present", "仍存在"
    GONE = "gone", "已消失"
    BACK = "back", "再次出现"


class FindingDecision(models.TextChoices):
    """What a person decided about a finding; imports keep it. The last four are the states of OpenVEX."""

    IN_PROGRESS = "in_progress", "修复中"
    ACCEPTED = "accepted", "接受风险"
    FALSE_POSITIVE = "false_positive", "误报"
    UNDER_INVESTIGATION = "under_investigation", "调查中"
    AFFECTED = "affected", "确认受影响"
    NOT_AFFECTED = "not_affected", "不受影响"
    FIXED = "fixed", "已修复"


class VexJustification(models.TextChoices):
    """Why something is not affected, in the words of OpenVEX."""

    COMPONENT_NOT_PRESENT = "component_not_present", "没有这个组件"
    CODE_NOT_PRESENT = "vulnerable_code_not_present", "组件里没有有问题的代码"
    CODE_NOT_REACHED = "vulnerable_code_not_in_execute_path", "有问题的代码不会被执行"
    NOT_CONTROLLABLE = "vulnerable_code_cannot_be_controlled_by_adversary", "攻击者控制不了有问题的代码"
    MITIGATED = "inline_mitigations_already_exist", "已有缓解措施，无法利用"


class VexStatus(models.TextChoices):
    """What a VEX document says, in the words of OpenVEX."""

    AFFECTED = "affected", "受影响"
    UNDER_INVESTIGATION = "under_investigation", "调查中"
    FIXED = "fixed", "已修复"
    NOT_AFFECTED = "not_affected", "不受影响"


class ActorKind(models.TextChoices):
    """Who did something."""

    PERSON = "person", "人员"
    TOKEN = "token", "API 令牌"
    SYSTEM = "system", "系统"
