"""人员: who may do what, in the chat and on the pages. Whoever asks for or approves dangerous actions is made by superusers, as are ties."""

from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldBooleanSwitchWidget

from bifang.core.admin.base import NOTHING, ago, author_of, badge, cell, extra
from bifang.core.admin.panels import STEPS, Step
from bifang.core.errors import BifangError
from bifang.core.models import SystemConfig
from secops_agent.admin.inventory import actor_of
from secops_agent.admin.people.accounts import InvitingScreen, may_touch_rights, second_step
from secops_agent.admin.people.login_form import LoginFields, give_login
from secops_agent.models import Role, Staff
from secops_agent.models.people.staff import allows
from secops_agent.services.notifications.rules import uses_of_person
from secops_agent.services.people import address_book, staff
from secops_agent.services.people.address_book import last_heard

PRIVILEGED = (Role.APPROVER, Role.ADMIN)
ONLY_SUPERUSERS = "只有超级管理员可以授予「处置」「审批」「管理」角色；请选择其他角色，或请超级管理员来修改。"
GUARDED = "只有超级管理员可以修改「审批」「管理」角色的人、您自己、以及登录权限比您多的人，所以页面是只读的。"
TONES = {Role.NONE: "idle", Role.VIEWER: "info", Role.ANALYST: "info", Role.RESPONDER: "info", Role.APPROVER: "warn", Role.ADMIN: "warn"}  # fmt: skip
MAY_DO = {
    Role.NONE: "不能使用", Role.VIEWER: "提问、查询", Role.ANALYST: "＋ 确认、指派、关闭告警", Role.RESPONDER: "＋ 申请封禁、隔离",
    Role.APPROVER: "＋ 批准别人的申请", Role.ADMIN: "＋ 管理配置和人员",
}  # fmt: skip
ROLE_HELP = "角色逐级包含：查看 → 分析（可确认、指派、关闭告警）→ 处置（可申请封禁、隔离）→ 审批（可批准别人的申请）→ 管理。"


class StaffForm(LoginFields):
    """Refuses a role that the person at the keyboard may not give."""

    sure = forms.BooleanField(label="仍然停用", required=False, widget=UnfoldBooleanSwitchWidget)

    class Meta:
        model = Staff
        fields = ("name", "staff_id", "corp_id", "role", "active")
        help_texts = {
            "staff_id": "钉钉的 userId，或飞书的 open_id；问机器人一句话，它会告诉没有登记的人自己的员工 ID。",
            "corp_id": "留空表示唯一的企业，收到第一条消息后自动得知。",
            "role": ROLE_HELP,
        }

    def clean(self) -> dict[str, Any]:
        """Whoever takes somebody out of use is told which rules would reach nobody."""
        values: dict[str, Any] = super().clean() or {}
        leaves = self.instance.pk and self.instance.active and values.get("active") is False
        uses = uses_of_person(self.instance) if leaves else []
        if uses and not values.get("sure"):
            self.add_error("sure", f"{'；'.join(uses)}。停用后这些消息无法送达：请先换目标，或确认仍然停用。")
        return values

    def clean_role(self) -> str:
        """Who gives the roles that ask for and approve dangerous actions could be both persons: that needs a superuser."""
        role: str = self.cleaned_data["role"]
        given = self.instance.pk is None or role != self.instance.role
        if given and allows(role, Role.RESPONDER) and not self.superuser:
            raise forms.ValidationError(ONLY_SUPERUSERS)
        return role

    def clean_corp_id(self) -> str:
        """Empty is the only corporation that is known."""
        return str(self.cleaned_data["corp_id"]).strip() or staff.only_corporation()


