"""The numbers of incidents that were lived here, worked out without IMP's code: reads each incident's story from the API,
takes the points out of the single facts, and prints what `GET /api/v1/insights` must answer.

Called with the address of IMP and the words of `by`. Only the interpreter's own modules and `spread.py`."""
import json, sys, urllib.request
from spread import ms, spread

METRICS = {"mttd_s": ("started", "detected"), "mtta_s": ("detected", "acknowledged"), "mttm_s": ("detected", "mitigated"),
           "mttr_s": ("detected", "resolved"), "impact_s": ("started", "resolved"), "declare_s": ("started", "detected"),
           "ask_s": ("detected", "asked"), "channel_s": ("real", "channel"), "command_s": ("real", "command"),
           "first_update_s": ("detected", "first_update"), "first_public_s": ("detected", "first_public"),
           "review_s": ("resolved", "reviewed"), "close_s": ("resolved", "closed")}
OPEN, AFTER = ("investigating", "identified", "monitoring"), ("resolved", "review")
base, words = sys.argv[1], sys.argv[2].split(",")


def ask(path):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(base + "/api/v1" + path) as answer:
        return json.load(answer)


def every(path):
    cursor = ""
    while cursor is not None:
        page = ask(f"{path}?limit=100" + (f"&cursor={cursor}" if cursor else ""))
        yield from page["items"]
        cursor = page["next"]


def points(i, story):
    """When it came to each point, by what happened to it and by nothing that IMP sums up."""
    first, last = {}, {}
    for fact in story:
        first.setdefault(fact["event"], ms(fact["at"]))
        last[fact["event"]] = ms(fact["at"])
    entered, commanded = {}, None
    for fact in story:
        if fact["event"] == "moved":
            entered[fact["text"].split(" moved it from ")[1].split(":")[0].split(" to ", 1)[1].lower()] = ms(fact["at"])
        if fact["event"] == "role_taken" and "is Commander" in fact["text"]:
            commanded = commanded if commanded is not None else ms(fact["at"])
    opened = first["opened"]
    by_alert = story[0]["text"].startswith("An alert")
    real = first.get("confirmed") if by_alert else opened
    # What was reached is reached no longer once there is work at it again.
    now = i["status"]
    back = entered.get(now, opened) if now in ("investigating", "identified", "triage") else None
    still = lambda at: None if at is None or (back is not None and back > at) else at
    channel = [ms(f["at"]) for f in story if f["event"] == "linked" and "channel" in f["text"].lower()]
    return {"started": min((ms(a["since"]) for a in i["alerts"] if a.get("since")), default=None), "detected": opened,
            "asked": first.get("asked"), "real": real, "acknowledged": first.get("confirmed") if by_alert else None,
            "channel": min(channel, default=None), "command": commanded, "first_update": first.get("update_posted"),
            "first_public": first.get("page_posted"), "mitigated": still(entered.get("monitoring")),
            "resolved": still(entered.get("resolved")), "reviewed": first.get("review_written"),
            "closed": entered.get("closed") if now == "closed" else None}


def summed(group):
    real = [p for i, p in group if i["status"] in OPEN + AFTER + ("closed",)]
    count = lambda status: sum(i["status"] == status for i, _ in group)
    out = {"incidents": len(real), "declined": count("declined"), "merged": count("merged"), "triage": count("triage"),
           "n": {}, "pending": {}, "invalid": {}, "p25": {}, "p50": {}, "p75": {}, "p90": {}}
    going = [p for i, p in group if i["status"] in OPEN]
    ending = [p for i, p in group if i["status"] in OPEN + AFTER]
    for name, (since, to) in METRICS.items():
        all = [p[to] - p[since] for p in real if p[since] is not None and p[to] is not None]
        may_come = ending if to in ("reviewed", "closed") else going
        out["pending"][name] = sum(p[since] is not None and p[to] is None for p in may_come)
        spread(out, name, all)
    return out


groups = {}
for i in every("/incidents"):
    full = ask(f"/incidents/{i['ref']}")
    alias = lambda word: full[word]["alias"] if isinstance(full[word], dict) else full[word]
    story = list(every(f"/incidents/{i['ref']}/timeline"))
    groups.setdefault(tuple(alias(w) for w in words), []).append((full, points(full, story)))
order = sorted(groups, key=lambda k: [(w is None, w or "") for w in k])
items = [dict(zip(words, k), **summed(groups[k])) for k in order]
print(json.dumps({"items": items, "total": summed([x for k in order for x in groups[k]])}))
