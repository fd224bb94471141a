#!/usr/bin/env python3
"""How well a ranking that has not seen a list does on it, and what weights all lists together give (docs/records.md).

usage: records_fit.py FEATURES...    each written by `records_score REPOSITORY TRUTH ARCHIVE -f FEATURES`, one a list

Prints, for each list and over all, recall at 1 / 3 / 10 of the reports and of the quoted traces as the program stands, then of the reports
with weights fitted on the other lists, then the weights fitted on all. Needs numpy and scipy (Debian: python3-numpy, python3-scipy)."""
import sys

import numpy as np
from scipy.optimize import minimize

SHORT = 120  # candidates of a pair that weights are fitted on
QUOTED, OLDER = 0.3, 4  # what a quoted trace counts, and a report whose fix is older than it
PULL = 2.0  # towards 0: the weights that are there have seen every list
BEFORE = ('before the crash of a fresh kernel', 'before the crash of an old kernel', "before the kernel's own series")
# What the pairs cannot tell: they look at no links, and no commit that is only named or reply is ever their fix.
BY_HAND = ('a diff inside a reply', 'linked to a similar report', 'names a reporter', 'named only: its patch is not in the archive',
           'witnesses in similar threads', "for kernels later than the crash's")


def load(path):
    names, worth, pairs = [], [], {}
    for line in open(path):
        if line.startswith('#'):
            value, name = line[2:].rstrip('\n').split(' ', 1)
            worth.append(float(value))
            names.append(name)
            continue
        pair, kind, _, hit, score, *values = line.split()
        pairs.setdefault(pair, (kind, []))[1].append([float(hit), float(score), *map(float, values)])
    return names, np.array(worth), [(kind, np.array(rows)) for kind, rows in pairs.values()]


def rank(hit, score):
    return 1 + int((score > score[hit > 0].max()).sum()) if hit.any() else 0


def recall(ranks):
    r = np.array(ranks)
    return f'{len(r):5} ' + ' '.join(f'{((r > 0) & (r <= at)).mean():.3f}' for at in (1, 3, 10))


def examples(lists, names):
    before = [names.index(name) for name in BEFORE]
    for pairs in lists:
        for kind, rows in pairs:
            hit, x = rows[:, 0], rows[:, 2:]
            if not hit.any():
                continue
            weight = (QUOTED if kind == 'q' else 1) * (OLDER if (x[hit > 0][:, before].max(1) > 0).all() else 1)
            kept = np.union1d(np.argsort(-rows[:, 1], kind='stable')[:SHORT], np.flatnonzero(hit))
            yield x[kept], hit[kept], weight


def fit(lists, names, worth):
    xs, hits, weights = zip(*examples(lists, names))
    lengths = np.array([len(h) for h in hits])
    x, hit, weights = np.concatenate(xs), np.concatenate(hits), np.array(weights)
    starts = np.r_[0, np.cumsum(lengths)[:-1]]
    fixed = np.array([name in BY_HAND for name in names])
    unit = np.where(fixed, np.inf, x.std(0) + 1e-9)
    base = np.where(fixed, worth, 0)

    def loss(step):
        score = x @ (base + step / unit)
        power = np.exp(score - np.repeat(np.maximum.reduceat(score, starts), lengths))
        every, right = np.add.reduceat(power, starts), np.add.reduceat(power * hit, starts) + 1e-12
        share = (power * hit / np.repeat(right, lengths) - power / np.repeat(every, lengths)) * np.repeat(weights, lengths)
        return PULL * step @ step - (weights * np.log(right / every)).sum(), 2 * PULL * step - share @ x / unit

    found = minimize(loss, np.zeros(len(worth)), jac=True, method='L-BFGS-B', options={'maxiter': 500})
    if not found.success:
        print(f'fit: not at its end: {found.message}')
    return base + found.x / unit


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith('-'):
        sys.exit(__doc__)
    files = [load(path) for path in sys.argv[1:]]
    names, worth, lists = files[0][0], files[0][1], [pairs for _, _, pairs in files]
    total = {'reports': [], 'quoted traces': [], 'left out': []}
    for i, (path, pairs) in enumerate(zip(sys.argv[1:], lists)):
        own = {'reports': [rank(r[:, 0], r[:, 1]) for k, r in pairs if k != 'q'], 'quoted traces': [rank(r[:, 0], r[:, 1]) for k, r in pairs if k == 'q']}
        if len(lists) > 1:
            weights = fit(lists[:i] + lists[i + 1:], names, worth)
            own['left out'] = [rank(r[:, 0], r[:, 2:] @ weights) for k, r in pairs if k != 'q']
        for what, ranks in own.items():
            print(f'{path}: {what}: {recall(ranks)}', flush=True)
            total[what] += ranks
    for what, ranks in total.items():
        if ranks:
            print(f'all: {what}: {recall(ranks)}')
    for name, is_now, fitted in zip(names, worth, fit(lists, names, worth)):
        print(f'{is_now:7.2f} {fitted:7.2f}  {name}')


main()