@admin.register(Staff)
class StaffScreen(InvitingScreen):
    """People, their roles and their logins."""

    records_itself = True
    counted = "人"

    form = StaffForm
    list_display = ("name", "staff_id", "role_badge", "may_do", "user", "seen", "standing")
    list_before_template = "admin/secops_agent/staff_find.html"
    list_display_links = ("name", "staff_id")
    list_filter = ("role", "active", "corp_id")
    list_select_related = ("user",)
    search_fields = ("name", "staff_id", "user__username")
    search_help_text = "按姓名、员工 ID 或用户名搜索"

    role_badge = cell(
        "角色", lambda person: badge(str(Role(person.role).label), TONES[Role(person.role)]), ordering="role"
    )

    may_do = cell("能做什么", lambda person: MAY_DO[Role(person.role)])

    seen = cell("最近说话", lambda person: ago(getattr(person, "last_seen", None)))

    @admin.display(description="状态", ordering="active")
    def standing(self, person: Staff) -> SafeString:
        """Whether they count."""
        if person.active and not person.acts:
            return badge("登录已停用", "warn", "对应的登录用户已停用：这个人什么都不能查、不能批准")
        return badge("在职", "ok") if person.active else badge("已停用", "idle")

    def look_up(self, rows: Sequence[Any]) -> None:
        """When they last wrote to the robot."""
        heard = last_heard([person.staff_id for person in rows])
        for person in rows:
            person.last_seen = heard.get((person.corp_id, person.staff_id))

    @extra("find/", "add")
    def find_view(self, request: HttpRequest) -> HttpResponse:
        """POST ``staff_id``: to the form of a new person, filled in as DingTalk's address book says."""
        if request.method != "POST":
            return redirect("admin:secops_agent_staff_changelist")
        try:
            found = address_book.find(request.POST.get("staff_id", ""))
        except BifangError as error:
            messages.error(request, error.message)
            return redirect("admin:secops_agent_staff_changelist")
        listed = Staff.objects.filter(staff_id=found.staff_id, corp_id__in=(found.corp_id, "")).first()
        if listed is not None:
            messages.info(request, f"「{listed.name}」（{listed.staff_id}）已经登记。")
            return redirect("admin:secops_agent_staff_change", listed.pk)
        title = f"，{found.title}" if found.title else ""
        unused = "" if found.activated else "；他还没有激活钉钉"
        messages.info(request, f"钉钉通讯录：{found.name}{title}{unused}。请选择角色后保存。")
        given = {"name": found.name, "staff_id": found.staff_id, "corp_id": found.corp_id}
        return redirect(f"{reverse('admin:secops_agent_staff_add')}?{urlencode(given)}")

    def beside_list(self, request: HttpRequest) -> dict[str, Any]:
        """With who asks without being listed."""
        shown: dict[str, Any] = {"bf_roles": [(Role(role).label, words) for role, words in MAY_DO.items()]}
        if self.has_add_permission(request):
            shown |= {"bf_may_find": True, "bf_unlisted": address_book.unlisted()}
        return shown

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With its record, in the transaction of the page."""
        before = Staff.objects.filter(pk=obj.pk).first() if change else None
        to_invite = give_login(form, author_of(request))
        super().save_model(request, obj, form, change)
        staff.keep_change(actor_of(request), before, obj)
        if to_invite:
            self.to_invite(request, to_invite)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """With its record, in the transaction of the page."""
        staff.keep_change(actor_of(request), obj, None)
        super().delete_model(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who it is, and the login; each question only where there is something to ask."""
        sure = ("sure",) if obj and obj.active and uses_of_person(obj) else ()
        tied = obj is not None and obj.user is not None
        if not request.user.is_superuser:
            login: tuple[str, ...] = ("user",)
        elif tied:
            login = ("login", "invite", "is_active", "is_superuser", "groups", "second")
        else:
            login = ("login",)
        typed = request.POST.get("login", "") if request.user.is_superuser else ""
        same = ("same",) if typed and not (tied and obj.user.username == typed) else ()
        return (
            (None, {"fields": (*StaffForm.Meta.fields, *sure)}),
            ("登录网页", {"fields": (*login[:1], *same, *login[1:])}),
        )

    second = cell("两步验证", lambda person: second_step(person.user) if person.user else NOTHING)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form, told who is at the keyboard."""
        made = super().get_form(request, obj, change=change, **kwargs)
        meta: Any = type(made)
        return meta(made.__name__, (made,), {"superuser": request.user.is_superuser})

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """To change an approver (their name, their login) is to make one."""
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Approvers, and accounts of somebody who logs in, are removed by superusers: that unties them."""
        allowed = super().has_delete_permission(request, obj) and _may_touch(request, obj)
        return allowed and (request.user.is_superuser or obj is None or obj.user_id is None)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Whoever ties a login or another account to a person gives it their role."""
        if request.user.is_superuser:
            return ("second",)
        # Whoever says which DingTalk account it is lets that account log in as the user, and ask for what the role may;
        # by the name four eyes tell people apart.
        asks = obj is not None and allows(obj.role, Role.RESPONDER)
        account = ("staff_id", "corp_id") if asks or (obj is not None and obj.user_id is not None) else ()
        return ("user", *account, *(("name",) if asks else ()))

    def get_actions(self, request: HttpRequest) -> Any:
        """No deleting in bulk for those who may not delete everyone."""
        actions = super().get_actions(request)
        if not request.user.is_superuser:
            actions.pop("delete_selected", None)
        return actions

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Says why a page is read-only."""
        person = self.get_object(request, object_id)
        if person is not None and request.method == "GET" and not _may_touch(request, person):
            messages.info(request, GUARDED)
        return super().change_view(request, object_id, form_url, extra_context)


def _may_touch(request: HttpRequest, person: Staff | None) -> bool:
    """Nobody raises themselves, and nobody locks out those who may do more."""
    if request.user.is_superuser or person is None:
        return True
    if person.role in PRIVILEGED or (person.user_id is not None and person.user_id == request.user.pk):
        return False
    return person.user is None or may_touch_rights(request, person.user)


def first_steps(request: HttpRequest) -> Iterable[Step]:
    """Someone has to be allowed to ask."""
    if not request.user.has_perm("secops_agent.add_staff"):
        return []
    done = Staff.objects.filter(active=True).exclude(role=Role.NONE).exists()
    text = "默认谁都不能使用：登记员工 ID 和角色后，他在聊天里 @机器人 就会得到回答。"
    return [Step("登记人员", text, done, reverse("admin:secops_agent_staff_add"))]


def listing_step(config: SystemConfig) -> Step:
    """Of a chat configuration: somebody may use the robot."""
    anyone = config.params.get("default_role") == "viewer"
    done = anyone or Staff.objects.filter(active=True).exclude(role=Role.NONE).exists()
    text = "默认谁都不能使用：登记员工 ID 和角色后，他 @ 机器人就会得到回答。机器人会告诉没有登记的人他的员工 ID。"
    return Step("登记可以使用的人员", text, done, reverse("admin:secops_agent_staff_add"))


STEPS.add(first_steps, place=20)
