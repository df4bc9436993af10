import fc from 'fast-check';

/** Where properties begin that are not told where: the same cases for everyone, so that only a change turns them red. */
const SEED = 20_260_701;

/** `PROPERTY_SEED`: a number, or `random`. What a property began with is printed when it fails. */
const { PROPERTY_SEED: seed = SEED } = process.env;

if (seed !== 'random') fc.configureGlobal({ seed: Number(seed) });
