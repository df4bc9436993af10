import { cluster } from './cluster.js';
import { cores } from './cores.js';
import { fanout } from './fanout.js';
import { handlers } from './handlers.js';
import { heavy } from './heavy.js';
import { idle } from './idle.js';
import { outage } from './outage.js';
import { requests } from './requests.js';
import { slow } from './slow.js';
import { storm } from './storm.js';

/** Every benchmark by name, in the order in which they run. Those apart run only when they are named. */
export const CASES = new Map(
  Object.entries({ fanout, requests, idle, storm, handlers, cores, cluster, outage, slow, heavy }),
);
