"""Runbooks are found in Chinese, on both databases, without any extension."""

import pytest
from django.utils import timezone

from bifang.core.errors import InvalidInput
from secops_agent.demo.loading import _load_runbooks
from secops_agent.llm.offline.words import load
from secops_agent.models import Role
from secops_agent.services import runbooks
from secops_agent.services.actors import Actor
from secops_agent.services.faults import Conflict, NotFound
from secops_agent.services.people.staff import Person
from secops_agent.tools.definitions import Asker
from secops_agent.tools.operations.runbooks import SearchRunbook, search_runbook
from tests.secops.demo_aid import Proposals

from .inventory_aid import ACTOR, person

pytestmark = pytest.mark.both_databases
BOOKS = {
    "勒索病毒应急处置": (("勒索", "备份"), "立即断网隔离受影响主机。\n从干净的备份恢复。"),
    "SSH 暴力破解处置": (("暴力破解", "T1110"), "在登录日志中统计来源地址，封禁来源。"),
    "钓鱼邮件处置": (("钓鱼",), "撤回邮件，重置口令。"),
}

QUESTIONS = [
    ("勒索病毒", "勒索病毒应急处置"),
    ("中了勒索怎么办", "勒索病毒应急处置"),
    ("ssh被暴力破解了怎么处理", "SSH 暴力破解处置"),
    ("T1486", "勒索病毒应急处置"),
    ("员工收到钓鱼邮件", "钓鱼邮件处置"),
    ("重置口令", "钓鱼邮件处置"),
    ("有没有勒索病毒的应急手册，借我看看", "勒索病毒应急处置"),
    ("知识库里有没有暴力破解的 playbook", "SSH 暴力破解处置"),
]


@pytest.fixture
def books(database):
    return {
        title: runbooks.save(title, body, tags, ("T1486",) if "勒索" in title else (), ACTOR).id
        for title, (tags, body) in BOOKS.items()
    }


def test_search_finds_the_right_one_first(books):
    for query, title in QUESTIONS:
        hits = runbooks.search(query)
        assert hits[0].title == title
        assert hits[0].excerpt
        assert all(0 < hit.score <= 1 for hit in hits)


def test_topic_is_what_stands_between_the_words_of_asking():
    assert runbooks.topic("用户反映电脑中毒怎么办？") == "电脑中毒"
    assert runbooks.topic("请问勒索病毒的处置流程在哪里查阅") == "勒索病毒"
    assert runbooks.topic("怎么处置") == "怎么处置"


def test_nothing_found_is_an_answer(books):
    assert runbooks.search("今天天气") == ()
    with pytest.raises(InvalidInput):
        runbooks.search("？！")


def test_change_is_searchable_and_recorded(books):
    pk = books["钓鱼邮件处置"]
    actor = Actor.person(person(), "dingtalk")
    runbooks.save("钓鱼邮件处置", "联系邮件网关撤回。", ("钓鱼", "邮件网关"), (), actor, runbook_id=pk)
    assert runbooks.search("邮件网关")[0].id == pk
    assert runbooks.search("重置口令") == ()
    assert runbooks.get(pk).tags == ("钓鱼", "邮件网关")
    with pytest.raises(Conflict):
        runbooks.save("钓鱼邮件处置", "另一个", (), (), actor)
    runbooks.delete(pk, actor)
    with pytest.raises(NotFound):
        runbooks.get(pk)
    assert runbooks.search("钓鱼") == ()


SKILLS = {
    "performing-firmware-extraction-with-binwalk": "Extract the file system of a router's firmware image.",
    "hunting-for-lateral-movement-via-wmi": "Hunt for remote processes that were started through WMI.",
    "analyzing-golang-malware-with-ghidra": "Recover function names of stripped Go binaries.",
    "executing-phishing-simulation-campaign": "Plan e-mails and landing pages, measure who clicks.",
    "detecting-cryptomining-in-cloud": "Find workloads that were abused for mining.",
}
IN_CHINESE = [
    ("拿到一台路由器的固件，想把里面的东西拆出来看看", "performing-firmware-extraction-with-binwalk"),
    ("攻击者是不是已经在横向移动了，从哪些地方能看出来", "hunting-for-lateral-movement-via-wmi"),
    ("函数名都被去掉了，ghidra 里怎么把它们找回来", "analyzing-golang-malware-with-ghidra"),
    ("今年要给全公司搞一次钓鱼演练，怎么安排", "executing-phishing-simulation-campaign"),
    ("勒索病毒怎么处置", "勒索病毒应急处置"),
    ("员工收到钓鱼邮件", "钓鱼邮件处置"),
]


def test_a_chinese_question_finds_what_is_written_in_english(books):
    for title, when in SKILLS.items():
        runbooks.save(title, when, (), (), ACTOR, when=when)
    for query, title in IN_CHINESE:
        assert [hit.title for hit in runbooks.search(query)][:1] == [title], query
    for chatter in ("今天中午吃什么", "明天会下雨吗", "帮我写个请假条", "年假还剩几天"):
        assert runbooks.search(chatter) == (), chatter


def test_a_chinese_word_has_one_translation():
    said = [pair.partition("=") for words in load("glossary").values() for pair in words.split()]
    assert all(english.isascii() and english for _, _, english in said)
    words = [word for chinese, _, _ in said for word in chinese.split("/")]
    assert len(words) == len(set(words))
    assert not [word for word in words if len(word) < 2]


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("怎么恢复数据", ""), ("怎么登录网页", ""), ("怎么升级系统", ""), ("怎么查日志", ""), ("怎么通知领导", ""),
        ("怎么给同事开账号", ""), ("怎么备份数据库", ""), ("怎么看资产的负责人", ""), ("怎么给服务器打补丁", ""),
        ("数据泄露怎么办", "数据泄露处置"), ("账号被盗怎么处理", "账号被盗处置"), ("异地登录怎么处理", "账号被盗处置"),
        ("服务器被挖矿了怎么办", "挖矿木马处置"), ("主机被入侵怎么办", "隔离主机操作手册"), ("CVE-2021-44228 怎么处置", "Log4j 漏洞（Log4Shell）处置"),
        ("文件被加密了怎么办", "勒索病毒应急处置"),
    ],
)  # fmt: skip
def test_a_manual_is_shown_only_where_it_is_written_for_what_is_named(database, asked, title):
    _load_runbooks()
    asker = Asker(Person("corp", "x", "某人", Role.ANALYST), False, timezone.localtime(), Proposals())
    found = search_runbook(asker, SearchRunbook(query=asked))
    assert found.status == ("ok" if title else "no_data")
    assert not title or f"按手册《{title}》" in found.text
