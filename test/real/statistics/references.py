"""What the numbers of each part should be: a function for each file of parts/, which gets the input of a case."""

import numpy
from scipy import special, stats
from statsmodels.api import OLS
from statsmodels.stats.proportion import proportion_confint, proportions_ztest


def normal(function, x):
    """Upper tail and its inverse."""
    return {"tail": stats.norm.sf, "quantile": stats.norm.isf}[function](x)


def student(function, x, freedom):
    return {"tail": stats.t.sf, "quantile": stats.t.isf}[function](x, freedom)


def shares(function, **given):
    """Wilson's interval, and the pooled test of two shares with its two-sided p-value."""
    if function == "wilson":
        low, high = proportion_confint(given["count"], given["total"], given["significance"], method="wilson")
        return [low, high]
    return list(proportions_ztest([given["to"][0], given["from"][0]], [given["to"][1], given["from"][1]]))


def clusters(wafers):
    """
    The spread between wafers: an intercept alone, fitted to 0 and 1, with the covariance that is robust to
    clusters (Liang and Zeger 1986, with G / (G - 1)). Its variance over that of independent dies, and the
    two-sided p-value of the share against 0.1 by Student's t with the wafers less one.
    """
    marked = numpy.concatenate([numpy.repeat([1.0, 0.0], [m, n - m]) for m, n in wafers])
    wafer = numpy.concatenate([numpy.repeat(i, n) for i, (_, n) in enumerate(wafers)])
    fit = OLS(marked, numpy.ones_like(marked)).fit(cov_type="cluster", cov_kwds={"groups": wafer}, use_t=True)
    share = marked.mean()
    return [fit.bse[0] ** 2 / (share * (1 - share) / len(marked)), float(fit.t_test(([[1.0]], [0.1])).pvalue)]


def stability(expected, actual):
    """Jeffreys' divergence is the sum of both relative entropies."""
    return special.rel_entr(expected, actual).sum() + special.rel_entr(actual, expected).sum()


def distance(before, after):
    """Of whole samples whose values all lie on the edges."""
    return stats.ks_2samp(before, after).statistic


def paired_drop(wafers, significance):
    """
    The drop, and its variance robust to clusters over that of independent dies, by an intercept alone fitted to 1 for a lost
    die, -1 for a won one, 0 for all others. Its interval: Wilson's of each share, of the dies that Student's t and
    that ratio leave, put together by the method of variance estimates recovery.
    """
    change = numpy.concatenate([numpy.repeat([1.0, -1.0, 0.0], [l, w, n - l - w]) for l, w, n in wafers])
    wafer = numpy.concatenate([numpy.repeat(i, n) for i, (_, _, n) in enumerate(wafers)])
    fit = OLS(change, numpy.ones_like(change)).fit(cov_type="cluster", cov_kwds={"groups": wafer}, use_t=True)
    dies = len(change)
    effect = max(1.0, fit.bse[0] ** 2 / (change.var() / dies))
    widening = stats.t.isf(significance / 2, len(wafers) - 1) / stats.norm.isf(significance / 2)
    left = dies / (effect * widening**2)
    lost, won = (change == 1).mean(), (change == -1).mean()
    (lost_low, lost_high), (won_low, won_high) = [
        proportion_confint(share * left, left, significance, method="wilson") for share in (lost, won)
    ]
    correlation = numpy.sqrt(lost * won / ((1 - lost) * (1 - won)))

    def reach(a, b):
        return numpy.sqrt(a**2 + b**2 + 2 * correlation * a * b)

    drop = change.mean()
    low, high = drop - reach(lost - lost_low, won_high - won), drop + reach(lost_high - lost, won - won_low)
    return [drop, effect, low, high]


def false_alarms(scores, drawn, rate):
    """The bootstrap by whole lots, with numpy's own random numbers: mean, 5th and 95th percentile of what is out of bag."""
    lots = numpy.array(scores)
    random = numpy.random.default_rng(1)
    rates = []
    for _ in range(20_000):
        chosen = random.integers(0, len(lots), drawn)
        pool = numpy.sort(lots[chosen].ravel())
        rank = min(len(pool), int(numpy.ceil((len(pool) + 1) * (1 - rate))))
        limit = pool[rank - 1] * 1.001
        rates.append((numpy.delete(lots, chosen, axis=0) > limit).mean())
    return [numpy.mean(rates), numpy.quantile(rates, 0.05), numpy.quantile(rates, 0.95)]
