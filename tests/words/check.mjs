// Reads the words that people read. Two readers: cspell knows how words are written (British English, and the project's own
// words in dictionary.txt); retext knows how sentences get hard to read. What they find is printed, and ends with 1.

import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { toString } from 'nlcst-to-string';
import remarkGfm from 'remark-gfm';
import remarkParse from 'remark-parse';
import remarkRetext from 'remark-retext';
import remarkStringify from 'remark-stringify';
import retextEnglish from 'retext-english';
import retextIndefiniteArticle from 'retext-indefinite-article';
import retextReadability from 'retext-readability';
import retextRepeatedWords from 'retext-repeated-words';
import retextSimplify from 'retext-simplify';
import retextStringify from 'retext-stringify';
import { read } from 'to-vfile';
import { unified } from 'unified';
import { visit } from 'unist-util-visit';
import { reporter } from 'vfile-reporter';

const ROOT = new URL('../../', import.meta.url).pathname;
/// What the guides may ask of a reader: so many words until the next full stop, semicolon or colon.
const WORDS_AT_MOST = 40;
/// Sentences shorter than this are not measured for how hard they are: a name or two decides over them.
const MEASURED_FROM = 14;
/// Whom the guides are for.
const AGE = 17;
/// What is read for its spelling.
const SPELT = [
  'docs/*.md', 'README.md', 'ARCHITECTURE.md', 'CHANGELOG.md', 'STYLE.md', 'packaging/*.md', 'drills/*.toml',
  'process/**/*.toml', 'imp.default.toml', 'crates/imp-console/templates/**/*.html',
];
/// Words that retext would have simpler and that are the right ones here: names of things that have no other, and ways of
/// speaking that are plain.
const FINE = [
  'address', 'all-of', 'component', 'delete', 'effect', 'however', 'interface', 'it-is', 'monitor', 'operate',
  'parameters', 'impacted', 'relative-to', 'render', 'request', 'require', 'requirement', 'shall', 'there-are', 'there-is', 'type',
];

/// No breath without an end.
function shortBreaths() {
  return (tree, file) =>
    visit(tree, 'SentenceNode', (sentence) => {
      let words = 0;
      visit(sentence, (node) => {
        if (node.type === 'WordNode') words += 1;
        if (node.type === 'PunctuationNode' && /[;:]/.test(toString(node))) words = 0;
        if (words === WORDS_AT_MOST + 1) {
          file.message(`More than ${WORDS_AT_MOST} words without an end: make two sentences`, { place: sentence.position });
          words += 1;
        }
      });
    });
}

const words = unified()
  .use(retextEnglish)
  .use(retextSimplify, { ignore: FINE.map((w) => w.replaceAll('-', ' ')) })
  .use(retextRepeatedWords)
  .use(retextIndefiniteArticle)
  .use(retextReadability, { age: AGE, minWords: MEASURED_FROM, threshold: 6 / 7 })
  .use(shortBreaths)
  .use(retextStringify);
const reader = unified().use(remarkParse).use(remarkGfm).use(remarkRetext, words).use(remarkStringify);

const guides = readdirSync(`${ROOT}docs`).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);
const files = await Promise.all(
  [...guides, 'README.md', 'packaging/RELEASE.md'].map(async (name) => {
    const file = await read({ path: name, cwd: ROOT });
    await reader.run(reader.parse(file), file);
    // "an https address" is read letter by letter.
    file.messages = file.messages.filter((m) => !(m.source === 'retext-indefinite-article' && /https?\b/.test(m.reason)));
    return file;
  }),
);
const hard = files.some((file) => file.messages.length > 0);
if (hard) console.log(reporter(files, { quiet: true }));

const spelling = spawnSync(
  process.execPath,
  ['tests/words/node_modules/cspell/bin.mjs', '--config', 'tests/words/cspell.json', '--root', '.', '--no-progress', '--no-summary', ...SPELT],
  { cwd: ROOT, encoding: 'utf8' },
);
process.stdout.write(spelling.stdout);
process.stderr.write(spelling.stderr);
process.exit(hard || spelling.status !== 0 ? 1 : 0);
