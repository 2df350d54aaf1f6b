"""值班表: layers of people who take turns; who is on call, and overrides, stand on the page 值班."""

from typing import Any, Final

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import StackedInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from secops_agent.admin.inventory import actor_of
from secops_agent.admin.people.calendar_files import CalendarFiles
from secops_agent.admin.sources.assets import TagsField
from secops_agent.models import OnCallLayer, OnCallSchedule, Staff
from secops_agent.services.notifications.choices import choices
from secops_agent.services.on_call import schedules

BOTH: Final = "「每天从」和「每天到」要一起填写，而且不同；整天值班请都留空。"


class PeopleField(TagsField):
    """People in their order, by name or staff id."""

    widget = UnfoldAdminTextInputWidget(attrs={"list": "rota-people", "data-adds": "，"})

    def clean(self, value: Any) -> list[Staff]:
        """Raises ValidationError for somebody unknown or ambiguous."""
        words = [word.strip() for word in str(value or "").replace("，", ",").replace("、", ",").split(",")]
        if not (named := [word for word in words if word]):
            raise forms.ValidationError("请至少写一位值班人。")
        return [self._person(word) for word in named]

    def _person(self, word: str) -> Staff:
        people = Staff.objects.filter(active=True)
        found = list(people.filter(staff_id=word)[:2]) or list(people.filter(name=word)[:2])
        if not found:
            raise forms.ValidationError(f"「{word}」不在人员名单中，或已离职。")
        if len(found) > 1:
            raise forms.ValidationError(f"有几位「{word}」：请写员工 ID。")
        return found[0]


class LayerForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """One layer; the order of its people is the order of their turns."""

    people = PeopleField(
        label="轮换的人", help_text="按轮换次序选人，逗号以后接着选下一位；也可以写姓名或员工 ID。可以重复。"
    )

    class Meta:
        model = OnCallLayer
        fields = ("rotation", "shift_hours", "handover", "start", "days", "hours_from", "hours_until")
        help_texts = {
            "shift_hours": "轮换为「每若干小时」时有效。",
            "start": "第一位的第一班从这一天的交接时间开始。",
            "hours_from": "只在一天的一部分值班时填写，例如 22:00 到 06:00。",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            members = self.instance.members.select_related("staff")
            self.initial["people"] = "，".join(each.staff.staff_id for each in members)

    def clean(self) -> dict[str, Any]:
        """Both hours or none."""
        values: dict[str, Any] = super().clean() or {}
        opens, closes = values.get("hours_from"), values.get("hours_until")
        if (opens is None) != (closes is None) or (opens is not None and opens == closes):
            self.add_error("hours_until", BOTH)
        return values


class LayerInline(StackedInline):  # type: ignore[misc]  # the package has no types
    """Later layers cover earlier ones."""

    model = OnCallLayer
    form = LayerForm
    verbose_name_plural = "轮班（后面的覆盖前面的）"
    fields = (
        "people",
        ("rotation", "shift_hours"),
        ("start", "handover"),
        "days",
        ("hours_from", "hours_until"),
    )

    def get_extra(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> int:
        """A new schedule begins with one."""
        return 0 if obj else 1


class RotaForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """With the group that hears of a handover, chosen among the known ones."""

    group = forms.ChoiceField(
        label="交接消息也发到群", required=False, widget=UnfoldAdminSelectWidget, help_text="群要先在「已知的群」里。"
    )  # fmt: skip

    user: Any = None  # the one who chooses

    class Meta:
        model = OnCallSchedule
        fields = ("name", "enabled", "handover_message")
        help_texts = {"handover_message": "换人时告诉前后两位：未关闭的告警、时限、待审批、本班发生了什么。"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        row, known = self.instance, [each for each in choices(self.user) if each.section == "群"]
        options = [("", "不发"), *((each.key, each.label) for each in known)]
        if row.handover_group:
            self.initial["group"] = key = f"group:{row.handover_config_id}:{row.handover_group}"
            if key not in dict(options):
                options.append((key, f"…{row.handover_group[-8:]}"))
        self.fields["group"].choices = options  # type: ignore[attr-defined]  # a ChoiceField

    def save(self, commit: bool = True) -> Any:
        """The group in its two columns."""
        _, config_id, group = (self.cleaned_data.get("group") or "::").split(":", 2)
        self.instance.handover_config_id, self.instance.handover_group = config_id or None, group
        return super().save(commit=commit)


@admin.register(OnCallSchedule)
class RotaScreen(CalendarFiles):
    """How a rota is made."""

    form = RotaForm
    change_form_outer_before_template = "admin/secops_agent/on_call_tools.html"

    records_itself = True
    one_by_one = True
    list_display = ("name", "enabled")
    search_fields = ("name",)
    fields = ("name", "enabled", "handover_message", "group")
    inlines = (LayerInline,)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the group for who only looks: it is no column."""
        return self.fields[:-1] if obj and not self.has_change_permission(request, obj) else self.fields

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The group is a field of the form, none of the model's."""
        kwargs["fields"] = RotaForm.Meta.fields
        made: Any = super().get_form(request, obj, change=change, **kwargs)
        made.user = request.user
        return made

    def beside_form(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """With the files of a rota, and with whom the boxes suggest."""
        may = self.has_change_permission(request)
        people = schedules.suggested(everybody=True) if may else ()
        return {"bf_rota": row and row.pk, "bf_may_import": may, "people": people}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Remembers what it was."""
        obj.was = schedules.described(OnCallSchedule.objects.get(pk=obj.pk)) if change else {}
        if change:
            obj.save(update_fields=schedules.TOLD)
        else:
            super().save_model(request, obj, form, change)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Layers are replaced as a whole, in the order of the page."""
        kept = [each for each in formset.forms if each.has_changed() or each.instance.pk]
        kept = [each for each in kept if not each.cleaned_data.get("DELETE")]
        for each in kept:
            each.instance.pk = None
            each.instance._state.adding = True
        pairs = [(each.instance, each.cleaned_data["people"]) for each in kept]
        schedules.replace_layers(form.instance, pairs)
        formset.new_objects, formset.changed_objects, formset.deleted_objects = [], [], []

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """With the record of what became of it."""
        super().save_related(request, form, formsets, change)
        verb = "修改" if change else "新增"
        schedules.keep_change(actor_of(request), form.instance, form.instance.was, verb=verb)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """With its record."""
        schedules.keep_deletion(actor_of(request), obj)
        super().delete_model(request, obj)
