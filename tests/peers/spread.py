"""Moments and the spread of lengths, for the calculations that IMP's numbers are held against. Only the interpreter's own
modules: times are read by datetime, lengths are whole milliseconds until the last division, percentiles are numpy's linear
ones."""
from datetime import datetime, timezone
from math import floor

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def ms(text):
    if not text:
        return None
    since = datetime.fromisoformat(text.replace("Z", "+00:00")) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def percentile(lengths, q):
    place = q * (len(lengths) - 1)
    below = floor(place)
    share, a, b = place - below, lengths[below] / 1000.0, lengths[min(below + 1, len(lengths) - 1)] / 1000.0
    return a + (b - a) * share if share < 0.5 else b - (b - a) * (1.0 - share)


def spread(out, name, all):
    """What is told of a measurement: those below zero are told apart."""
    good = sorted(l for l in all if l >= 0)
    out["n"][name], out["invalid"][name] = len(good), len(all) - len(good)
    out[name] = sum(good) / (1000.0 * len(good)) if good else None
    for word, q in (("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9)):
        out[word][name] = percentile(good, q) if good else None
