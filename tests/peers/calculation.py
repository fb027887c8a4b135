"""The numbers of a history, worked out without IMP: reads the CSV that IMP imported, prints what IMP must answer.

Called with the file and the words of `by`. Only the interpreter's own modules: times are read by datetime, lengths are
whole milliseconds until the last division, percentiles are numpy's linear ones."""
import csv, json, sys
from datetime import datetime, timezone
from math import floor

METRICS = {"mttd_s": ("started_at", "detected_at"), "mtta_s": ("detected_at", "acknowledged_at"),
           "mttm_s": ("detected_at", "mitigated_at"), "mttr_s": ("detected_at", "resolved_at"),
           "impact_s": ("started_at", "resolved_at"), "close_s": ("resolved_at", "closed_at")}
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


def summed(rows):
    out = {"incidents": len(rows), "n": {}, "invalid": {}, "p25": {}, "p50": {}, "p75": {}, "p90": {}}
    for name, (since, to) in METRICS.items():
        both = [(ms(r[since]), ms(r[to])) for r in rows]
        all = [b - a for a, b in both if a is not None and b is not None]
        good = sorted(l for l in all if l >= 0)
        out["n"][name], out["invalid"][name] = len(good), len(all) - len(good)
        out[name] = sum(good) / (1000.0 * len(good)) if good else None
        for word, q in (("p25", 0.25), ("p50", 0.5), ("p75", 0.75), ("p90", 0.9)):
            out[word][name] = percentile(good, q) if good else None
    return out


def key(row, by):
    if by != "month":
        return row[by] or None
    at = ms(row["detected_at"]) if row["detected_at"] else ms(row["started_at"])
    return None if at is None else datetime.fromtimestamp(at / 1000, timezone.utc).strftime("%Y-%m")


path, words = sys.argv[1], sys.argv[2].split(",")
groups = {}
with open(path, newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))
for row in rows:
    groups.setdefault(tuple(key(row, by) for by in words), []).append(row)
# What has no key comes last.
order = sorted(groups, key=lambda k: [(w is None, w or "") for w in k])
items = [dict(zip(words, k), **summed(groups[k])) for k in order]
print(json.dumps({"items": items, "total": summed(rows)}))
