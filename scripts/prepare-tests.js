/**
 * Sets up what the tests need on a machine with only Node and npm: the built package, the built
 * samples, a Chromium, Redis with its sentinel, and haproxy. Run by `npm test` before Jest.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const BROWSERS = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];

const NO_BROWSER =
  'no Chromium found: install one (Debian: apt-get install chromium) or set CHROMIUM_PATH';

const NO_REDIS =
  'no redis-server found: install it with redis-sentinel and redis-cli (Debian: apt-get install redis-server redis-sentinel)';

const NO_PROXY = 'no haproxy found: install it (Debian: apt-get install haproxy) or set HAPROXY';

/** Where it may be: Debian has it where `PATH` does not lead everybody. */
const PROXIES = [process.env.HAPROXY ?? 'haproxy', '/usr/sbin/haproxy'];

function step(title, run) {
  const start = Date.now();
  console.log(`prepare: ${title} …`);
  run();
  console.log(`prepare: ${title}, done in ${((Date.now() - start) / 1000).toFixed(1)} s`);
}

function npx(...args) {
  const { status } = spawnSync('npx', ['--no-install', ...args], { cwd: root, stdio: 'inherit' });
  if (status !== 0) fail(`${args.join(' ')} failed, see above`);
}

function fail(message) {
  console.error(`prepare: ${message}`);
  process.exit(1);
}

function findBrowser() {
  return BROWSERS.find((path) => path !== undefined && existsSync(path));
}

/** The words that make a command run as root, or undefined where that is not to be had. */
function asRoot() {
  if (process.getuid?.() === 0) return [];
  return spawnSync('sudo', ['-n', 'true']).status === 0 ? ['sudo', '-n'] : undefined;
}

function findRedis() {
  const commands = ['redis-server', 'redis-sentinel', 'redis-cli'];
  return commands.every((name) => spawnSync(name, ['--version']).status === 0);
}

function findProxy() {
  return PROXIES.find((path) => spawnSync(path, ['-v']).status === 0);
}

function install(packages, otherwise) {
  const prefix = asRoot();
  if (prefix === undefined || !existsSync('/usr/bin/apt-get')) fail(otherwise);
  step(`installing Debian's ${packages.join(' and ')}, a minute or two`, () => {
    for (const args of [['update'], ['install', '-y', '--no-install-recommends', ...packages]]) {
      const [command, ...rest] = [...prefix, 'apt-get', '-qq', ...args];
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      const { status } = spawnSync(command, rest, { stdio: ['ignore', 'ignore', 'inherit'], env });
      if (status !== 0) fail(`apt-get ${args[0]} failed; ${otherwise}`);
    }
  });
}

step('building the package', () => {
  npx('nest', 'build');
  npx('node', 'scripts/bundle-client.js');
});
for (const sample of ['01-chat', '02-cluster', '03-cores']) {
  step(`building the sample ${sample}`, () => npx('tsc', '-p', `sample/${sample}`));
}
if (findBrowser() === undefined) install(['chromium'], NO_BROWSER);
console.log(`prepare: browser ${findBrowser() ?? fail(NO_BROWSER)}`);
if (!findRedis()) install(['redis-server', 'redis-sentinel'], NO_REDIS);
if (!findRedis()) fail(NO_REDIS);
if (findProxy() === undefined) install(['haproxy'], NO_PROXY);
if (findProxy() === undefined) fail(NO_PROXY);
