"""Figures of a report, stored as JSON: a field that is added needs a default."""

from dataclasses import dataclass
from datetime import datetime

from secops_agent.services.alerts.queries.mistakes import MistakenRule
from secops_agent.services.alerts.timing import TimeTaken
from secops_agent.services.reports.periods import Period

Counts = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class NoisyRule:
    """``dismissed``: of its alerts, those that were found to be 误报 or 正常行为."""

    name: str
    alerts: int
    dismissed: int


@dataclass(frozen=True, slots=True)
class MovedRule:
    """How many alerts a rule had in the period, and in the one before."""

    name: str
    now: int
    before: int


@dataclass(frozen=True, slots=True)
class AlertTold:
    """A grave alert that is open; ``owner``: who has it in hand, "" for nobody; ``why``: what makes it urgent."""

    code: str
    title: str
    hosts: tuple[str, ...]
    owner: str
    case: str
    why: str


@dataclass(frozen=True, slots=True)
class BusyAsset:
    """``grave``: of its alerts, the 严重 and 高危 ones."""

    name: str
    importance: str
    alerts: int
    grave: int


@dataclass(frozen=True, slots=True)
class ExploitedFlaw:
    """A vulnerability of the KEV catalogue, how many important assets have it; of the first also the names of some and whose most are."""

    vuln_id: str
    assets: int
    ransomware: bool
    hosts: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class DutyLoad:
    """``alerts``: the 严重 and 高危 ones that began in the person's hours."""

    name: str
    hours: float
    alerts: int


@dataclass(frozen=True, slots=True)
class Tick:
    """An hour of a daily report, a day of the others; ``at`` is 09 or 11-25."""

    at: str
    new: int
    closed: int


@dataclass(frozen=True, slots=True)
class OpenWork:
    """What there was at a moment of the period: open alerts, overdue ones, and open findings of the KEV catalogue."""

    open: int
    overdue: int
    kev: int


@dataclass(frozen=True, slots=True)
class Missed:
    """A person's alerts whose limit passed in the period, and how many of these are open still; owner "": nobody's."""

    owner: str
    alerts: int
    open: int


@dataclass(frozen=True, slots=True)
class LateFlaw:
    """A vulnerability past its limit: on how many assets, since how many days at most, who has most of these assets; of the first
    also the names of some."""

    name: str
    severity: str
    kev: bool
    assets: int
    days: int
    owner: str
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseTold:
    """A case that went on in the period, as it stood when the report was made; ``new``: it began in it."""

    code: str
    title: str
    severity: str
    status: str
    verdict: str
    owner: str
    alerts: int
    open: bool
    new: bool = False


@dataclass(frozen=True, slots=True)
class ActionTold:
    """Something that was carried out; ``at``: 11-26 05:20; ``state``: `ActionState`."""

    at: str
    summary: str
    state: str
    asker: str
    approver: str


@dataclass(frozen=True, slots=True)
class AlertFigures:
    """Alerts of [start, end); counts by severity unless the name says otherwise.

    ``new``: began in it. ``closed``: were closed in it and are still, ``recovered`` of them by their source.
    ``suppressed``: closed in it by a rule; neither ``closed`` nor of any figure about people's work.
    ``open``, ``overdue``: at its end, as far as later reopening leaves it to be known.
    ``acknowledging``: of those acknowledged in it, from their arrival. ``closing``: of those that people closed in it.
    ``kept``: closed in it within their limit; ``broken``: their limit passed in it without that, ``missed`` by whom.
    ``moved``: the rules whose number rose most, else fell most. ``worst``: the most urgent of those that are open when it is
    made. ``wrong``: the rules with most 误报. ``mistaken``: those with most dismissed alerts, of reports that were kept before. ``suppressions``: of the suppressed ones, how many by which rule.
    """

    new: Counts
    closed: Counts
    open: Counts
    overdue: Counts
    sources: Counts
    verdicts: Counts
    recovered: int
    acknowledging: TimeTaken | None
    closing: TimeTaken | None
    kept: int
    broken: int
    rules: tuple[NoisyRule, ...]
    assets: tuple[BusyAsset, ...]
    course: tuple[Tick, ...]
    suppressed: int = 0  # reports that were kept before there were rules have none
    suppressions: Counts = ()
    mistaken: tuple[NoisyRule, ...] = ()
    missed: tuple[Missed, ...] = ()
    moved: tuple[MovedRule, ...] = ()
    worst: tuple[AlertTold, ...] = ()
    wrong: tuple[MistakenRule, ...] = ()


@dataclass(frozen=True, slots=True)
class FlawFigures:
    """Findings of [start, end); counts by severity unless the name says otherwise.

    ``gone``: scans no longer see them. ``open``: at its end, without what people accepted or called 误报.
    ``open_now``, ``kev_now``: what 工作台 counts when the report is made. ``kev_*``: of the open ones, those of vulnerabilities in the KEV catalogue, the assets that have one, and how many of
    these are important (核心, 高); ``exploited``: the vulnerabilities that most important assets have. ``late``: the
    gravest of those past their limit.
    """

    new: Counts
    gone: int
    open: Counts
    overdue: Counts
    kev_findings: int
    kev_assets: int
    kev_important: int
    exploited: tuple[ExploitedFlaw, ...]
    new_assets: int
    late: tuple[LateFlaw, ...] = ()
    open_now: int | None = None  # reports that were kept before do not know
    kev_now: int | None = None


@dataclass(frozen=True, slots=True)
class WorkFigures:
    """What people and Bifang did in [start, end).

    ``approved``, ``rejected``, ``expired``: dangerous operations by their decision. ``actions``: by what became of those
    approved. ``silences``: in force at some time, ``held``: messages that these held back so far.
    ``escalations``: messages to the next one because nobody took an alert in hand. ``duty``: of all rotas, by hours.
    ``investigations``: alerts that Bifang looked into. ``told``: the newest actions. ``blocks``: of the ledger, by a word.
    ``on_call``: who is when it is made.
    """

    approved: int
    rejected: int
    expired: int
    actions: Counts
    silences: int
    held: int
    escalations: int
    duty: tuple[DutyLoad, ...]
    investigations: int = 0
    told: tuple[ActionTold, ...] = ()
    blocks: Counts = ()
    on_call: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it. Of what is only compared with, there are neither ``course``, at the ends of equal parts of the period, nor
    ``cases``, the gravest of ``all_cases`` that went on, nor the worst rules, assets and flaws."""

    alerts: AlertFigures
    flaws: FlawFigures
    work: WorkFigures
    course: tuple[OpenWork, ...] = ()
    cases: tuple[CaseTold, ...] = ()
    all_cases: int = 0


@dataclass(frozen=True, slots=True)
class PeriodReport:
    """The numbers of a period and of the one before. ``pk`` None: counted to be shown, not kept."""

    pk: int | None
    period: Period
    figures: Figures
    earlier: Figures
    made_at: datetime


def total(counts: Counts) -> int:
    """All of them together."""
    return sum(number for _, number in counts)
