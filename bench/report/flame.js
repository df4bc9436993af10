/** Flame graphs as SVG: what a processor profile says, widest first, callers below. */
const WIDTH = 1_200;
const ROW = 16;
/** Share of the whole below which a frame is not drawn. */
const SMALLEST = 0.004;
const OWN = '#e0234e';
const NEST = '#f0a35e';
const WS = '#7aa6c2';
const NODE = '#b8bec8';

/** Builds a tree of names and times out of a `.cpuprofile`, idle time left out. */
export function flameTree(profile) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, { ...node, time: 0 }]));
  for (const [index, id] of profile.samples.entries()) {
    nodes.get(id).time += profile.timeDeltas[index];
  }
  const build = (node) => {
    const children = mergeSame((node.children ?? []).map((id) => build(nodes.get(id))));
    const isIdle = node.callFrame.functionName === '(idle)';
    const own = isIdle ? 0 : node.time;
    const total = children.reduce((sum, child) => sum + child.total, own);
    return { name: nameOf(node.callFrame), url: node.callFrame.url, own, total, children };
  };
  return build(profile.nodes[0] && nodes.get(profile.nodes[0].id));
}

/** The graph of a tree. */
export function flameGraph(title, root) {
  const rows = [];
  const place = (node, x, depth) => {
    const width = (node.total / root.total) * WIDTH;
    if (node.total / root.total < SMALLEST) return;
    rows.push({ node, x, depth, width });
    let at = x;
    for (const child of node.children.toSorted((a, b) => b.total - a.total)) {
      place(child, at, depth + 1);
      at += (child.total / root.total) * WIDTH;
    }
  };
  place(root, 0, 0);
  const height = (Math.max(...rows.map(({ depth }) => depth)) + 1) * ROW;
  const boxes = rows.map((row) => box(row, height, root.total));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height + 24}" font-family="sans-serif" font-size="10">`,
    `<title>${escape(title)}</title>`,
    `<text x="0" y="14" font-size="13">${escape(title)}</text>`,
    ...boxes,
    '</svg>',
    '',
  ].join('\n');
}

/** Share of each part of the whole, by where the code stands. */
export function shares(root) {
  const sums = new Map();
  const add = (node) => {
    const part = partOf(node);
    sums.set(part, (sums.get(part) ?? 0) + node.own);
    for (const child of node.children) add(child);
  };
  add(root);
  return [...sums]
    .map(([part, time]) => ({ part, share: time / root.total }))
    .toSorted((a, b) => b.share - a.share);
}

function box({ node, x, depth, width }, height, whole) {
  const y = height + 24 - (depth + 1) * ROW;
  const share = ((node.total / whole) * 100).toFixed(1);
  const label = node.name.slice(0, Math.floor(width / 6));
  return (
    `<g><title>${escape(node.name)} ${share} %</title>` +
    `<rect x="${x.toFixed(1)}" y="${y}" width="${Math.max(0.5, width - 0.5).toFixed(1)}" height="${ROW - 1}" fill="${colour(node)}"/>` +
    (label.length > 2
      ? `<text x="${(x + 2).toFixed(1)}" y="${y + 11}">${escape(label)}</text>`
      : '') +
    '</g>'
  );
}

function mergeSame(children) {
  const merged = new Map();
  for (const child of children) {
    const key = `${child.name} ${child.url}`;
    const known = merged.get(key);
    if (known === undefined) merged.set(key, { ...child });
    else {
      known.own += child.own;
      known.total += child.total;
      known.children = mergeSame([...known.children, ...child.children]);
    }
  }
  return [...merged.values()];
}

function nameOf({ functionName, url }) {
  const file = url.split('/').at(-1) ?? '';
  return `${functionName === '' ? '(anonymous)' : functionName}${file === '' ? '' : ` ${file}`}`;
}

function partOf({ name, url }) {
  if (name.startsWith('(garbage')) return 'garbage collection';
  if (url.includes('/node_modules/@nestjs/') || url.includes('/node_modules/rxjs/')) return 'Nest';
  if (url.includes('/node_modules/ws/')) return '`ws`';
  if (url.includes('/dist/')) return 'nestjs-realtime';
  if (url.startsWith('node:') || url === '') return 'Node and the system';
  return 'the application and others';
}

function colour(node) {
  const part = partOf(node);
  if (part === 'nestjs-realtime') return OWN;
  if (part === 'Nest') return NEST;
  return part === '`ws`' ? WS : NODE;
}

function escape(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
