"""Waits grow, are capped and jittered, and start over after a stable period."""

from bifang.core.outbound.backoff import Backoff


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_backoff_doubles_up_to_the_cap_without_jitter():
    backoff = Backoff(1.0, 60.0, jitter=0.0)
    assert [backoff.next() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    backoff.reset()
    assert backoff.next() == 1


def test_backoff_never_overflows():
    backoff = Backoff(1.0, 60.0)
    assert all(0 < backoff.next() <= 60 for _ in range(2000))


def test_backoff_jitter_spreads_and_stays_inside():
    waits = {Backoff(4.0, 60.0, jitter=0.5).next() for _ in range(50)}
    assert len(waits) > 10
    assert all(2.0 <= wait <= 4.0 for wait in waits)


def test_backoff_starts_over_only_after_a_stable_period():
    clock = Clock()
    backoff = Backoff(1.0, 60.0, jitter=0.0, stable=60.0, clock=clock)
    backoff.next()
    backoff.next()
    backoff.up()
    clock.now += 59
    assert backoff.next() == 4
    backoff.up()
    clock.now += 30
    backoff.up()
    clock.now += 30
    assert backoff.next() == 1
