/** Bar charts as SVG: a panel for each case, with a scale of its own, because cases differ by hundreds. */
import { METRICS, NAMES } from './metrics.js';

/** What the chart of a benchmark shows. */
const SHOWN = new Map([
  ['fanout', 'cpu'],
  ['requests', 'cpu'],
  ['idle', 'bytes'],
  ['storm', 'seconds'],
  ['handlers', 'cpu'],
  ['cores', 'rate'],
  ['cluster', 'cpu'],
  ['heavy', 'loopDelay'],
  ['slow', 'p99'],
]);
/** Benchmarks of one server: their cases stand beside each other in one panel. */
const IN_ONE_PANEL = new Set(['handlers', 'cores']);
const WIDTH = 720;
const LABEL_WIDTH = 220;
const BAR_HEIGHT = 18;
const GAP = 6;
const TITLE_HEIGHT = 30;
const VALUE_WIDTH = 90;
const OURS = '#e0234e';
const PEER = '#8a94a6';

/** The chart of a benchmark. */
export function chart(bench, title, figures) {
  const metric = SHOWN.get(bench);
  const bars = figures.filter(
    (figure) => figure.metric === metric && !('ratio_to' in figure) && !('ratio_to_case' in figure),
  );
  const panels = panelsOf(bench, bars);
  let y = 0;
  const parts = [];
  for (const [name, members] of panels) {
    const heading = `${name.replaceAll('-', ' ')}: ${METRICS.get(metric).title}`;
    parts.push(text(0, y + 20, heading, 'font-weight="600"'));
    y += TITLE_HEIGHT;
    const longest = Math.max(...members.map(({ median }) => median));
    for (const member of members) {
      parts.push(bar(member, longest, y, bench));
      y += BAR_HEIGHT + GAP;
    }
    y += GAP;
  }
  return svg(title, y, parts);
}

/** Bars by case, but for the benchmarks of one server. */
function panelsOf(bench, bars) {
  const panels = new Map();
  for (const figure of bars) {
    const name = IN_ONE_PANEL.has(bench) ? bench : figure.case;
    panels.set(name, [...(panels.get(name) ?? []), figure]);
  }
  return panels;
}

function bar({ case: name, server, metric, median }, longest, y, bench) {
  const label = IN_ONE_PANEL.has(bench)
    ? name.replaceAll('-', ' ')
    : NAMES.get(server).replaceAll(/[*`]/g, '');
  const width = Math.max(1, (median / longest) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH));
  const fill = server === 'ours' ? OURS : PEER;
  const middle = y + BAR_HEIGHT - 5;
  return [
    text(0, middle, label),
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${width.toFixed(1)}" height="${BAR_HEIGHT}" fill="${fill}"/>`,
    text(LABEL_WIDTH + width + 6, middle, METRICS.get(metric).show(median)),
  ].join('\n');
}

function text(x, y, content, attributes = '') {
  return `<text x="${Number(x.toFixed(1))}" y="${y}" ${attributes}>${escaped(content)}</text>`;
}

function svg(title, height, parts) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img"`,
    ` font-family="system-ui, sans-serif" font-size="13" fill="#24292f">`,
    `\n<title>${escaped(title)}</title>`,
    `\n<rect width="100%" height="100%" fill="#ffffff"/>\n`,
    parts.join('\n'),
    '\n</svg>\n',
  ].join('');
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
