"""YAML that people write: a key given twice is a mistake, and what is wrong has its line."""

from typing import Any

import yaml

from bifang.core.errors import InvalidInput

try:  # a tenth of the time; PyYAML's wheels have it
    from yaml import CSafeLoader as SafeLoader
except ImportError:
    from yaml import SafeLoader  # type: ignore[assignment]


class _StrictLoader(SafeLoader):
    """A key given twice is a mistake, not a choice."""


def _refuse_aliases(text: str) -> None:
    """What comes from elsewhere must not grow when it is read."""
    for event in yaml.parse(text, Loader=SafeLoader) if "*" in text else ():
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise InvalidInput(f"第 {line} 行不是合法的 YAML：不能使用锚点和别名。")


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Any] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        try:
            twice = key in seen
        except TypeError:  # a list as a key
            return loader.construct_mapping(node, deep=True)
        if twice:
            raise yaml.MarkedYAMLError(problem=f"键「{key}」写了两次", problem_mark=key_node.start_mark)
        seen.add(key)
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(text: str, *, aliases: bool = True) -> Any:
    """What a document says. Raises InvalidInput with the line."""
    try:
        if not aliases:
            _refuse_aliases(text)
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"第 {mark.line + 1} 行" if mark else ""
        raise InvalidInput(f"{place}不是合法的 YAML：{error.problem}。") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date like 2026-02-31
        told = "嵌套太深" if isinstance(error, RecursionError) else " ".join(str(error).split())[:200]
        raise InvalidInput(f"不是合法的 YAML：{told}。") from None
