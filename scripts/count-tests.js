/**
 * Prints Jest's result as one plain line, `Tests: N passed, N failed`, and fails unless every test
 * ran and passed: a skipped test proves nothing. A missing result means that no test ran.
 */
import { existsSync, readFileSync } from 'node:fs';

const [, , file] = process.argv;
const result = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const passed = result.numPassedTests ?? 0;
// A suite that could not be loaded has no failed test, but is one.
const failed = (result.numFailedTests ?? 0) + (result.numRuntimeErrorTestSuites ?? 0);
const skipped = (result.numPendingTests ?? 0) + (result.numTodoTests ?? 0);
console.log(
  `Tests: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
);
process.exitCode = failed > 0 || skipped > 0 || passed === 0 ? 1 : 0;
