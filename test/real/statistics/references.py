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
