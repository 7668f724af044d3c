// NQL and the regular expressions in it.

import assert from 'node:assert/strict';
import test from 'node:test';
import { attribute, type DemoAttribute, seriesOf } from '../../src/demo/dataset.ts';
import { parseNql } from '../../src/demo/nql.ts';
import { Refusal } from '../../src/demo/refusal.ts';
import { matcherOf } from '../../src/demo/regex.ts';

const RUN = new Map<string, DemoAttribute>([
  ['name', attribute.string('run "1" \\ a')],
  ['n', attribute.int(2n ** 53n + 1n)],
  ['lr', attribute.float(0.1)],
  ['nan', attribute.float(Number.NaN)],
  ['yes', attribute.bool(true)],
  ['when', attribute.datetime(Date.UTC(2025, 0, 1))],
  ['tags', attribute.stringSet(['a', 'b c'])],
  [
    'loss',
    {
      type: 'floatSeries',
      series: seriesOf([
        [0, 0, 4],
        [1, 0, 1],
        [2, 0, 2],
      ]),
    },
  ],
  [
    'log',
    {
      type: 'stringSeries',
      series: seriesOf([
        [0, 0, 'first'],
        [1, 0, 'last line'],
      ]),
    },
  ],
  ['tick`ed:string', attribute.string('odd')],
  ['file', { type: 'fileRef', file: { path: 'p', sizeBytes: 1, mimeType: '' } }],
]);

const QUERIES: [string, boolean][] = [
  ['(`name`:string == "run \\"1\\" \\\\ a")', true],
  ['`name`:string == "run"', false],
  ['`name`:string != "run"', true],
  ['`name`:string MATCHES "^run .1. . a$"', true],
  ['`name`:string MATCHES "RUN"', false],
  ['`name`:string MATCHES "(?i)RUN"', true],
  ['`name`:string NOT MATCHES "run"', false],
  ['`name`:string CONTAINS "1"', true],
  ['`name`:string NOT CONTAINS "1"', false],
  ['`name`:string >= "run"', true],
  ['`n`:int == "9007199254740993"', true],
  ['`n`:int == "9007199254740992"', false],
  ['`n`:int > "9007199254740992.0"', true],
  ['`lr`:float < "0.2"', true],
  ['`lr`:float <= "0.1"', true],
  ['`lr`:float < "inf"', true],
  ['`nan`:float == "nan"', false],
  ['`nan`:float < "1"', false],
  ['`yes`:bool == "True"', true],
  ['`yes`:bool != "True"', false],
  ['`when`:datetime == "2025-01-01T01:00:00+01:00"', true],
  ['`when`:datetime < "2025-01-01T00:00:00.001Z"', true],
  ['`tags`:stringSet CONTAINS "b c"', true],
  ['`tags`:stringSet CONTAINS "b"', false],
  ['`tags`:stringSet NOT CONTAINS "b"', true],
  ['`loss`:floatSeries < "3"', true],
  ['last(`loss`:floatSeries) == "2"', true],
  ['min(`loss`:floatSeries) == "1"', true],
  ['max(`loss`:floatSeries) == "4"', true],
  ['average(`loss`:floatSeries) > "2.33"', true],
  ['variance(`loss`:floatSeries) > "1.55"', true],
  ['`log`:stringSeries MATCHES "^last"', true],
  ['`log`:stringSeries MATCHES "first"', false],
  ['`tick`ed:string`:string == "odd"', true],
  ['`file`:fileRef EXISTS', true],
  ['`file`:string EXISTS', false],
  ['`none`:int EXISTS', false],
  // A missing attribute, or one of another type, passes what is negated only.
  ['`none`:bool != "True"', true],
  ['`none`:bool == "False"', false],
  ['`name`:int != "1"', true],
  ['`none`:string NOT MATCHES "."', true],
  ['NOT (`none`:string MATCHES ".")', true],
  // AND binds closer than OR, NOT closer than AND.
  ['`yes`:bool == "True" OR `none`:int EXISTS AND `none`:int EXISTS', true],
  ['(`yes`:bool == "True" OR `none`:int EXISTS) AND `none`:int EXISTS', false],
  ['NOT `none`:int EXISTS AND `yes`:bool == "True"', true],
  ['  ( ( (`yes`:bool == "True") ) ) ', true],
  ['yes:bool = true and lr:float < 1', true],
];

test('queries select what they say', () => {
  for (const [query, expected] of QUERIES) assert.equal(parseNql(query)(RUN), expected, query);
});

test('queries that make no sense are refused', () => {
  const queries = [
    '',
    '()',
    '`x`:int',
    '`x`:int ==',
    '`x`:int == "1" `y`:int == "1"',
    '`x`:int == "1" AND',
    '`x`:integer == "1"',
    '`x`:int == "one"',
    '`x`:int == "1',
    '`x`:int LIKE "1"',
    '`x`:int MATCHES "1"',
    '`x`:bool > "True"',
    '`x`:bool == "1"',
    '`x`:datetime > "yesterday"',
    '`x`:fileRef == "a"',
    '`x`:string MATCHES "("',
    '`x`:string == "a\\n"',
    'median(`x`:floatSeries) > "1"',
    'last(`x`:floatSeries > "1"',
  ];
  for (const query of queries) assert.throws(() => parseNql(query), Refusal, query);
});

test('patterns match anywhere, as RE2 has them', () => {
  const cases: [string, string, boolean][] = [
    ['loss', 'train/loss/x', true],
    ['^loss$', 'train/loss', false],
    ['^(a|b)$', 'b', true],
    ['^(a|b)$', 'c', false],
    ['^(a\\.b|c\\|d\\(\\))$', 'c|d()', true],
    ['^(a\\.b|c)$', 'axb', false],
    ['^a\\ \\-\\&\\~\\#\\"é$', 'a -&~#"é', true],
    ['^(a|b.*)$', 'bcd', true],
    ['^a$|b', 'xb', true],
    ['^[\\w\\-+*]+$', 'a-b+c*', true],
    ['^\\$', '$x', true],
    ['x\\$', 'x$', true],
    ['\\Aab\\z', 'ab', true],
    ['(?P<part>a)b', 'ab', true],
    ['\\p{Lu}', 'É', true],
    ['^.$', '🚀', true],
    ['^.+$', 'a\nb', false],
    ['(?s)^.+$', 'a\nb', true],
  ];
  for (const [pattern, name, expected] of cases) assert.equal(matcherOf(pattern)(name), expected, `${pattern} ${name}`);
  for (const pattern of ['(', 'a**', '(?!x)', '(?<=x)a', '(a)\\1', '[[:alpha:]]', 'a\\', '^(a$'])
    assert.throws(() => matcherOf(pattern), Refusal, pattern);
});
