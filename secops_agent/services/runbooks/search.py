"""Search for runbooks: by their words, title and purpose first (BM25), and by the technique that they are for."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from bifang.core.errors import InvalidInput
from secops_agent.llm.terms import terms
from secops_agent.models import Runbook, RunbookTerm
from secops_agent.services.runbooks.english import in_english, is_chinese
from secops_agent.services.runbooks.visibility import EVERYONE, Reader, visible

# BM25 over fields: how often a term counts that stands in one, how much of a length is held against a text, and how soon
# repeating it adds nothing.
_TITLE, _TAG, _WHEN, _HEADING, _BODY = 6.0, 4.0, 3.0, 1.0, 1.0
_LENGTH_COUNTS, _USUAL_LENGTH, _SOON = 0.6, 800, 1.5
_EXCERPT = 160
_MOST_TERMS = 200  # of a query
# What people say around the thing they look for: it separates words and is not looked for.
_FILLERS = """
怎么办 怎么处理 怎么处置 怎么做 怎么 如何 请问 麻烦 帮我 给我 借我 应该 该 一下 看看 查阅
遇到 发现 中了 被 用户反映 用户反馈 有没有 有吗 在哪里 在哪 哪里 什么 我们 公司 知识库 谢谢
应急 响应 处置 处理 操作 手册 预案 步骤 流程 规范 指南 方法 playbook runbook
了 的 吗 呢 啊 呀 ， 。 ？ ！ ? !
"""
# What every estate has, and nothing is named by.
_COMMON = frozenset(
    terms("""
