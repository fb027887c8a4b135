"""Makes histories (a template, a service of its first version, what people wrote since, a second version) and has the
real copier update each: the Shaper must not leave more conflicts than copier does, and must lose no line of anybody's.

Prints a JSON list: the template, the service as people left it, how many files copier left in conflict, how many lines
of people's own copier lost.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from copier import run_copy, run_update

ROOT = Path(sys.argv[1])
SEEDS = int(sys.argv[2])
os.environ.update(HOME=str(ROOT), COPIER_CACHE_DIR=str(ROOT / "cache"), GIT_CONFIG_NOSYSTEM="1")
for who in ("AUTHOR", "COMMITTER"):
    os.environ.update({f"GIT_{who}_NAME": "Somebody", f"GIT_{who}_EMAIL": "somebody@acme.example"})


def run(*call, at):
    done = subprocess.run(call, cwd=at, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{call}: {done.stderr}")


def commit(at, words):
    run("git", "add", "-A", "-f", at=at)
    run("git", "commit", "-q", "--allow-empty", "--no-verify", "-m", words, at=at)


def born(dice):
    return {
        f"{dice.choice(['src', 'docs', 'ci', '.'])}/f{n}.txt": [f"line {n}.{i} of {{{{ name }}}}" for i in range(dice.randint(1, 30))]
        for n in range(dice.randint(2, 6))
    }


def grown(files, dice):
    """The second version: lines changed, added and taken away, files added and taken away."""
    out = {}
    for path, lines in files.items():
        if dice.random() < 0.08:
            continue
        lines = list(lines)
        for _ in range(dice.randint(0, 4)):
            at = dice.randrange(len(lines) + 1)
            what = dice.random()
            if what < 0.4:
                lines.insert(at, f"new {dice.random()} for {{{{ name }}}}")
            elif what < 0.8 and at < len(lines):
                lines[at] = f"changed {dice.random()}"
            elif at < len(lines) and len(lines) > 1:
                del lines[at]
        out[path] = lines
    if dice.random() < 0.3:
        out[f"added{dice.randint(0, 2)}.txt"] = ["an addition"]
    return out


def live(at, template, dice):
    """People work: every line that they write is theirs alone and can be found again."""
    written = []

    def mine():
        written.append(f"mine {len(written)} {dice.random()}")
        return written[-1]

    for path in sorted(p for p in at.rglob("*.txt") if ".git" not in p.parts):
        what = dice.random()
        if what < 0.35:
            continue
        if what < 0.4:
            path.unlink()
            continue
        lines = path.read_text().splitlines()
        for _ in range(dice.randint(1, 4)):
            n = dice.randrange(len(lines) + 1)
            if dice.random() < 0.6:
                lines.insert(n, mine())
            elif n < len(lines):
                lines[n] = mine()
        path.write_text("".join(f"{line}\n" for line in lines))
    if dice.random() < 0.4:
        (at / f"added{dice.randint(0, 2)}.txt").write_text(mine() + "\n")
    there = "\n".join(p.read_text() for p in at.rglob("*.txt") if ".git" not in p.parts)
    return [line for line in written if line in there]


def files_in_conflict(at):
    inside = lambda p: "<<<<<<< " in p.read_text(errors="replace")
    return sum(1 for p in at.rglob("*") if p.is_file() and ".git" not in p.parts and (p.suffix == ".rej" or inside(p)))


def history(seed):
    dice = random.Random(seed)
    here = ROOT / f"h{seed}"
    template, service, left = here / "template", here / "service", here / "left"
    template.mkdir(parents=True)
    run("git", "init", "-q", "-b", "main", at=template)
    (template / "copier.yml").write_text("name: {type: str, default: pay}\n")
    (template / "{{ _copier_conf.answers_file }}.jinja").write_text("{{ _copier_answers|to_nice_yaml }}")
    first = born(dice)
    second = grown(first, dice)
    for tag, files in (("v1", first), ("v2", second)):
        for old in template.rglob("*.txt.jinja"):
            old.unlink()
        for path, lines in files.items():
            at = template / f"{path}.jinja"
            at.parent.mkdir(exist_ok=True)
            at.write_text("".join(f"{line}\n" for line in lines))
        commit(template, tag)
        run("git", "tag", tag, at=template)
    run_copy(str(template), str(service), vcs_ref="v1", defaults=True, quiet=True)
    run("git", "init", "-q", "-b", "main", at=service)
    commit(service, "born")
    written = live(service, template, dice)
    commit(service, "work")
    shutil.copytree(service, left, ignore=shutil.ignore_patterns(".git"))
    run_update(str(service), vcs_ref="v2", defaults=True, quiet=True, overwrite=True, conflict="inline")
    after = "\n".join(p.read_text(errors="replace") for p in service.rglob("*") if p.is_file() and ".git" not in p.parts)
    return {
        "template": str(template), "left": str(left), "written": written, "conflicts": files_in_conflict(service),
        "lost": sum(line not in after for line in written),
    }


with ProcessPoolExecutor(2) as pool:
    print(json.dumps(list(pool.map(history, range(SEEDS)))))
