"""Reading an order whose parts may stand in any order: one object, one action, and nothing that speaks against it.

The text is cut into clauses and these into chunks of closed lists (`chunks`). A clause with anything unknown in it
is left out only if it is a mere fact (`facts`, `evidence`); else there is no order.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .chunks import Chunk, Role, Words
from .mood import find_doubt
from .patterns import Pattern
from .remarks import Remark, find_remarks, is_remark
from .skeletons import Kind, Skeleton

_CLAUSE = Pattern(r"[,，;；。!！~…]+")
_GAP = Pattern(r"[,，;；。\s]+")
_MORE = frozenset({Role.VERDICT, Role.LENGTH, Role.PLEASE, Role.GLUE})
_SIDES = frozenset({Role.OBJECT, Role.GLUE, Role.PLEASE})
_FINISHED = Pattern(r"[了喽啦咯嘞](?:处理|操作|处置|措施)?$")


@dataclass(frozen=True, slots=True)
class Grammar:
    """What an order of one kind is made of.

    ``verbs``: roles that make an action. ``is_fact``: whether a clause may stand beside it.
    ``no_remark``: what 原因 may stand before without a remark following (原因是误报). ``break_before``: where a clause
    begins though no comma stands there (中毒了赶紧断网).
    ``dangerous``: 封了 X 吧 may ask whether it has been done.
    ``doubtless``: roles whose words are no doubt though they look like one (取消 deletes, 已确认 is a state).
    """

    words: Words
    objects: tuple[Kind, ...]
    verbs: frozenset[Role]
    doubtless: frozenset[Role]
    is_fact: Callable[[str, Skeleton], bool]
    no_remark: Pattern | None = None
    break_before: Pattern | None = None
    dangerous: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """``clauses`` as chunks, ``facts`` left out of them in their order, ``remark`` if one was made."""

    value: object
    clauses: tuple[tuple[Chunk, ...], ...]
    facts: tuple[str, ...] = ()
    remark: Remark | None = None
    after: str = ""

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """Those of all clauses."""
        return tuple(chunk for clause in self.clauses for chunk in clause)

    def has(self, *roles: Role) -> bool:
        """Whether any chunk has one of these roles."""
        return any(chunk.role in roles for chunk in self.chunks)

    def said(self, *roles: Role) -> tuple[str, ...]:
        """The texts of the chunks with these roles."""
        return tuple(chunk.text for chunk in self.chunks if chunk.role in roles)


def read_orders(skeleton: Skeleton, grammar: Grammar) -> Iterator[Order]:
    """The ways in which the sentence is an order of this kind: without a remark, or with remarks of several lengths."""
    if not skeleton.found(*grammar.objects):
        return
    found = False
    for rest, remark in find_remarks(skeleton.text, grammar.no_remark):
        found = True
        order = _parse(Skeleton(rest, skeleton.entities), grammar)
        decoy = not skeleton.text.endswith(remark.text) and Skeleton(remark.text, skeleton.entities).found(
            *grammar.objects
        )
        if (
            order
            and not decoy
            and is_remark(remark.text, skeleton)
            and not _says_more(remark.text, order, grammar)
        ):
            yield replace(order, remark=remark)
    order = None if found else _parse(skeleton, grammar)
    if order:
        yield order


def _says_more(remark: str, order: Order, grammar: Grammar) -> bool:
    """备注：扫描器，误报 and 原因：扫描，两小时 go on with what is none of the remark; …，关闭告警 13 would be a second order."""
    _, *later = [grammar.words.cut(clause) for clause in _CLAUSE.split(remark.rstrip())]
    for chunks in later:
        roles = {chunk.role for chunk in chunks}
        known, acts, named = Role.UNKNOWN not in roles, bool(roles & grammar.verbs), Role.OBJECT in roles
        if (known and (acts or named)) or (acts and named):
            return True
    last = {chunk.role for chunk in later[-1]} if later else {Role.UNKNOWN}
    return last <= _MORE and not (Role.VERDICT in last and order.has(Role.VERDICT))


def read_untold(skeleton: Skeleton, grammar: Grammar) -> Iterator[tuple[Order, str]]:
    """The order, and the words after it or before it that no list has: 关闭告警 12 误报 扫描器自测."""
    text = skeleton.text
    if next(find_remarks(text, grammar.no_remark), None):
        return
    unknown, at = [], 0
    for chunk in grammar.words.cut(text):
        unknown += [(at, at + len(chunk.text))] if chunk.role is Role.UNKNOWN else []
        at += len(chunk.text)
    if not unknown:
        return
    start = max((match.end() for match in _GAP.finditer(text[: unknown[0][0]])), default=0)
    ends = {match.start() for match in _GAP.finditer(text) if match.start() >= unknown[-1][1]} | {len(text)}
    for end in sorted(ends):
        order = _parse(Skeleton(f"{text[:start]}，{text[end:]}", skeleton.entities), grammar)
        untold = Skeleton(text[start:end], skeleton.entities)
        if order and not order.facts and not untold.found(*grammar.objects):
            yield order, untold.text


def _parse(skeleton: Skeleton, grammar: Grammar) -> Order | None:
    values = {one.value for one in skeleton.found(*grammar.objects)}
    if len(values) != 1:
        return None
    text = grammar.break_before.sub("，", skeleton.text) if grammar.break_before else skeleton.text
    cuts = [grammar.words.cut(clause) for clause in _CLAUSE.split(text) if clause.strip()]
    clauses, facts, places = [], [], []
    for chunks in cuts:
        known, fact = _part(chunks)
        if fact and not grammar.is_fact(fact, skeleton):
            return None
        clauses.append(known)
        facts += [fact] if fact else []
        places += [len(clauses) - 1] if fact else []
    order = Order(values.pop(), tuple(clauses), tuple(facts))
    return order if _is_order(order, places, grammar) else None


def _part(chunks: tuple[Chunk, ...]) -> tuple[tuple[Chunk, ...], str]:
    """The known clause, or the object and what is told about it."""
    at = next((i for i, chunk in enumerate(chunks) if chunk.role is Role.UNKNOWN), len(chunks))
    if at == len(chunks):
        return chunks, ""
    first = next((i for i, chunk in enumerate(chunks[:at]) if chunk.role not in _SIDES), at)
    at = max((i + 1 for i, chunk in enumerate(chunks[:first]) if chunk.role is Role.OBJECT), default=0)
    return chunks[:at], "".join(chunk.text for chunk in chunks[at:]).strip()


def _is_order(order: Order, facts: list[int], grammar: Grammar) -> bool:
    acting = [
        i for i, clause in enumerate(order.clauses) if any(chunk.role in grammar.verbs for chunk in clause)
    ]
    between = acting and any(acting[0] < at < acting[-1] for at in facts)
    return bool(acting) and order.has(Role.OBJECT) and not between and not _is_doubted(order, grammar)


def _is_doubted(order: Order, grammar: Grammar) -> bool:
    """What speaks against it in the words that are known: a doubt, 了 of what has been done, 将 of what is to come."""
    left = [chunk.text for chunk in order.chunks if chunk.role not in grammar.doubtless]
    verbs = grammar.verbs - {Role.MINE}
    finished = any(_FINISHED.search(chunk.text) for chunk in order.chunks if chunk.role in verbs)
    pairs = zip(order.chunks, order.chunks[1:], strict=False)
    ahead = any(one.text == "将" and other.role in grammar.verbs for one, other in pairs)
    return ahead or find_doubt("".join(left)) is not None or (finished and not _is_asked(order, grammar))


def _is_asked(order: Order, grammar: Grammar) -> bool:
    """把 X 封了, 帮我封了, 封了 X 吧; without such a word a verb with 了 tells what has been done."""
    verb = next(
        i
        for i, chunk in enumerate(order.chunks)
        if chunk.role in grammar.verbs and _FINISHED.search(chunk.text)
    )
    before, after = order.chunks[:verb], order.chunks[verb:]
    urged = not grammar.dangerous and any(chunk.text[0] in "吧呗" for chunk in after)
    return urged or any(
        chunk.role in (Role.PLEASE, Role.GIVE_ME) or chunk.text in ("把", "将") for chunk in before
    )
