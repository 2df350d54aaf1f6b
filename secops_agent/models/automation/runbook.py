"""Runbooks: what to do, written by people. As files they are skills: one SKILL.md each."""

from django.db import models

from secops_agent.models.people.staff import Role


class Runbook(models.Model):
    """One runbook in Markdown, as it stands now. Written through `services.runbooks`, which keeps the search index.

    ``role``: who has it, or a role that includes it, may read it. What is not published is a draft of its writers.
    ``extra``: keys of an imported skill that we do not read, kept for its export. ``digest``: SHA-256 of the skill with its
    files as an approver imported it; empty for what was written here.
    """

    title = models.CharField("标题", max_length=200, unique=True)
    when = models.CharField("什么时候用", max_length=1024, blank=True, default="", db_default="")
    tags = models.JSONField("标签", default=list, blank=True)
    techniques = models.JSONField("ATT&CK 技术", default=list, blank=True)
    tools = models.JSONField("相关查询", default=list, blank=True)
    role = models.CharField(
        "谁可以看",
        max_length=10,
        choices=[(role.value, role.label) for role in Role if role != Role.NONE],
        default=Role.VIEWER,
        db_default=Role.VIEWER,
    )
    published = models.BooleanField("已发布", default=True, db_default=True)
    body = models.TextField("正文（Markdown）")
    extra = models.JSONField("其他的键", default=dict, blank=True, editable=False)
    digest = models.CharField(
        "导入时的摘要", max_length=64, blank=True, default="", db_default="", editable=False
    )
    created_at = models.DateTimeField("创建时间")
    updated_at = models.DateTimeField("修改时间")

    class Meta:
        verbose_name = verbose_name_plural = "手册"
        ordering = ["title", "id"]
        indexes = [models.Index(fields=["published", "role"], name="runbook_readable")]

    def __str__(self) -> str:
        return self.title


class RunbookVersion(models.Model):
    """A runbook as somebody saved it: ``text`` is the whole SKILL.md, ``role`` who might read it then."""

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="versions", db_index=False)
    number = models.PositiveIntegerField("版本")
    text = models.TextField("内容")
    role = models.CharField(max_length=10)
    author = models.CharField("谁", max_length=200)
    note = models.CharField("说明", max_length=200, blank=True, default="")
    at = models.DateTimeField("时间")

    class Meta:
        verbose_name = verbose_name_plural = "手册的版本"
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["runbook", "number"], name="runbook_version_once")]

    def __str__(self) -> str:
        return f"{self.number}"


class RunbookFile(models.Model):
    """A file beside the SKILL.md of an imported skill. Text only: nothing here is ever run or stored as a program.

    ``text`` is empty where the file is no text or too long; it is listed then, by size and digest.
    """

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="files", db_index=False)
    path = models.CharField("路径", max_length=200)
    size = models.PositiveIntegerField("大小")
    digest = models.CharField("SHA-256", max_length=64)
    text = models.TextField("内容", blank=True, default="")

    class Meta:
        verbose_name = verbose_name_plural = "手册的文件"
        ordering = ["path"]
        constraints = [models.UniqueConstraint(fields=["runbook", "path"], name="runbook_file_once")]

    def __str__(self) -> str:
        return self.path


class RunbookTerm(models.Model):
    """A pair of Chinese characters or a word of a runbook; ``weight`` (0..1) is how much the runbook is about it."""

    runbook = models.ForeignKey(Runbook, on_delete=models.CASCADE, related_name="terms")
    term = models.CharField(max_length=60)
    weight = models.FloatField()

    class Meta:
        verbose_name = verbose_name_plural = "手册检索词"
        indexes = [models.Index(fields=["term", "runbook", "weight"], name="runbook_term_found")]

    def __str__(self) -> str:
        return self.term
