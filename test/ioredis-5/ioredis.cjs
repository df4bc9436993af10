const ioredis = require('./node_modules/ioredis/built/index.js');
const { version } = require('./node_modules/ioredis/package.json');

if (!version.startsWith('5.')) throw new Error(`expected ioredis 5, got ${version}`);

module.exports = ioredis;
