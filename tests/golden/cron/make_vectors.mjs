// Writes vectors.jsonl beside itself: what three other implementations make of the same cron expressions. To run:
//   node tests/golden/cron/make_vectors.mjs
// It installs the two libraries, of fixed versions, into a temporary folder, and asks systemd-analyze where an
// expression can be said in its language. config/CRON.md has what came of it, tests/unit/config/cron_vectors.cpp
// compares it with ours.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const libraries = ['croner@11.0.1', 'cron-parser@5.10.5', 'luxon@3.7.2'];
const here = path.dirname(fileURLToPath(import.meta.url));
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'cron-vectors.'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));
fs.writeFileSync(path.join(scratch, 'package.json'), '{"private": true}');
execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--save-exact', ...libraries],
             { cwd: scratch, stdio: ['ignore', 'ignore', 'inherit'] });
const load = createRequire(path.join(scratch, 'package.json'));
const { Cron } = load('croner');
const { CronExpressionParser } = load('cron-parser');

// The days on which the clocks of a zone change, and why the zone is here. Past years: their rules are settled.
const zones = {
  'Europe/Rome': ['2025-03-30', '2025-10-26'],
  'America/New_York': ['2024-03-10', '2024-11-03'],
  'Europe/Dublin': ['2024-03-31', '2024-10-27'],        // Winter time is the exception: negative DST.
  'Australia/Lord_Howe': ['2024-10-06', '2025-04-06'],  // Half an hour.
  'Pacific/Chatham': ['2024-09-29', '2025-04-06'],      // At 2:45.
  'America/Santiago': ['2024-09-08', '2025-04-06'],     // At midnight: 0:00 is missing, 23:30 comes twice.
  'America/Havana': ['2024-03-10', '2024-11-03'],       // At midnight and at one.
  'Africa/Casablanca': ['2024-03-10', '2024-04-14'],    // In Ramadan.
  'Pacific/Apia': ['2011-12-30'],                       // A whole day is missing.
  'America/Caracas': ['2007-12-09', '2016-05-01'],      // Half an hour, for good.
  'Asia/Kolkata': ['2024-03-31'],                       // Never.
  'UTC': ['2024-03-31'],
};
const times = [
  '30 2 * * *', '0 2 * * *', '0 3 * * *', '0 0 * * *', '30 0 * * *', '30 1 * * *', '30 23 * * *',
  '15,45 2 * * *', '*/20 2 * * *', '0 1-3 * * *', '*/30 0-3 * * *', '10-50/20 1,2 * * *', '0 */2 * * *', '0 */6 * * *',
  '0 * * * *', '30 * * * *', '*/15 * * * *', '7,37 * * * *', '* * * * *',
  '20 30 2 * * *', '*/20 30 2 * * *', '0 0 */3 * * *', '10 0 * * * *', '*/30 */30 * * * *',
];
const days = [
  '0 9 * * mon-fri', '0 9 * * 0', '0 9 * * 7', '0 9 * * sat,sun', '0 9 * * FRI-7', '0 0 1 * *', '0 0 31 * *',
  '0 0 29 2 *', '0 0 L * *', '0 12 L 2 *', '15 9 * * 5#2', '15 9 * * 5#5', '15 9 * * 5L', '0 9 13 * 5',
  '30 4 1,15 * wed', '0 9 1-7 * mon', '0 9 */2 * 5', '0 9 */10 * *', '0 9 * * */2', '0 0 1 jan,JUL *',
  '0 12 1 */3 *', '0 9 ? * 1', '0 9 29 2 1', '0 0 1-31/10 * *',
  '@hourly', '@daily', '@weekly', '@monthly', '@yearly',
];

const seconds = (iso) => Date.parse(iso) / 1000;
const iso = (s) => new Date(s * 1000).toISOString();

function croner(cron, tz, after, count) {
  return new Cron(cron, { timezone: tz }).nextRuns(count, new Date(after * 1000)).map((d) => d.getTime() / 1000);
}

function cronParser(cron, tz, after, count) {
  const it = CronExpressionParser.parse(cron, { tz, currentDate: new Date(after * 1000) });
  return Array.from({ length: count }, () => it.next().toDate().getTime() / 1000);
}

