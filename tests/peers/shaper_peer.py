"""Makes templates and has the real cookiecutter and copier render them: what they write is what the Shaper must write.

Prints a JSON list of cases: kind, template folder, answers, folder that the real tool made.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

from cookiecutter.main import cookiecutter
from copier import run_copy

ROOT = Path(sys.argv[1])
SEEDS = int(sys.argv[2])
os.environ["HOME"] = str(ROOT)
os.environ["COPIER_CACHE_DIR"] = str(ROOT / "cache")

# Everything below is Jinja2 as templates in the wild write it; V is where the answers are.
SNIPPETS = [
    "{{ V.name }}", "{{ V.name|upper }}", "{{ V.name.replace(' ', '-').lower() }}", "{{ V.name|title }}",
    "{{ V.name|length }}", "{{ V.flag }}", "{{ V.flag and 'a' or 'b' }}", "{{ 'x' if V.flag else 'y' }}",
    "{% if V.flag %}yes{% else %}no{% endif %}\n", "{%- if V.flag -%}\n  tight\n{%- endif -%}\nafter",
    "{% for c in V.name %}{{ c }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for i in range(3) %}{{ loop.index }}/{{ loop.length }} {{ loop.cycle('a', 'b') }};{% endfor %}",
    "{% set x = V.name.split(' ') %}{{ x }} {{ x|join('_') }} {{ x[0] }} {{ x[-1] }}",
    "{% raw %}{{ not.rendered }} {% now 'utc' %}{% endraw %}", "{# comment {{ V.name }} #}kept",
    "{{ V.name|replace('a', 'b') }}", "{{ V.name|wordcount }}", "{{ 'a b c d e f'|wordwrap(3) }}",
    "{{ 'the quick brown fox jumps over the lazy dog'|wordwrap(12, true) }}",
    "{{ 'one two three four'|truncate(9) }}|{{ 'one two three four'|truncate(9, true, '..', 0) }}",
    "{{ 'text'|center(20) }}|", "{{ [3, 1, 2]|sort }} {{ [3, 1, 2]|sort(reverse=true) }} {{ [1, 2]|sum }}",
    "{{ {'b': 1, 'a': [1, 'x', none, true]} }}", "{{ ['a', \"it's\", 1.0, 2] }}", "{{ (1, 2) }} {{ (1,) }}",
    "{{ none }} {{ true }} {{ 1.0 }} {{ 3 / 2 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 2 ** 8 }}", "{{ 10 / 2 }}",
    "{{ '%s-%02d' % (V.name, 7) }}", "{{ '%s!' % V.name }}", "{{ '{} {}'.format(V.name, 1) }}", "{{ '{0:>5}|{x}'.format(3, x=4) }}",
    "{{ 'a\\nb' }}", "{{ 'a\\\\d' }}", "{{ 'a' 'b' }}", "{{ 'x' ~ 1 ~ true ~ none }}",
    "{{ V.name.rsplit(' ', 1)|join('+') }}", "{{ V.name.partition(' ') }}", "{{ V.name.rpartition(' ')[0] }}",
    "{{ '7'.zfill(3) }} {{ 'a'.ljust(4) }}| {{ 'a'.rjust(4, '*') }} {{ 'ab'.center(7, '-') }}",
    "{{ 'prefix-x'.removeprefix('prefix-') }} {{ 'x.py'.removesuffix('.py') }}", "{{ 'aBc'.swapcase() }} {{ 'SS'.casefold() }}",
    "{{ 'hello world'.capitalize() }} {{ \"they're bill's\".title() }}", "{{ \"they're bill's\"|title }}",
    "{{ 'a,b,,c'.split(',') }} {{ ' a  b '.split() }} {{ 'a b c'.split(' ', 1) }}", "{{ 'a\\nb\\r\\nc'.splitlines() }}",
    "{{ 'abc'.find('c') }} {{ 'abc'.index('b') }} {{ 'banana'.count('an') }} {{ 'banana'.rfind('an') }}",
    "{{ 'abc'.startswith('a') }} {{ 'abc'.endswith(('b', 'c')) }} {{ 'a1'.isalnum() }} {{ 'a_b'.isidentifier() }}",
    "{{ '  x '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ '  x'.lstrip() }}|{{ 'x  '.rstrip() }}|",
    "{% macro greet(who, sign='!') %}Hi {{ who }}{{ sign }}{% endmacro %}{{ greet(V.name) }} {{ greet('B', sign='?') }}",
    "{% macro box() %}[{{ caller() }}]{% endmacro %}{% call box() %}in{% endcall %}",
    "{% filter upper %}loud {{ V.name }}{% endfilter %}", "{% set block %}b {{ V.name }}{% endset %}{{ block }}",
    "{% set ns = namespace(n=0) %}{% for i in [1, 2, 3] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
    "{% set l = [] %}{% for i in [1, 2] %}{% set _ = l.append(i) %}{% endfor %}{{ l }}",
    "{% set d = {} %}{% set _ = d.update({'a': 1}) %}{{ d }} {{ d.items()|list }}",
    "{% with a = 1, b = 2 %}{{ a + b }}{% endwith %}", "{{ [1, 2, 3, 4][1:3] }} {{ 'abcdef'[::-1] }} {{ 'abc'[1] }}",
    "{{ [{'n': 'a', 'v': 1}, {'n': 'b', 'v': 2}]|map(attribute='n')|join(',') }}", "{{ ['a', 'b']|map('upper')|list }}",
    "{{ [1, 2, 3, 4]|select('odd')|list }} {{ [1, 0]|reject('equalto', 0)|list }}",
    "{{ [{'a': 1}, {'a': 2}]|selectattr('a', '>', 1)|list }}", "{{ ['b', 'a', 'b']|unique|list }}",
    "{{ [1, 2, 3, 4, 5]|batch(2)|list }}", "{{ {'b': 2, 'a': 1}|dictsort }}", "{{ 'line\\nline2'|indent(4) }}",
    "{{ 'line\\nline2'|indent(2, true) }}", "{{ 'x'|default('y') }} {{ ''|default('z', true) }}", "{{ '3'|int + 1 }} {{ 'x'|int(5) }} {{ '1.5'|float }}",
    "{{ 3.14159|round(2) }} {{ 2.5|round }} {{ -3|abs }}", "{{ ' a '|trim }}|", "{{ ['a', 'b']|first }}{{ ['a', 'b']|last }}",
    "{{ [1, 2]|tojson }} {{ {'a': '<b>'}|tojson }}", "{{ '<a href=\"x\">'|escape }}", "{{ 'a b/c'|urlencode }}", "{{ '<b>x</b>  y'|striptags }}",
    "{{ V.name is defined }} {{ V.nope is defined }} {{ 3 is odd }} {{ 'a' is string }} {{ [1] is iterable }} {{ none is none }}",
    "{{ 'a' in V.name }} {{ 'q' not in V.name }} {{ not V.flag }}", "{{ 1 < 2 <= 2 }} {{ 1 == 1.0 }} {{ 'a' != 'b' }}",
    "{{ V.name|list|length }} {{ V.name|reverse }}", "{{ dict(a=1, b='x') }}", "{{ 1000000|filesizeformat }}", "{{ ['x', 'y']|join(', ') }}",
    "{%- set a, b = 1, 2 -%}{{ a }}{{ b }}", "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for i in [] %}x{% else %}none{% endfor %}", "{% for i in [1, 2, 3] if i != 2 %}{{ i }}{% endfor %}", "{{ 'ünï \u4e2d'|upper }}",
    "{{ [1, [2, 3]]|string }}", "{{ 'a'|string|upper }}", "{{ 'abc'|pprint }}", "{{ 1 if false }}|", "{{ loop is defined }}",
    "{% for g in [{'a': 1, 'b': 2}, {'a': 1, 'b': 3}]|groupby('a') %}{{ g.grouper }}:{{ g.list|length }}{% endfor %}",
    "{{ 'A'|lower }}{{ 'b'|capitalize }}", "{{ \"a'b\" }}", "{{ '}}' }}", "{{ {'a': {'b': 'c'}}.a.b }} {{ {'x-y': 1}['x-y'] }}",
    "{% if V.flag and V.name == 'x' or not V.flag %}p{% elif V.name %}q{% endif %}", "{{ 5|string ~ '5' }}", "{{ '%.2f'|format(1.5) }}",
    "trailing  \n\n\n", "no newline at end", "\n\nleading", "tab\there\n", "${{ github.sha }}\n".replace("${{ github.sha }}", "{{ '${{ github.sha }}' }}"),
]
COOKIECUTTER = [
    "{% now 'utc', '%Y' %}", "{%- now 'utc', '%Y-%m' -%} x", "{% now 'utc' %}", "{% now 'utc' + 'days=400', '%Y' %}", "{% now 'Europe/Lisbon', '%Y' %}",
    "{{ {'b': 1, 'a': [true, none, 'ü']}|jsonify }}", "{{ {'a': 1}|jsonify(2) }}", "{{ V.name|slugify }}", "{{ 'Ünï Cödé, it''s 1,000 &amp; more'|slugify }}",
    "{{ 'A b C'|slugify(separator='_') }} {{ 'the quick brown fox'|slugify(max_length=10, word_boundary=true) }}", "{{ 'a_b c'|slugify(lowercase=false) }}",
    "{{ random_ascii_string(5)|length }} {{ uuid4()|length }}", "{{ V }}", "{{ V.extra.a }} {{ V.extra.b[1] }}", "{{ _cookiecutter.choice }}", "{{ V._hidden }} {{ V.__made }}",
]
COPIER = [
    "{{ {'b': 1, 'a': [1, 'x', {'c': none}], 'd': {}, 'e': []}|to_nice_yaml }}", "{{ {'b': 1, 'a': [1, 2]}|to_yaml }}", "{{ [1, [2, 3], {'a': 'b'}]|to_nice_yaml(indent=2) }}",
    "{{ {'s': 'yes', 't': '1', 'u': 'a: b', 'v': '', 'w': 'it''s', 'x': ' lead', 'y': 'multi\\nline', 'z': '#c'}|to_nice_yaml }}",
    "{{ {'long': 'word ' * 40, 'uni': 'ünï', 'date': '2024-01-01', 'tilde': '~', 'f': 1.5, 'n': none, 't': true}|to_nice_yaml }}", "{{ 'plain'|to_nice_yaml }}",
    "{{ {'a': {'b': [{'c': 1, 'd': 2}, {'e': [1]}]}}|to_nice_yaml(sort_keys=false) }}", "{{ {'a': 1, 'b': 'ü'}|to_json }} {{ {'b': 1, 'a': [1]}|to_nice_json }}",
    "{{ 'a: [1, yes]'|from_yaml }} {{ '{\"a\": 1}'|from_json }}", "{{ 'abc'|b64encode }} {{ 'YWJj'|b64decode }}", "{{ 'x'|hash('sha256') }} {{ 'x'|md5 }} {{ 'x'|sha1 }} {{ 'x'|hash('md5') }}",
    "{{ 'x'|to_uuid }}", "{{ 'foo-bar'|regex_replace('^(\\w+)-(\\w+)$', '\\\\2_\\\\1') }}", "{{ 'a1b22'|regex_findall('\\d+') }} {{ 'a1b22'|regex_search('\\d+') }} {{ 'ab12'|regex_search('([a-z]+)(\\d+)', '\\\\1', '\\\\2') }}",
    "{{ 'a.b*c'|regex_escape }}", "{{ true|ternary('y', 'n') }} {{ false|ternary('y', 'n') }}", "{{ 'yes'|bool }} {{ 'off'|bool }}", "{{ 'it''s'|quote }} {{ 'plain'|quote }}",
    "{{ [1, [2, [3]]]|flatten }} {{ [1, [2, [3]]]|flatten(levels=1) }}", "{{ {'a': 1}|combine({'b': 2}, {'a': 3}) }} {{ {'a': {'x': 1}}|combine({'a': {'y': 2}}, recursive=true) }}",
    "{{ 'a/b/c.txt'|basename }} {{ 'a/b/c.txt'|dirname }} {{ 'a/b.c.txt'|splitext }}",
    "{{ 'line one\\nline two'|comment }}\n{{ 'x'|comment('cblock') }}\n{{ 'x'|comment(decoration='! ') }}", "{{ 'b'|extract({'a': 1, 'b': 2}) }}", "{{ 'Abc'|type_debug }} {{ 1|type_debug }}",
    "{{ nope }}|{{ nope|default('d') }}", "{{ pathjoin('a', 'b', 'c.txt') }}", "{{ _copier_conf.answers_file }}", "{{ _folder_name }}", "{{ many }} {{ pick }} {{ number + 1 }} {{ ratio }} {{ data.a }} {{ computed }}",
    "{% if skipped is defined %}{{ skipped }}{% endif %}", "{{ _copier_answers|to_nice_yaml|length > 10 }}", "{{ 'a'|mandatory }}",
]
WEIRD = {"bin.png": b"\x89PNG\r\n\x1a\n\x00{{ V.name }}", "zero.dat2": b"a\x00{{ V.name }}\x00", "crlf.txt": b"{{ V.name }}\r\nsecond\r\n", "mixed.txt": b"one\r\ntwo\n{{ V.name }}\n", "empty.txt": b"", "run.sh": b"#!/bin/sh\necho {{ V.name }}\n"}


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def body(folder, var, extra, chosen, suffix=""):
    for n, s in enumerate(SNIPPETS + extra):
        if chosen(n):
            # Names that stand for themselves in copier have no prefix.
            text = s.replace("V.nope", f"{var}.nope" if var else "nope_there").replace("V.", f"{var}." if var else "")
            put(folder / f"s{n:03}.txt{suffix}", text.replace("{{ V }}", f"{{{{ {var}.name }}}}"))
    for name, data in WEIRD.items():
        put(folder / (name if name in ("bin.png", "zero.dat2") else name + suffix), data.replace(b"V.", (var + ".").encode() if var else b""))
    os.chmod(folder / ("run.sh" + suffix), 0o755)


def cookie(n, chosen, rng):
    t = ROOT / f"cc{n}"
    conf = {
        "name": rng.choice(["My Service", "a b", "Größe X", "one-two three"]), "slug": "{{ cookiecutter.name.lower().replace(' ', '_') }}",
        "flag": rng.choice([True, False]), "choice": rng.sample(["MIT", "BSD", "{{ cookiecutter.slug }}"], 3), "number": 7, "extra": {"a": "{{ cookiecutter.slug }}", "b": ["x", "y"]},
        "_hidden": "{{ not rendered }}", "__made": "{{ cookiecutter.slug|upper }}", "nothing": None,
        "_copy_without_render": ["*.raw", "static", "deep/*/keep.txt"], "__prompts__": {"name": "The name"},
    }
    if rng.random() < 0.3:
        conf["_new_lines"] = "\r\n"
    if rng.random() < 0.3:
        conf["_jinja2_env_vars"] = {"lstrip_blocks": True, "trim_blocks": True}
    put(t / "cookiecutter.json", json.dumps(conf))
    root = t / "{{cookiecutter.slug}}"
    body(root, "cookiecutter", COOKIECUTTER, chosen)
    put(root / "{{cookiecutter.slug}}" / "{{cookiecutter.choice}}.md", "# {{ cookiecutter.choice }}\n")
    put(root / "{% if cookiecutter.flag %}only.txt{% endif %}", "{{ cookiecutter.flag }}\n")
    put(root / "x.raw", "{{ raw }}")
    put(root / "static" / "{{ no }}.js", "{{ cookiecutter.nope }}")
    put(root / "deep" / "{{cookiecutter.slug}}" / "keep.txt", "{{ kept }}")
    put(root / "inc.txt", "{% include 'shared.txt' %}{% include 'base.html' %}")
    put(t / "templates" / "shared.txt", "shared {{ cookiecutter.name }}\n")
    put(root / "base.html", "<b>{% block x %}{{ cookiecutter.name }}{% endblock %}</b>\n")
    put(root / "child.html", "{% extends 'base.html' %}{% block x %}child {{ super() }}{% endblock %}")
    (root / "void").mkdir()
    out = ROOT / f"cc{n}.out"
    answers = rng.choice([{}, {"name": "Given Name", "flag": "no"}, {"choice": "BSD", "extra": {"a": "z", "new": "v"}}])
    made = cookiecutter(str(t), no_input=True, output_dir=str(out), extra_context=dict(answers), config_file=None, default_config=True)
    return {"kind": "cookiecutter", "template": str(t), "answers": answers, "made": str(made)}


def copy(n, chosen, rng):
    t = ROOT / f"cp{n}"
    suffix = rng.choice([".jinja", ".jinja", ".tmpl"])
    conf = f"""
