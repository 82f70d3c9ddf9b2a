// The parts that pages are made of.

import { el, icon, code, untrusted } from './dom.js';
import { Problem } from './problem.js';
import { may } from './session.js';

/** say tells a short outcome to everybody, screen readers too. */
export function say(text) {
  const region = document.getElementById('status');
  const line = el('p', null, text);
  region.replaceChildren(line);
  setTimeout(() => line.remove(), 6000);
}

/** heading begins a page. */
export function heading(title, lead, ...actions) {
  return el('header', { class: 'page-head' },
    el('div', null, el('h1', { tabindex: '-1' }, title), lead && el('p', { class: 'lead' }, lead)),
    actions.some(Boolean) && el('div', { class: 'actions' }, actions));
}

let headings = 0;

/** section is a titled part of a page. */
export function section(title, { lead, actions, className = '' } = {}, ...content) {
  const id = `section-${++headings}`;
  return el('section', { class: `card ${className}`, 'aria-labelledby': id },
    el('div', { class: 'card-head' },
      el('div', null, el('h2', { id }, title), lead && el('p', { class: 'note' }, lead)),
      actions && el('div', { class: 'actions' }, actions)),
    content);
}

/** button does something; while that runs it can't be pressed again. A failure is shown. */
export function button(label, action, { kind = '', name, describedBy, iconName } = {}) {
  return el('button', {
    type: 'button', class: kind, 'aria-label': name, 'aria-describedby': describedBy,
    onclick: (event) => busy(event.currentTarget, action),
  }, iconName && icon(iconName), el('span', null, label));
}

/** busy runs an action of a control and shows what goes wrong. */
export async function busy(control, action) {
  if (control.getAttribute('aria-disabled') === 'true') return;
  control.setAttribute('aria-disabled', 'true');
  try {
    await action();
  } catch (failure) {
    await explain(failure);
  } finally {
    control.removeAttribute('aria-disabled');
  }
}

/** problemCard shows a failure in place of what failed; retry and reload are offered where they help. */
export function problemCard(failure, retry, reload) {
  const problem = failure instanceof Problem ? failure : new Problem(500, {});
  return el('div', { class: 'problem', role: 'alert' },
    el('strong', null, problem.title), el('p', null, untrusted(problem.advice)), fieldErrors(problem),
    problem.requestId && el('p', { class: 'note' }, 'Request ', code(problem.requestId)),
    retry && problem.canRetry && button('Try again', retry),
    reload && problem.isStale && button('Reload', reload));
}

function fieldErrors(problem) {
  const errors = problem.body.errors ?? [];
  return errors.length > 1 && el('ul', null, errors.map((e) => el('li', null, code(e.location), ' ', untrusted(e.message))));
}

/** explain shows a failure in a dialog. What was cut short by leaving the page is none. */
export function explain(failure) {
  if (failure?.name === 'AbortError') return Promise.resolve();
  if (!(failure instanceof Problem)) console.error(failure);
  return dialog('That did not work', (close) => [
    problemCard(failure), el('div', { class: 'actions end' }, button('Close', () => close(), { kind: 'primary' })),
  ]);
}

/**
 * dialog shows a modal dialog and resolves, when it is closed, with what close
 * was given; null after Escape. The focus goes back to where it was.
 */
export function dialog(title, content, { className = '' } = {}) {
  const id = `dialog-${++headings}`;
  const box = el('dialog', { class: className, 'aria-labelledby': id });
  let result = null;
  const close = (value = null) => { result = value; box.close(); };
  box.append(el('h2', { id }, title), ...[content(close)].flat(Infinity).filter(Boolean));
  document.body.append(box);
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener('close', () => { box.remove(); resolve(result); });
  });
}

/** closeDialogs closes what is open. */
export function closeDialogs() {
  for (const box of document.querySelectorAll('dialog')) box.close();
}

/** confirm asks before something that can't be undone, and does it. True when it was done. */
export async function confirm(title, text, label, action) {
  return await dialog(title, (close) => [
    el('p', null, text),
    el('div', { class: 'actions end' },
      button('Cancel', () => close(), { kind: '' }),
      button(label, async () => { await action(); close(true); }, { kind: 'danger' })),
  ]) === true;
}

/**
 * form is a form whose submit runs an action; what goes wrong is shown above its
 * buttons, with reload where what the form shows is no longer so.
 */
export function form({ className = 'form', label, submit, kind = 'primary', cancel, reload, action }, ...fields) {
  const trouble = el('div', { class: 'trouble' });
  const send = el('button', { class: kind }, submit);
  return el('form', {
    class: className, 'aria-label': label, novalidate: false, autocomplete: 'off',
    onsubmit: async (event) => {
      event.preventDefault();
      if (send.getAttribute('aria-disabled') === 'true') return;
      send.setAttribute('aria-disabled', 'true');
      trouble.replaceChildren();
      try {
        await action(event.target.elements);
      } catch (failure) {
        if (failure.name !== 'AbortError') trouble.append(problemCard(failure, null, reload));
      } finally {
        send.removeAttribute('aria-disabled');
      }
    },
  }, fields, trouble, el('div', { class: 'actions end' }, cancel && button('Cancel', cancel), send));
}

