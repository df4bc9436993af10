const react = require('./node_modules/react/index.js');

if (!react.version.startsWith('18.')) throw new Error(`expected React 18, got ${react.version}`);

/** What comes closest to React 19's: what is hidden is not there. */
function Activity({ mode, children }) {
  return mode === 'hidden' ? null : children;
}

module.exports = { ...react, Activity };
