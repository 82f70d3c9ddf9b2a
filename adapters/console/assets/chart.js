// A bar chart as SVG, with the same figures as a table for who can't see it.

import { el, svg } from './dom.js';
import { number } from './format.js';
import { details, table } from './ui.js';

const height = 190;
const left = 44;
const right = 14;
const bottom = 26;
const top = 12;
const labelWidth = 52;

/** bars draws a bar for each {label, value}; labels are days, as 2026-01-31. */
export function bars(title, points) {
  const name = `${title}. ${summary(points)}`;
  const place = el('div', null, picture(name, points, 720));
  let drawn = 720;
  new ResizeObserver(([{ contentRect }]) => {
    const width = Math.max(Math.round(contentRect.width), 240);
    if (contentRect.width === 0 || width === drawn) return;
    drawn = width;
    place.replaceChildren(picture(name, points, width));
  }).observe(place);
  return el('figure', null, place, details('The same as a table', table(title, ['Day', 'Interactions'], points.map((p) => [p.label, number(p.value)]))));
}

/** picture is drawn for a width in pixels, so that its text stays as large as the page's. */
function picture(name, points, width) {
  const greatest = ceiling(Math.max(...points.map((p) => p.value), 0));
  const y = (value) => height - bottom - (value / greatest) * (height - bottom - top);
  const step = (width - left - right) / points.length;
  const every = Math.ceil(labelWidth / step);
  return svg('svg', { viewBox: `0 0 ${width} ${height}`, class: 'chart', role: 'img', 'aria-label': name },
    [0, greatest / 2, greatest].map((value) => grid(value, y(value), width)),
    points.map((p, i) => bar(p, left + i * step, step, y, (points.length - 1 - i) % every === 0)));
}

function grid(value, at, width) {
  return svg('g', null,
    svg('line', { x1: left, x2: width, y1: at, y2: at, class: 'grid' }),
    svg('text', { x: left - 8, y: at + 4, class: 'axis end' }, number(value)));
}

const dayName = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

function bar(point, x, step, y, labelled) {
  const from = y(point.value);
  const tall = y(0) - from;
  return svg('g', null, svg('title', null, `${point.label}: ${number(point.value)}`),
    svg('rect', { x: x + step * 0.18, y: from, width: step * 0.64, height: Math.max(tall, point.value > 0 ? 2 : 0), rx: Math.min(3, tall / 2), class: 'bar' }),
    svg('rect', { x, y: top, width: step, height: y(0) - top, class: 'hover' }),
    labelled && svg('text', { x: x + step / 2, y: height - 7, class: 'axis middle' }, dayName.format(new Date(point.label))));
}

/** ceiling is a round number that no value is above, and that halves to a whole one. */
function ceiling(greatest) {
  const size = 10 ** Math.floor(Math.log10(Math.max(greatest, 2)));
  return [1, 2, 4, 6, 8, 10, 20].map((n) => n * size).find((n) => n >= greatest && n % 2 === 0);
}

function summary(points) {
  const best = points.reduce((a, b) => (b.value > a.value ? b : a), { value: -1 });
  const total = points.reduce((sum, p) => sum + p.value, 0);
  return total === 0 ? 'None in this time.' : `${number(total)} in ${points.length} days; most on ${best.label}, ${number(best.value)}.`;
}
