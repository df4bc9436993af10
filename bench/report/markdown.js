import { byCase, METRICS, NAMES, shown } from './metrics.js';

/** Metrics whose ratio stands in the table; of the others only the JSON lines tell it. */
const WITH_RATIO = new Set(['cpu', 'bytes', 'handshakeCpu', 'seconds', 'redisCpu']);

/** A Markdown table of a benchmark: a line for each case and server, a column for each metric. */
export function benchTable(figures) {
  const measured = byCase(figures.filter(isMeasured));
  const used = [...METRICS.keys()].filter((name) => measured.some(({ metric }) => metric === name));
  const columns = used.flatMap((metric) => columnsOf(metric, figures));
  const head = ['case', 'server', ...columns.map(({ title }) => title)];
  const rows = new Map(measured.map((figure) => [`${figure.case} ${figure.server}`, figure]));
  const lines = [...rows.values()].map(({ case: name, server }) => [
    name.replaceAll('-', ' '),
    NAMES.get(server),
    ...columns.map(({ cell }) => cell(name, server)),
  ]);
  return table(head, lines);
}

/** A Markdown table. */
export function table(head, lines) {
  const rule = head.map(() => '---');
  return [head, rule, ...lines].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function isMeasured({ ratio_to: peer, ratio_to_case: other }) {
  return peer === undefined && other === undefined;
}

function columnsOf(metric, figures) {
  const ofMetric = figures.filter((figure) => figure.metric === metric);
  const value = {
    title: METRICS.get(metric).title,
    cell: (name, server) => {
      const is = (figure) => figure.case === name && figure.server === server && isMeasured(figure);
      const found = ofMetric.find(is);
      return found === undefined ? '–' : shown(found);
    },
  };
  const hasRatio = ofMetric.some(({ ratio_to: peer }) => peer !== undefined);
  if (!WITH_RATIO.has(metric) || !hasRatio) return [value];
  const ratio = {
    title: 'ours is',
    cell: (name, server) => {
      const found = ofMetric.find((figure) => figure.case === name && figure.ratio_to === server);
      return found === undefined ? '' : `${shown(found)} x`;
    },
  };
  return [value, ratio];
}
