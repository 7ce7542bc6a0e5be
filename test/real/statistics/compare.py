"""Holds the cases of cases.mjs against references.py; ends with 1 where any lies outside of its tolerance."""

import json
import math
import sys

import references


def deviation(ours, theirs):
    if ours is None or theirs is None or math.isnan(theirs):
        return 0.0 if ours is None and (theirs is None or math.isnan(theirs)) else math.inf
    if math.isinf(theirs):
        return 0.0 if ours == theirs else math.inf
    return abs(ours / theirs - 1) if theirs != 0 else abs(ours)


def numbers(value):
    return value if isinstance(value, list) else [value]


missed = 0
with open(sys.argv[1], encoding="utf-8") as file:
    parts = json.load(file)
for part, cases in parts.items():
    reference = getattr(references, part.replace("-", "_"))
    worst = 0.0
    for case in cases:
        ours, theirs = numbers(case["ours"]), [float(each) for each in numbers(reference(**case["input"]))]
        far = max([math.inf] if len(ours) != len(theirs) else map(deviation, ours, theirs))
        worst = max(worst, far)
        if not far <= case["tolerance"]:
            missed += 1
            print(f"MISSED {part}: {case['what']}: ours {ours}, theirs {theirs}, tolerance {case['tolerance']:g}")
    print(f"{part}: {len(cases)} cases, largest deviation {worst:.2g}")
    missed += len(cases) == 0
sys.exit(1 if missed else 0)
