"""The numbers of a history, worked out without IMP: reads the CSV that IMP imported, prints what IMP must answer.

Called with the file and the words of `by`. Only the interpreter's own modules and `spread.py`."""
import csv, json, sys
from datetime import datetime, timezone
from spread import ms, spread

METRICS = {"mttd_s": ("started_at", "detected_at"), "mtta_s": ("detected_at", "acknowledged_at"),
           "mttm_s": ("detected_at", "mitigated_at"), "mttr_s": ("detected_at", "resolved_at"),
           "impact_s": ("started_at", "resolved_at"), "close_s": ("resolved_at", "closed_at")}


def summed(rows):
    out = {"incidents": len(rows), "n": {}, "invalid": {}, "p25": {}, "p50": {}, "p75": {}, "p90": {}}
    for name, (since, to) in METRICS.items():
        both = [(ms(r[since]), ms(r[to])) for r in rows]
        all = [b - a for a, b in both if a is not None and b is not None]
        spread(out, name, all)
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
