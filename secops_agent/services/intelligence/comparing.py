"""Comparing with lists: which stored alerts have been compared with a list, and which are to be."""

from dataclasses import dataclass

from django.db.models import F, Max

from secops_agent.models import Alert, IndicatorList


@dataclass(frozen=True, slots=True)
class Comparing:
    """How far a list is: ``percent`` 100 when every alert that was stored before has been compared with it."""

    done: int
    total: int

    @property
    def percent(self) -> int:
        """In whole per cent, never 100 too early."""
        return 100 if self.done >= self.total else 100 * self.done // self.total


def begin(list_id: int) -> None:
    """Compare every stored alert with a list (again), in the transaction of what is new in it."""
    newest = Alert.objects.aggregate(newest=Max("pk"))["newest"] or 0
    IndicatorList.objects.filter(pk=list_id).update(compared=0, compare_to=newest)


def behind() -> IndicatorList | None:
    """An enabled list that has not been compared with every alert yet."""
    return IndicatorList.objects.filter(enabled=True, compared__lt=F("compare_to")).order_by("pk").first()


def advance(owner: IndicatorList, to: int) -> bool:
    """Note progress; False if somebody else went on with it or began anew."""
    rows = IndicatorList.objects.filter(pk=owner.pk, compared=owner.compared, compare_to=owner.compare_to)
    return bool(rows.update(compared=to))


def progress(owner: IndicatorList) -> Comparing:
    """How far it is."""
    return Comparing(owner.compared, owner.compare_to)