let fields = 0;

/** field is a labelled control with a hint below it, and maybe an action beside it. */
export function field(label, control, hint, action) {
  const id = control.id || `field-${++fields}`;
  control.id = id;
  if (hint) control.setAttribute('aria-describedby', `${id}-hint`);
  return el('div', { class: 'field' }, el('label', { for: id }, label), action ? el('div', { class: 'with-action' }, control, action) : control,
    hint && el('p', { class: 'note', id: `${id}-hint` }, hint));
}

/** choice is a select of [value, text] pairs. */
export function choice(name, options, value) {
  return el('select', { name, value: undefined },
    options.map(([v, text]) => el('option', { value: v, selected: v === value }, text)));
}

/** check is a labelled checkbox, or a radio button. */
export function check(label, props, hint) {
  const id = `field-${++fields}`;
  return el('div', { class: 'check' },
    el('input', { type: 'checkbox', id, 'aria-describedby': hint && `${id}-hint`, ...props }),
    el('label', { for: id }, label), hint && el('span', { class: 'note', id: `${id}-hint` }, hint));
}

/** chip is a word on the state of something. */
export const chip = (text, kind = '', iconName = null, title = null) =>
  el('span', { class: `chip ${kind}`, title }, iconName && icon(iconName), text);

/** meter shows how much of a limit is used. */
export function meter(label, used, limit, text) {
  const share = limit > 0 ? Math.min(100, (100 * used) / limit) : 100;
  return el('div', { class: 'meter-row' },
    el('div', { class: 'meter-label' }, el('span', null, label), el('span', { class: 'figure' }, text)),
    el('div', {
      class: `meter ${share >= 90 ? 'high' : ''}`, role: 'meter', 'aria-label': label,
      'aria-valuemin': '0', 'aria-valuemax': String(limit), 'aria-valuenow': String(Math.min(used, limit)), 'aria-valuetext': text,
    }, el('span', { 'width%': share })));
}

/** copyButton copies a text and says so. */
export function copyButton(text, label = 'Copy', done = () => {}) {
  return button(label, async () => {
    await copy(text);
    say('Copied.');
    done();
  }, { iconName: 'copy' });
}

async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text).catch(() => copyBySelection(text));
  } else {
    copyBySelection(text); // pages over plain HTTP have no clipboard
  }
}

function copyBySelection(text) {
  const area = el('textarea', { value: text, class: 'off', 'aria-hidden': 'true' });
  (document.querySelector('dialog') ?? document.body).append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** secretDialog shows a secret once. */
export function secretDialog(title, secret, text) {
  const box = el('input', { class: 'secret', readonly: true, value: secret, 'aria-label': title, onfocus: (e) => e.target.select() });
  return dialog(title, (close) => [
    el('p', null, text), box,
    el('div', { class: 'actions end' }, copyButton(secret, 'Copy'), button('I have stored it', () => close(true), { kind: 'primary' })),
  ]);
}

/** table is a table whose rows become cards where there is little room. */
export function table(caption, columns, rows, empty = 'There is nothing here yet.') {
  if (rows.length === 0) return el('p', { class: 'empty' }, empty);
  return el('table', null, el('caption', { class: 'off' }, caption),
    el('thead', null, el('tr', null, columns.map((c) => el('th', { scope: 'col' }, c || el('span', { class: 'off' }, 'Actions'))))),
    el('tbody', null, rows.map((cells) => el('tr', null, cells.map((cell, i) =>
      el(i === 0 ? 'th' : 'td', { scope: i === 0 ? 'row' : null, 'data-label': columns[i] || null }, cell))))));
}

/**
 * pager shows a list of the API's page by page. load(cursor) gives a page;
 * show(items) draws it.
 */
export async function pager(label, load, show) {
  const place = el('div', { class: 'pager' });
  const trail = [null]; // the cursors of the pages up to this one
  async function turn() {
    const page = await load(trail.at(-1));
    const move = (text, to) => button(text, async () => { const was = [...trail]; to(); try { await turn(); } catch (failure) { trail.splice(0, trail.length, ...was); throw failure; } place.querySelector('.pages button')?.focus(); });
    const back = trail.length > 1 && move('Previous', () => trail.pop());
    const next = page.next_cursor && move('Next', () => trail.push(page.next_cursor));
    place.replaceChildren(...[show(page.data)].flat(), (back || next) && el('nav', { class: 'pages', 'aria-label': label },
      back, el('span', { class: 'note' }, `Page ${trail.length}`), next) || '');
  }
  await turn();
  return place;
}

/** needs stands where something is left out because the key lacks a scope; null when it does not. */
export function needs(what, ...scopes) {
  const missing = scopes.filter((s) => !may(s));
  return missing.length > 0 && el('p', { class: 'note missing' }, `${what} needs `, missing.map((s, i) => [i > 0 && ' and ', code(s)]), ', which this key does not have.');
}

/** details hides something that few want to see. */
export const details = (summary, ...content) => el('details', null, el('summary', null, summary), content);