数据 据库 账号 账户 登录 日志 系统 主机 服务 务器 网页 网站 文件 邮件 资产 告警 漏洞 通知 用户 密码 口令 网络 地址 进程 流量 访问 权限 应用 接口
配置 信息 安全 设备 检查 查看 确认 升级 恢复 备份 申请 联系 负责 人员 领导 同事 攻击 异常 风险 问题 程序 软件 电脑 终端 软件 导出 业务 客户
data database account login log logs system host server service website file email asset alert vulnerability user password network address
process traffic access permission application configuration information security device check attack incident response handle
""")
)
_FILLER = re.compile("|".join(map(re.escape, sorted(_FILLERS.split(), key=len, reverse=True))), re.IGNORECASE)
_SAID = frozenset(terms(_FILLERS))
_HEADING_LINE = re.compile(r"(?m)^#+ (.*)$")
_UNKNOWN = 0.2  # a term that no runbook has may be a slip or a filler; it counts little against the others
_TRANSLATED = 0.7  # of the score of what is found by the English for Chinese words: what is written in Chinese comes first


@dataclass(frozen=True, slots=True)
class RunbookHit:
    """One result; ``excerpt`` is the part of the body that fits best, ``score`` is 0..1."""

    id: int
    title: str
    when: str
    tags: tuple[str, ...]
    techniques: tuple[str, ...]
    score: float
    excerpt: str


def topic(query: str) -> str:
    """The thing that is looked for; all of the query where it is nothing but what people say around one."""
    return " ".join(_FILLER.sub(" ", query).split()) or query.strip()


def names(hit: RunbookHit, query: str) -> bool:
    """Is it written for what is named, by its title, purpose, tags or techniques; or does it know a number that is (CVE-2021-44228)?"""
    words = (
        set(terms(query))
        | set(terms(topic(query)))
        | set(terms(in_english(query)[0] if is_chinese(query) else ""))
    )
    about = set(terms(" ".join((hit.title, hit.when, *hit.tags, *hit.techniques))))
    numbers = {word for word in words if any(map(str.isdigit, word))}
    return bool((words - _COMMON - _SAID) & about or numbers & set(terms(hit.excerpt)))


def search(query: str, limit: int = 5, reader: Reader = EVERYONE) -> tuple[RunbookHit, ...]:
    """Best first, of what the reader may read; those that share too little with the query are left out.

    Raises InvalidInput.
    """
    mine = visible(reader)
    scores, words = _ranked(query, dict(mine.order_by().values_list("pk", "title")))
    return _hits(mine, list(scores)[:limit], scores, words)


def search_for(
    techniques: Sequence[str], title: str, limit: int = 4, reader: Reader = EVERYONE
) -> tuple[RunbookHit, ...]:
    """Those that are written for one of the techniques first, then those that the title finds. Three queries."""
    known, mine = {each.split(".")[0] for each in techniques}, visible(reader)
    rows = list(mine.values_list("pk", "title", "techniques"))
    scores, words = _ranked(title, {pk: name for pk, name, _ in rows}) if terms(title) else ({}, [])
    fitting = [pk for pk, _, written in rows if known & {each.split(".")[0] for each in written}]
    fitting.sort(key=lambda pk: -scores.get(pk, 0.0))
    best = list(dict.fromkeys([*fitting, *scores]))[:limit]
    return _hits(mine, best, {**scores, **dict.fromkeys(fitting, 1.0)}, words)


def _ranked(query: str, titles: Mapping[int, str]) -> tuple[dict[int, float], list[str]]:
    """Scores of those with these titles, the best first, and the words that were looked for. Raises InvalidInput."""
    wanted = list(dict.fromkeys(terms(topic(query))))
    if not wanted:
        raise InvalidInput("请说明要找什么手册，例如「勒索病毒」。")
    asked, left = in_english(query) if is_chinese(query) else ("", "")
    english = list(dict.fromkeys(terms(asked)))
    found = RunbookTerm.objects.filter(term__in={*wanted[:_MOST_TERMS], *english[:_MOST_TERMS]})
    weights: dict[int, dict[str, float]] = {}
    for runbook_id, term, weight in found.values_list("runbook_id", "term", "weight"):
        if runbook_id in titles:
            weights.setdefault(runbook_id, {})[term] = weight
    scores = _scores(weights, wanted, len(titles))
    foreign = {pk: its for pk, its in weights.items() if english and not is_chinese(titles[pk])}
    strange = len(terms(_FILLER.sub(" ", left)))
    for pk, score in _scores(foreign, english, len(titles), strange).items():
        scores[pk] = max(scores.get(pk, 0.0), round(_TRANSLATED * score, 3))
    return {pk: scores[pk] for pk in sorted(scores, key=lambda pk: (-scores[pk], pk))}, [*wanted, *english]


def _hits(
    mine: "QuerySet[Runbook]", best: Sequence[int], scores: Mapping[int, float], words: list[str]
) -> tuple[RunbookHit, ...]:
    rows = mine.in_bulk(best)
    return tuple(
        RunbookHit(
            pk,
            row.title,
            row.when,
            tuple(row.tags),
            tuple(row.techniques),
            scores[pk],
            _excerpt(row.body, words),
        )
        for pk in best
        if (row := rows.get(pk))
    )


def _scores(
    weights: dict[int, dict[str, float]], wanted: list[str], total: int, strange: int = 0
) -> dict[int, float]:
    """Share of what the query's rare terms could give; a term that many runbooks have counts little.

    ``strange``: how many more terms no runbook can have; they count together at most as one rare term.
    """
    frequency = Counter(term for mine in weights.values() for term in mine)
    value = {
        term: math.log(1 + total / (1 + frequency[term])) * (1.0 if frequency[term] else _UNKNOWN)
        for term in wanted
    }
    possible = sum(value.values()) + min(1.0, _UNKNOWN * strange) * math.log(1 + total) or 1.0
    scores = {}
    for pk, mine in weights.items():
        reached = sum(value.get(term, 0.0) * weight for term, weight in mine.items())
        if reached / possible >= 0.2:
            scores[pk] = round(min(1.0, reached / possible), 3)
    return scores


def _excerpt(body: str, wanted: list[str]) -> str:
    """The paragraph with the most of what was asked, headings left out."""
    parts = [part.strip() for part in body.split("\n") if part.strip() and not part.lstrip().startswith("#")]
    best = max(parts, key=lambda part: sum(term in part.lower() for term in wanted), default="")
    return best if len(best) <= _EXCERPT else f"{best[:_EXCERPT]}…"


def index(row: Runbook) -> None:
    """Make the search index of one runbook anew, in the caller's transaction."""
    RunbookTerm.objects.filter(runbook=row).delete()
    RunbookTerm.objects.bulk_create(
        [RunbookTerm(runbook=row, term=term, weight=weight) for term, weight in weights_of(row).items()]
    )


def weights_of(row: Runbook) -> dict[str, float]:
    """How much the runbook is about each of its terms, 0..1."""
    body, headings = terms(row.body), terms("\n".join(_HEADING_LINE.findall(row.body)))
    length = 1 - _LENGTH_COUNTS + _LENGTH_COUNTS * len(body) / _USUAL_LENGTH
    fields = [
        (row.title, _TITLE), (row.when, _WHEN), (" ".join(row.tags), _TAG), (" ".join(row.techniques), _TAG),
    ]  # fmt: skip
    counted: dict[str, float] = {term: _BODY * many / length for term, many in Counter(body).items()}
    for found, worth in ((set(headings), _HEADING), *((set(terms(text)), worth) for text, worth in fields)):
        for term in found:
            counted[term] = counted.get(term, 0.0) + worth
    return {term: round(count / (count + _SOON), 4) for term, count in counted.items()}
