"""Cutting into the words of a closed list."""

import pytest

from secops_agent.llm.offline.chunks import Role, Words

LIST = Words(
    (Role.BLOCK, r"封(?:禁|掉)?"),
    (Role.CLOSE, r"关|封禁掉"),
    (Role.GLUE, r"一下|了(?!解)"),
    (Role.VERDICT, r"误报"),
    (Role.MARK, r"误报|mark(?![a-z])"),
    (Role.LOOK, r"(?<=先)看"),
)


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("封禁一下", [(Role.BLOCK, "封禁"), (Role.GLUE, "一下")]),
        ("封禁掉", [(Role.CLOSE, "封禁掉")]),  # the longest, whoever has it
        ("误报", [(Role.VERDICT, "误报")]),  # as long: the first
        ("MARK", [(Role.MARK, "MARK")]),
        ("marks", [(Role.UNKNOWN, "marks")]),
        ("封那个人了", [(Role.BLOCK, "封"), (Role.UNKNOWN, "那个人"), (Role.GLUE, "了")]),
        ("了解", [(Role.UNKNOWN, "了解")]),
        ("先看 关", [(Role.UNKNOWN, "先"), (Role.LOOK, "看"), (Role.GLUE, " "), (Role.CLOSE, "关")]),
        ("看", [(Role.UNKNOWN, "看")]),
        ("", []),
    ],
)
def test_each_place_takes_the_longest_word_of_the_list(clause: str, expected: list[tuple[Role, str]]) -> None:
    assert [(chunk.role, chunk.text) for chunk in LIST.cut(clause)] == expected


def test_a_list_of_one_word_and_a_list_without_some() -> None:
    assert [chunk.role for chunk in Words((Role.CLOSE, "关")).cut("关了")] == [Role.CLOSE, Role.UNKNOWN]
    assert [chunk.role for chunk in LIST.without(Role.VERDICT).cut("误报")] == [Role.MARK]
