// Numbers, sizes and durations in words.

const plain = new Intl.NumberFormat('en-GB');

export const number = (n) => plain.format(n);

/** plural writes a count with its noun. */
export const plural = (n, noun, many = `${noun}s`) => `${number(n)} ${n === 1 ? noun : many}`;

export function bytes(n) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit++;
  }
  return unit === 0 ? plural(n, 'byte') : `${n < 10 ? n.toFixed(1) : number(Math.round(n))} ${units[unit]}`;
}

/** seconds writes a whole number of them as people say it. */
export function seconds(n) {
  for (const [size, noun] of [[86400, 'day'], [3600, 'hour'], [60, 'minute']]) {
    if (n >= size) return plural(Math.round(n / size), noun);
  }
  return plural(n, 'second');
}

/** ago says how long before now an instant was. */
export function ago(instant) {
  const past = Math.round((Date.now() - new Date(instant)) / 1000);
  return past < 5 ? 'just now' : `${seconds(past)} ago`;
}

/** instant makes an API time of what a datetime-local field holds; null for none. */
export const instant = (local) => (local ? new Date(local).toISOString() : null);

/** day is the UTC day of an instant, as 2026-01-31. */
export const day = (time) => new Date(time).toISOString().slice(0, 10);
