import { cores } from './cores.js';
import { fanout } from './fanout.js';
import { handlers } from './handlers.js';
import { idle } from './idle.js';
import { requests } from './requests.js';
import { storm } from './storm.js';

/** Every benchmark by name, in the order in which all of them run. */
export const CASES = new Map(Object.entries({ fanout, requests, idle, storm, handlers, cores }));
