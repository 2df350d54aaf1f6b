"""YAML that people write: a key given twice is a mistake, and what is wrong has its line."""

from typing import Any

import yaml

from bifang.core.errors import InvalidInput


class _StrictLoader(yaml.SafeLoader):
    """A key given twice is a mistake, not a choice."""


class _PlainLoader(_StrictLoader):
    """Without aliases: what comes from elsewhere must not grow when it is read."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # PyYAML's
            raise yaml.MarkedYAMLError(problem="不能使用锚点和别名", problem_mark=mark)
        return super().compose_node(parent, index)


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
        return yaml.load(text, Loader=_StrictLoader if aliases else _PlainLoader)  # noqa: S506 - SafeLoaders
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"第 {mark.line + 1} 行" if mark else ""
        raise InvalidInput(f"{place}不是合法的 YAML：{error.problem}。") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date like 2026-02-31
        told = "嵌套太深" if isinstance(error, RecursionError) else " ".join(str(error).split())[:200]
        raise InvalidInput(f"不是合法的 YAML：{told}。") from None