// One field in systemd's words; nothing if it has none for it.
function systemdField(text) {
  const parts = text.split(',').map((part) => {
    const found = /^(\*|\d+(?:-\d+)?)(?:\/(\d+))?$/.exec(part);
    if (!found) return null;
    const [, base, step] = found;
    if (base === '*') return step ? `0/${step}` : '*';
    return base.replace('-', '..') + (step ? `/${step}` : '');
  });
  return parts.includes(null) ? null : parts.join(',');
}

function systemdCalendar(cron, tz) {
  const fields = cron.split(' ');
  if (fields.length === 5) fields.unshift('0');
  if (fields.length !== 6) return null;
  let [second, minute, hour, day, month, weekday] = fields;
  if (day !== '*' && weekday !== '*') return null;  // It has no "or".
  const week = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
  if (!/^(\*|\d|\w{3}([-,]\w{3})?)$/.test(weekday)) return null;
  weekday = weekday === '*' ? '' : (/^\d$/.test(weekday) ? week[Number(weekday)] : weekday.replace('-', '..')) + ' ';
  month = systemdField(month.replace('*/', '1-12/'));
  const date = day === 'L' ? `*-${month}~01` : `*-${month}-${systemdField(day.replace('*/', '1-31/'))}`;
  const clock = [hour, minute, second].map(systemdField);
  if (month === null || date.includes('null') || clock.includes(null)) return null;
  return `${weekday}${date} ${clock.join(':')} ${tz}`;
}

function systemd(cron, tz, after, count) {
  const calendar = systemdCalendar(cron, tz);
  if (!calendar) return null;
  const words = ['calendar', `--iterations=${count}`, `--base-time=@${after}`, calendar];
  const said = execFileSync('systemd-analyze', words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
  });
  return [...said.matchAll(/(?:Next elapse|Iter(?:ation|\.) #\d+): \w+ (\S+) (\S+) UTC/g)]
    .map(([, date, time]) => seconds(`${date}T${time}Z`));
}

const lines = [];
function ask(cron, tz, after, count) {
  const fires = [];
  const by = {};
  for (const [name, implementation] of Object.entries({ croner, 'cron-parser': cronParser, systemd })) {
    let found;
    try {
      found = implementation(cron, tz, after, count);
    } catch {
      by[name] = null;  // It gives up.
      continue;
    }
    if (!found) continue;  // It has no words for it.
    let at = fires.findIndex((f) => JSON.stringify(f) === JSON.stringify(found));
    if (at < 0) at = fires.push(found) - 1;
    by[name] = at;
  }
  lines.push(JSON.stringify({ cron, tz, after: iso(after), by, fires }));
}

for (const [tz, changes] of Object.entries(zones))
  for (const day of changes)
    // From the day before, in whichever zone; long enough for what repeats often to come past the change.
    for (const cron of times) {
      const often = cron === '* * * * *' || cron.startsWith('*/30 */30');
      const start = seconds(`${day}T00:00:00Z`);
      if (!often) ask(cron, tz, start - 86400, /^(\*\/\d+|\d+ 0|\d+|\d+,\d+) \*( \*){3,}$/.test(cron) ? 56 : 12);
      else if (/Rome|Howe|Santiago|Dublin/.test(tz)) ask(cron, tz, changeOf(tz, start) - 300, 12);
    }
for (const tz of ['UTC', 'Europe/Rome', 'America/Santiago'])
  for (const cron of days) ask(cron, tz, seconds('2023-11-28T10:11:12Z'), 16);
for (const year of [2060, 2399])  // Past what compiled zones list: the rule at their end counts.
  for (const cron of ['30 2 * * *', '0 * * * *'])
    ask(cron, 'Europe/Rome', seconds(`${year}-03-24T12:00:00Z`), 12);

// The instant at which the clocks of a zone change, on a day or the night before.
function changeOf(tz, start) {
  const show = new Intl.DateTimeFormat('en', { timeZone: tz, timeZoneName: 'longOffset' });
  const offset = (s) => show.formatToParts(new Date(s * 1000)).find((p) => p.type === 'timeZoneName').value;
  let at = start - 86400;
  while (at < start + 86400 && offset(at) === offset(at + 60)) at += 60;
  return at + 60;
}

fs.writeFileSync(path.join(here, 'vectors.jsonl'), lines.join('\n') + '\n');
const moments = lines.reduce((sum, l) => sum + JSON.parse(l).fires.reduce((n, f) => n + f.length, 0), 0);
console.log(`${lines.length} lines, ${moments} moments`);