_subdirectory: tpl
{'' if suffix == '.jinja' else '_templates_suffix: ' + suffix}
_exclude: ["*.bak", "{{% if not flag %}}only.txt{{% endif %}}", "/gone/"]
name: {{type: str, default: {rng.choice(['My Service', 'a b', 'Größe X'])}, help: The name}}
slug: {{type: str, default: "{{{{ name|lower|replace(' ', '_') }}}}", validator: "{{% if ' ' in slug %}}no blanks{{% endif %}}"}}
flag: {rng.choice(['yes', 'no'])}
pick: {{choices: {{One: 1, Two: 2}}, default: {rng.choice([1, 2])}, type: int}}
many: {{type: str, multiselect: true, choices: [x, y, z], default: [z, x]}}
number: 41
ratio: 1.5
data: {{type: yaml, default: "{{{{ {{'a': name}} }}}}"}}
skipped: {{type: str, default: "was {{{{ name }}}}", when: "{{{{ flag }}}}"}}
computed: {{type: str, default: "{{{{ slug|upper }}}}", when: false}}
token: {{type: str, secret: true, default: s3cret}}
date: {{type: str, default: "2024-01-01"}}
long: {{type: str, default: "{'many words here ' * 9}"}}
"""
    put(t / "copier.yml", conf)
    root = t / "tpl"
    body(root, "", COPIER, chosen, suffix)
    put(root / f"{{{{ _copier_conf.answers_file }}}}{suffix}", "# Do not edit\n{{ _copier_answers|to_nice_yaml -}}\n")
    put(root / "{{ slug }}" / f"{{% if flag %}}maybe.txt{{% endif %}}{suffix}", "{{ name }}\n")
    put(root / "plain.txt", "{{ not rendered }}\n")
    put(root / "both.txt", "ignored")
    put(root / f"both.txt{suffix}", "taken {{ name }}")
    put(root / f"only.txt{suffix}", "x")
    put(root / "a.bak", "x")
    put(root / "gone" / "x.txt", "x")
    put(root / f"{{% yield m from many %}}{{{{ m }}}}{{% endyield %}}" / f"f.txt{suffix}", "{{ m }} of {{ many|length }}\n")
    put(root / f"{{% yield i from range(2) %}}n{{{{ i }}}}.txt{{% endyield %}}{suffix}", "{{ i }}\n")
    put(t / "shared.jinja", "shared {{ name }}")
    put(root / f"inc.txt{suffix}", "{% include 'shared.jinja' %}")
    (root / "void").mkdir()
    out = ROOT / f"cp{n}.out"
    answers = rng.choice([{}, {"name": "Given", "pick": "2"}, {"many": ["y"], "number": "5"}])
    run_copy(str(t), str(out), data=dict(answers), defaults=True, quiet=True)
    return {"kind": "copier", "template": str(t), "answers": answers, "made": str(out)}


cases = []
for seed in range(SEEDS):
    rng = random.Random(seed)
    some = (lambda n: True) if seed == 0 else (lambda n: (n * 7919 + seed * 104729) % 3 == 0)
    cases.append(cookie(seed, some, rng))
    cases.append(copy(seed, some, rng))
print(json.dumps(cases))
