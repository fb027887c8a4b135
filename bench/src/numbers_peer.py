"""The numbers by team over a generated history in plain SQL: prints the median seconds of an answer.

Called with the name of the peer and the file. PostgreSQL is the server of IMP_TEST_POSTGRES, asked through psql."""
import os, re, statistics, subprocess, sys, time

LENGTHS = {"mttd": ("started_at", "detected_at"), "mtta": ("detected_at", "acknowledged_at"),
           "mttm": ("detected_at", "mitigated_at"), "mttr": ("detected_at", "resolved_at")}
SECONDS = "extract(epoch from {0}) - extract(epoch from {1})"
QUESTION = "select team, count(*), " + ", ".join(
    f"avg({e}), count({e}), " + ", ".join(
        f"percentile_cont({q}) within group (order by {e})" for q in (0.25, 0.5, 0.75, 0.9))
    for e in (SECONDS.format(to, since) for since, to in LENGTHS.values())) + " from history group by team order by team"
peer, path = sys.argv[1:3]

if peer == "DuckDB":
    import duckdb
    db = duckdb.connect()
    db.execute("set threads = 2")
    db.execute(f"create table history as select * from read_csv('{path}', header = true)")
    took = []
    for _ in range(9):
        begin = time.perf_counter()
        rows = db.execute(QUESTION).fetchall()
        took.append(time.perf_counter() - begin)
    print(statistics.median(took))
else:
    url = os.environ["IMP_TEST_POSTGRES"]
    columns = open(path).readline().strip().split(",")
    kinds = ", ".join(f"{c} {'timestamptz' if c.endswith('_at') else 'text'}" for c in columns)
    script = (f"create temp table history ({kinds});\n\\copy history from '{path}' with (format csv, header)\n"
              "analyze history;\n\\timing on\n\\o /dev/null\n" + (QUESTION + ";\n") * 9)
    said = subprocess.run(["psql", "-X", "-q", url], input=script, capture_output=True, text=True, check=True)
    print(statistics.median(float(ms) for ms in re.findall(r"Time: ([0-9.]+) ms", said.stdout)[-9:]) / 1000)
