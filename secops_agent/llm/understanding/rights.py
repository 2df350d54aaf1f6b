"""What is asked of Bifang itself, and said about a request that waits: what it can do, who may do what, who decides."""

from secops_agent import says
from secops_agent.llm.offline.expressions.skeletons import Kind
from secops_agent.llm.offline.intents import Intent, Understanding
from secops_agent.llm.offline.words import pattern
from secops_agent.llm.understanding.entities import OWN, Sentence
from secops_agent.llm.understanding.hearing import hint
from secops_agent.llm.understanding.verbs import ACTS, LIMITS, verbs_in


def find_rights(sentence: Sentence) -> Understanding | None:
    """What Bifang can do, and who may do what: answered from the asker's real rights."""
    text = sentence.order.text
    if pattern("cues.self.limits").search(text) and not sentence.order.found(*OWN):
        return Understanding(category="rights", hint=LIMITS)
    if pattern("cues.said.refused").search(text):  # 领导问能不能静默, 我说不行
        return Understanding(hint=hint("negation"))
    if pattern("cues.self.permission").search(text) and not sentence.order.found(Kind.ALERT):
        tool = verb_in(sentence)
        if tool or pattern("cues.self.rights").search(text):
            able = tool and pattern("cues.self.able").search(text)
            return Understanding(category="rights", hint=tool, order=Intent(tool) if able else None)
    own = sentence.order.found(*OWN)
    if not own and pattern("cues.said.inner").search(text) and verb_in(sentence) == "block_ip":
        return Understanding(hint=hint("no_block"))
    others = any(verb.tool == "other" for verb in verbs_in(sentence.order))
    if others and pattern("cues.self.able").search(text):
        return Understanding(hint=hint("other"), suggestions=(says.HELP,))
    if pattern("cues.self.how").search(text) and not own:
        tool = verb_in(sentence)
        if tool not in ("", "isolate_host"):  # for this there is a runbook
            return Understanding(category="rights", hint=tool)
    return Understanding(category="help") if pattern("cues.self.capability").search(text) else None


def decides_request(sentence: Sentence) -> bool:
    """同意那个隔离, 隔离 web-01 那个我同意: is it about a request that waits?"""
    told = pattern("cues.said.decides").search(sentence.order.text)
    return bool(told or pattern("cues.said.decides_on").search(sentence.plain))


def verb_in(sentence: Sentence) -> str:
    """The action that is spoken of."""
    return next((verb.tool for verb in verbs_in(sentence.order) if verb.tool in ACTS), "")
