"""Shares of runs that were lost, compared exactly."""

from scipy.special import ndtri


def fisher(a: int, a_runs: int, b: int, b_runs: int) -> float:
    """Two-sided p of Fisher's exact test that `a` of `a_runs` and `b` of `b_runs` have the same probability.

    Given a + b in all, the probability of every split that is no more likely than this one (Fisher 1935, "The logic of
    inductive inference", Journal of the Royal Statistical Society 98; scipy.stats.fisher_exact).
    """
    from scipy.stats import fisher_exact  # a second to import, and few tests need it

    return min(1.0, float(fisher_exact([[a, a_runs - a], [b, b_runs - b]])[1]))


def share_difference(a: int, a_runs: int, b: int, b_runs: int, level: float) -> tuple[float, float, float]:
    """a/a_runs − b/b_runs and Newcombe's interval, from the Wilson intervals of both shares
    (Newcombe 1998, Statistics in Medicine 17, method 10), which also holds for shares of 0 and 1."""
    p, low_p, high_p = _wilson(a, a_runs, level)
    q, low_q, high_q = _wilson(b, b_runs, level)
    d = p - q
    return d, d - _length(p - low_p, high_q - q), d + _length(high_p - p, q - low_q)


def _wilson(count: int, runs: int, level: float) -> tuple[float, float, float]:
    z = float(ndtri((1 + level) / 2))
    share, weight = count / runs, z**2 / runs
    middle = (share + weight / 2) / (1 + weight)
    reach = (share * (1 - share) * weight + weight**2 / 4) ** 0.5 / (1 + weight)
    return share, max(0.0, middle - reach), min(1.0, middle + reach)


def _length(x: float, y: float) -> float:
    return (x**2 + y**2) ** 0.5
