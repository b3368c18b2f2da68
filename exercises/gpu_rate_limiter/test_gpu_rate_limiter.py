"""Sample tests for the GPU rate limiter. Run them with `python -m pytest`; the grader tries far more than these."""

import threading

import pytest
from gpu_rate_limiter import Decision, Gpu, GpuRateLimiter, Impossible, Quota, RateLimiter, UnknownRequest


class FakeClock:
    """Reads what it is set to."""

    def __init__(self, millis: int = 0) -> None:
        self.millis = millis

    def read(self) -> int:
        return self.millis


def gpu_limiter(clock: FakeClock, quota: Quota, gpu: Gpu, **shares: int) -> GpuRateLimiter:
    """One class of cards, `x`; a request is known for a second."""
    return GpuRateLimiter(clock, quota, {}, {"x": gpu}, 1000, {"x": shares})


# ---- stage 1


def test_bucket_refills_exactly() -> None:
    clock = FakeClock()
    limiter = RateLimiter(clock, Quota(rate=3, burst=10))
    assert limiter.acquire("a", 10) == Decision(admitted=True)
    assert limiter.acquire("a", 1) == Decision(admitted=False, retry_after=334)
    clock.millis = 333
    assert limiter.acquire("a", 1) == Decision(admitted=False, retry_after=1)
    clock.millis = 334
    assert limiter.acquire("a", 1) == Decision(admitted=True)


def test_tenants_have_their_own_quota() -> None:
    limiter = RateLimiter(FakeClock(), Quota(rate=2, burst=10), {"acme": Quota(rate=500, burst=4000)})
    assert limiter.acquire("acme", 4000).admitted
    assert limiter.acquire("bob", 10).admitted
    with pytest.raises(Impossible):
        limiter.acquire("bob", 11)


# ---- stage 2


def test_refund_and_debt() -> None:
    clock = FakeClock()
    limiter = gpu_limiter(clock, Quota(rate=1000, burst=100), Gpu(price=2, vram=80))
    assert limiter.reserve("r1", "a", "x", 80, 40) == Decision(admitted=True)
    assert limiter.balance("a") == 20
    clock.millis = 10
    limiter.settle("r1", 75)
    assert limiter.balance("a") == -40
    assert limiter.reserve("r2", "a", "x", 80, 10) == Decision(admitted=False, retry_after=60)
    clock.millis = 70
    assert limiter.reserve("r2", "a", "x", 80, 10).admitted
    limiter.settle("r2", 4)
    limiter.settle("r2", 4)
    assert limiter.balance("a") == 12


def test_impossible_and_unknown() -> None:
    clock = FakeClock()
    limiter = gpu_limiter(clock, Quota(rate=1, burst=100), Gpu(price=2, vram=80))
    for gpu, vram, millis in [("x", 81, 1), ("x", 1, 51), ("y", 1, 1)]:
        with pytest.raises(Impossible):
            limiter.reserve("r1", "a", gpu, vram, millis)
    assert limiter.reserve("r1", "a", "x", 1, 50).admitted
    assert limiter.reserve("r1", "a", "x", 1, 50).admitted  # the same request
    clock.millis = 1000
    with pytest.raises(UnknownRequest):
        limiter.settle("r1", 1)


# ---- stage 3


def test_idle_slots_are_lent_and_come_back() -> None:
    clock = FakeClock()
    limiter = gpu_limiter(clock, Quota(rate=1, burst=100), Gpu(price=1, vram=80, slots=2), acme=1)
    assert limiter.reserve("b1", "bob", "x", 1, 1).admitted
    clock.millis = 10
    assert limiter.reserve("b2", "bob", "x", 1, 1).admitted
    assert limiter.reserve("c1", "carol", "x", 1, 1) == Decision(admitted=False, retry_after=990)
    decision = limiter.reserve("a1", "acme", "x", 1, 1)
    assert decision.admitted
    assert decision.revoked in ("b1", "b2")
    assert not limiter.reserve("a2", "acme", "x", 1, 1).admitted
    limiter.settle("a1", 1)
    assert limiter.reserve("c1", "carol", "x", 1, 1) == Decision(admitted=True)


# ---- stage 4


def test_threads_do_not_spend_twice() -> None:
    limiter = gpu_limiter(FakeClock(), Quota(rate=1, burst=100), Gpu(price=1, vram=80))
    admitted: list[bool] = []

    def client(name: int) -> None:
        admitted.extend(limiter.reserve(f"{name}.{number}", "a", "x", 1, 1).admitted for number in range(50))

    threads = [threading.Thread(target=client, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(admitted) == 100
    assert limiter.balance("a") == 0


def test_clock_that_goes_back() -> None:
    clock = FakeClock(5000)
    limiter = gpu_limiter(clock, Quota(rate=1000, burst=10), Gpu(price=1, vram=80))
    assert limiter.reserve("r1", "a", "x", 1, 10).admitted
    clock.millis = 4000
    assert limiter.reserve("r2", "a", "x", 1, 1) == Decision(admitted=False, retry_after=1001)
    clock.millis = 5001
    assert limiter.reserve("r2", "a", "x", 1, 1).admitted


def test_idle_tenants_are_forgotten() -> None:
    clock = FakeClock()
    limiter = gpu_limiter(clock, Quota(rate=1000, burst=10), Gpu(price=1, vram=80))
    for number in range(1000):
        assert limiter.reserve(f"r{number}", f"tenant {number}", "x", 1, 1).admitted
    assert limiter.tracked() == 1000
    clock.millis = 5000
    for number in range(2008):
        limiter.reserve(f"s{number}", "busy", "x", 1, 10)
    assert limiter.tracked() == 1
