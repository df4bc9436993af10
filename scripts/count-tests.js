/**
 * Prints Jest's result as one plain line, `Tests: N passed, N failed`, and fails unless every test
 * ran and passed: a skipped test proves nothing.
 */
import { readFileSync } from 'node:fs';

const [, , file] = process.argv;
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites } =
  JSON.parse(readFileSync(file, 'utf8'));
const failed = numFailedTests + numRuntimeErrorTestSuites;
const skipped = numPendingTests + numTodoTests;
console.log(
  `Tests: ${numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
);
process.exit(failed > 0 || skipped > 0 || numPassedTests === 0 ? 1 : 0);
