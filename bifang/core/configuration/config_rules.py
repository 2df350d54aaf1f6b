"""Who may put which values into a configuration: each field by itself, and what a configuration may say of people."""

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError

from bifang.core.changes import Author
from bifang.core.configuration.fields import Setting
from bifang.core.configuration.kinds import Kind, get_kind
from bifang.core.models import SystemConfig

RESERVED: Final = "只有超级管理员可以填写地址、代理和引用（env:、file:）：请填写密钥本身，其余保持不变，或请超级管理员设置。"
ACCOUNT: Final = (
    "它决定毕方收发的内容经过谁的账号，只有超级管理员可以填写和更换：请保持不变，或请超级管理员设置。"
)
ARCHIVED: Final = "这份配置是公司在用的账号，只有超级管理员可以归档；停用不受限制。"
FROM_FILE: Final = "只能由运维写在文件里，用 apply_configs 写入。"
VOUCHES: Final = "这份配置决定谁的话算数（{why}），只有超级管理员可以新增、修改、启用和归档；停用不受限制。"
Values = dict[str, Any]


def reserved(row: SystemConfig, old: Values, new: Values, author: Author) -> str:
    """Why this author may not make these values of the old ones; "" if they may. A new row has no old ones."""
    concerned = () if author.superuser else (new,) if row._state.adding else (old, new)
    why = next(filter(None, map(get_kind(row.kind).vouches, concerned)), "")
    return VOUCHES.format(why=why) if why else ""


def unarchivable(row: SystemConfig, values: Values, author: Author) -> str:
    """Why this author may not archive it; "" if they may. Who may not put an account in its place may not take it away."""
    accounts = any(field.account for field in get_kind(row.kind).fields.values())
    return ARCHIVED if accounts and not author.superuser else reserved(row, values, values, author)


def cleaned(
    kind: type[Kind], old: Values, given: Mapping[str, Any], author: Author
) -> tuple[Values, dict[str, str]]:
    """Every field's new value, and what is wrong with those that were given, by field."""
    values, errors = dict(old), {}
    for name, field in kind.fields.items():
        try:
            if name in given or (field.required and not old[name]):
                values[name] = _clean(field, old[name], given.get(name), author)
        except ValidationError as error:
            errors[name] = "".join(error.messages)
    return values, errors


def _clean(field: Setting, old: Any, value: Any, author: Author) -> Any:
    if field.sealed and (value is None or (field.required and not value)) and old:
        return old
    new = field.clean("" if value is None and field.sealed else value)
    if field.from_file and not author.operator and new != old:
        raise ValidationError(FROM_FILE)
    # Also what is stored already: nobody learns by typing it what that is.
    directs = field.directs and (new != old or (field.sealed and new))
    if not author.superuser and (directs or field.references(new)):
        raise ValidationError(RESERVED)
    if not author.superuser and field.account and (new != old or (field.sealed and new)):
        raise ValidationError(ACCOUNT)
    if not author.superuser and (why := field.reserved(old, new)):
        raise ValidationError(why)
    return new


def entered_again(kind: type[Kind], old: Values, given: Mapping[str, Any]) -> dict[str, str]:
    """The secrets that have to be given again where an address changes, by field."""
    return {
        name: f"修改了地址，请重新填写{field.label}（防止密钥被发往别处）。"
        for name, field in kind.fields.items()
        if field.sealed
        and not (field.directs or field.from_file or field.made)
        and old[name]
        and not given.get(name)
    }
