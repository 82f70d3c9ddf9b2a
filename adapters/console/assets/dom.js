// Making elements. Text always goes in as text; nothing here parses markup.

const svgNamespace = 'http://www.w3.org/2000/svg';

/** el makes an element. Properties that are null or false are left out. */
export function el(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** svg makes an SVG element. */
export function svg(tag, props, ...children) {
  return fill(document.createElementNS(svgNamespace, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'width%') node.style.setProperty('inline-size', `${value}%`);
    else if (name === 'value') node.value = value;
    else if (name === 'checked') node.checked = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

// Characters that change how the text around them reads, or that nobody sees:
// controls, and the embeddings, overrides and isolates of bidirectional text.
const tricky = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;
const trickyRuns = new RegExp(`(${tricky.source})`, 'u');

/** untrusted shows text that somebody else wrote: on its own, in its own direction, with what would hide in it made visible. */
export function untrusted(text, tag = 'bdi', className = null) {
  const parts = String(text).split(trickyRuns).filter((part) => part !== '');
  return el(tag, { class: className, dir: 'auto' }, parts.map((part) => (tricky.test(part) ? mark(part) : part)));
}

function mark(character) {
  const code = `U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
  return el('span', { class: 'mark', title: `The invisible character ${code} stands here` }, code);
}

/** code shows an id or another word of the API's. */
export function code(text) {
  return el('code', null, text);
}

/** time shows when something was: in the reader's zone, and in UTC on hovering. */
export function time(instant, style = { dateStyle: 'medium', timeStyle: 'short' }) {
  if (!instant) return '–';
  const text = new Intl.DateTimeFormat('en-GB', style).format(new Date(instant));
  return el('time', { datetime: instant, title: instant.replace('T', ' ').replace('Z', ' UTC') }, text);
}

const icons = {
  overview: 'M3 12.5h4l2.5-7 3.5 11 2-4h4',
  users: 'M8 10a3 3 0 1 0 0-6 3 3 0 0 0 0 6zm-5.5 7c.3-3 2.5-4.5 5.5-4.5s5.2 1.5 5.5 4.5M13.5 4.3a3 3 0 0 1 0 5.4M15 12.8c1.6.6 2.5 2 2.6 4.2',
  key: 'M7 13.5a4 4 0 1 1 3.7-5.5H18v3h-2v2.5h-3V11h-2.3A4 4 0 0 1 7 13.5zM6.5 9.5h.01',
  audit: 'M5 2.5h7l3.5 3.5v11.5h-10.5zM12 2.5V6h3.5M7.5 12l1.8 1.8 3.2-3.6',
  settings: 'M3 5.5h7M14 5.5h3M3 14.5h3M10 14.5h7M12 3.5v4M8 12.5v4M3 10h11M16.5 10h.5',
  encryption: 'M4.5 9h11v8h-11zM7 9V6a3 3 0 0 1 6 0v3M10 12v2',
  webhook: 'M10 3v7l-4 6M4 13.5a2.5 2.5 0 1 0 2 2.5h8a2.5 2.5 0 1 0 2-2.5l-4.5-6',
  danger: 'M4 5.5h12M8 5.5V3.5h4v2M5.5 5.5l.8 12h7.4l.8-12M8.5 9v5M11.5 9v5',
  lock: 'M5.5 9h9v8h-9zM7.5 9V6.5a2.5 2.5 0 0 1 5 0V9',
  clock: 'M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM10 6.5V10l2.5 1.5',
  menu: 'M3 5.5h14M3 10h14M3 14.5h14',
  copy: 'M7 7h9.5v9.5H7zM13 7V3.5H3.5V13H7',
  check: 'M4 10.5l4 4 8-9',
  back: 'M12 4.5L6.5 10l5.5 5.5',
};

/** icon is decoration: a text or a label always stands beside it. */
export function icon(name) {
  return svg('svg', { class: 'icon', viewBox: '0 0 20 20', 'aria-hidden': 'true', focusable: 'false' },
    svg('path', { d: icons[name] }));
}
