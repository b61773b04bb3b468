'use strict';

// ---- language ----------------------------------------------------------------------------------------------------------

const kept = {
  get(name) { try { return localStorage.getItem('liveclip.' + name); } catch { return null; } },
  set(name, value) { try { value === null ? localStorage.removeItem('liveclip.' + name) : localStorage.setItem('liveclip.' + name, value); } catch { /* private mode */ } },
};

let language = kept.get('language') || (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');
let theme = kept.get('theme') || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

function t(key, ...values) {
  const text = words[language][key] ?? words.en[key] ?? key.slice(key.indexOf('.') + 1);
  return text.replace(/\{(\d)\}/g, (_, i) => values[i]);
}

// said picks what the server says in both languages; what has no Chinese is said in English.
function said(english, chinese) { return (language === 'zh' && chinese) || english || ''; }

// told is such a text as an element. The system's own words in it, which the server puts in brackets, are unfolded on demand.
function told(english, chinese, style, head) {
  const original = / \[.+\]/s;
  const text = (head || '') + said(english, chinese).replace(original, '');
  if (!original.test(english)) return h('p', { class: style }, text);
  return h('details', { class: style + ' origin' }, h('summary', {}, text), h('code', {}, english));
}

// ---- small helpers -----------------------------------------------------------------------------------------------------

const $ = (id) => document.getElementById(id);

// h makes an element. Text only ever enters as text.
function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class') element.className = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name.includes('-')) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== false && c !== ''));
  return element;
}

// safe lets only web addresses into links and media.
function safe(address) {
  try {
    const url = new URL(address, location.href);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : '';
  } catch { return ''; }
}

function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  return (whole >= 3600 ? Math.floor(whole / 3600) + ':' + two(Math.floor(whole / 60) % 60) : Math.floor(whole / 60)) + ':' + two(whole % 60);
}

function brief(seconds) { return Math.abs(seconds) < 10 ? seconds.toFixed(1) : String(Math.round(seconds)); }

function toast(text, bad) {
  const note = h('div', { class: 'toast' + (bad ? ' bad' : '') }, text);
  $('toasts').append(note);
  note.addEventListener('click', () => note.remove());
  setTimeout(() => note.remove(), bad ? 12000 : 4000);
}

// ---- the API -----------------------------------------------------------------------------------------------------------

let token = '';

async function call(method, path, body) {
  const headers = { Authorization: 'Bearer ' + token };
  if (method === 'POST') headers['Idempotency-Key'] = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }).catch(() => { throw new Error(t('unreached')); });
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(said(told.detail, told.chinese) || answer.statusText), { status: answer.status });
  return told;
}

// attempt does something a person asked for, and tells them when it fails.
async function attempt(button, act) {
  if (button) button.disabled = true;
  try { await act(); } catch (fault) {
    if (fault.status === 401) leave(fault.message);
    else toast(fault.message, true);
  } finally { if (button) button.disabled = false; }
}

// ---- what is known -----------------------------------------------------------------------------------------------------

const rooms = new Map();   // stream_id → Stream, and when it was told
const clips = new Map();   // clip_id → Clip
const lines = new Map();   // line_id → element
let chosen = '';           // stream_id; empty: all
let filter = 'all';
let byHand = [];           // destinations that clips go to only by hand
let nextPage = '';
let feed = null;

const inFilter = {
  all: () => true,
  needs_person: (c) => c.state === 'needs_person',
  published: (c) => c.state === 'published',
  other: (c) => !['published', 'needs_person', 'rejected', 'failed', 'taken_down'].includes(c.state),
};

const opened = new Set();  // idle rooms that show all of themselves

// idle rooms come after those on air, and show less of themselves.
const idle = (room) => room.state !== 'live' && room.state !== 'stalled';

// ---- lines and moments -------------------------------------------------------------------------------------------------

const most = 150;

function drawLine(line) {
  if (chosen && line.stream_id !== chosen) return;
  let element = lines.get(line.line_id);
  if (!element) {
    element = h('div', { class: 'line' }, h('time'), h('p'));
    lines.set(line.line_id, element);
    prepend(element);
    element.line = line.line_id;
  }
  element.classList.toggle('partial', !line.final);
  element.firstChild.textContent = clock(line.start_s);
  element.lastChild.replaceChildren(...[!chosen && rooms.size > 1 && h('span', { class: 'who' }, line.stream_id), line.text].filter(Boolean));
}

function drawMoment(m) {
  if ((chosen && m.stream_id !== chosen) || lines.has(m.highlight_id)) return;
  const element = h('div', { class: 'moment' },
    h('div', { class: 'name' }, t('kind.' + m.kind), h('span', { class: 'score' }, m.score.toFixed(2))),
    h('div', { class: 'where' }, `${m.stream_id} · ${clock(m.start_s)}–${clock(m.end_s)}`), reasons(m.reasons));
  lines.set(m.highlight_id, element);
  element.line = m.highlight_id;
  prepend(element);
}

function prepend(element) {
  $('no-lines').hidden = true;
  const box = $('lines');
  box.prepend(element);
  while (box.children.length > most) {
    lines.delete(box.lastChild.line);
    box.lastChild.remove();
  }
}

// ---- the live feed -----------------------------------------------------------------------------------------------------

function listen() {
  feed?.close();
  feed = new EventSource('/v1/events?recent=100&access_token=' + encodeURIComponent(token));
  const on = (name, act) => feed.addEventListener(name, (e) => act(JSON.parse(e.data)));
  on('stream', hear);
  on('line', drawLine);
  on('highlight', (m) => { drawMoment(m); if (!clips.has(m.clip_id)) refresh(m.clip_id); });
  on('clip', (step) => refresh(step.clip_id));
  on('publication', (p) => refresh(p.clip_id));
  on('reset', load);
  feed.onopen = () => link(true);
  feed.onerror = () => {
    link(false);
    if (feed.readyState === EventSource.CLOSED) setTimeout(() => token && load().then(listen, () => link(false)), 3000);
  };
}

function link(on) {
  $('link').className = 'link ' + (on ? 'on' : 'off');
  $('link').textContent = t(on ? 'online' : 'offline');
  $('link').dataset.on = on ? '1' : '';
}

function tally() {
  const count = (values, is) => [...values].filter(is).length;
  const item = (n, key) => h('span', {}, h('b', {}, String(n)), ' ' + t(key));
  const badge = (n, style) => n > 0 && h('b', { class: style }, String(n));
  const live = count(rooms.values(), (r) => r.state === 'live'), needs = count(clips.values(), inFilter.needs_person);
  const counts = { rooms: badge(live), clips: badge(needs, 'warn'), now: null };
  for (const button of $('views').children) button.replaceChildren(...[t(button.dataset.view), counts[button.dataset.view]].filter(Boolean));
  for (const button of $('filters').children) button.textContent = t('filter.' + button.dataset.filter) + (button.dataset.filter === 'needs_person' && needs > 0 ? ` ${needs}` : '');
  $('tally').replaceChildren(item(count(rooms.values(), (r) => r.state === 'live'), 'tally.live'),
    item(count(clips.values(), inFilter.published), 'tally.published'), item(count(clips.values(), inFilter.needs_person), 'tally.needs'));
}

// ---- coming and going --------------------------------------------------------------------------------------------------

async function load() {
  const answer = await call('GET', '/v1/streams');
  rooms.clear();
  for (const room of answer.streams) rooms.set(room.stream_id, { ...room, at: Date.now() });
  if (chosen && !rooms.has(chosen)) chosen = '';
  drawRooms();
  nextPage = '';
  byHand = (await call('GET', '/v1/destinations')).manual;
  await Promise.all([loadEngines(), loadBatches(), loadClips()]);
}

async function enter(given) {
  token = given.trim();
  try { await load(); } catch (fault) {
    leave(fault.message);
    return;
  }
  kept.set('token', token);
  $('gate').hidden = true;
  $('desk').hidden = $('views').hidden = $('leave').hidden = false;
  listen();
}

function leave(why) {
  feed?.close();
  token = '';
  kept.set('token', null);
  rooms.clear();
  clips.clear();
  batches.clear();
  $('lines').replaceChildren();
  $('tally').replaceChildren();
  $('link').textContent = '';
  $('desk').hidden = $('views').hidden = $('leave').hidden = true;
  $('gate').hidden = false;
  $('gate-fault').textContent = why || '';
  $('token').focus();
}

function dress() {
  document.documentElement.lang = language;
  document.documentElement.dataset.theme = theme;
  for (const element of document.querySelectorAll('[data-t]')) element.textContent = t(element.dataset.t);
  if ($('attach-language').options.length === 0) $('attach-language').append(...languages.map((name) => h('option', { value: name })));
  for (const option of $('attach-language').options) option.textContent = t('language.' + option.value);
  $('language').textContent = t('language');
  $('theme').textContent = t(theme === 'dark' ? 'theme.light' : 'theme.dark');
  $('leave').textContent = t('leave');
  $('filters').replaceChildren(...Object.keys(inFilter).map((name) => h('button', {
    type: 'button', 'data-filter': name, 'aria-pressed': String(name === filter), onclick: () => { filter = name; dress(); $('filters').querySelector('[aria-pressed="true"]').focus(); },
  }, t('filter.' + name))));
  look(kept.get('view') || 'rooms');
  if ($('link').textContent) link(Boolean($('link').dataset.on));
  if (token) { drawRooms(); drawBatches(); drawEngines(); drawClips(); }
}

// look is which of the three a phone shows.
function look(view) {
  $('desk').dataset.view = view;
  for (const button of $('views').children) button.setAttribute('aria-pressed', String(button.dataset.view === view));
}

for (const view of ['rooms', 'clips', 'now']) $('views').append(h('button', { type: 'button', 'data-view': view, onclick: () => { kept.set('view', view); look(view); scrollTo(0, 0); } }));
$('only').addEventListener('click', () => choose(''));
$('gate').addEventListener('submit', (e) => { e.preventDefault(); enter($('token').value); });
$('leave').addEventListener('click', () => leave());
$('language').addEventListener('click', () => { language = language === 'zh' ? 'en' : 'zh'; kept.set('language', language); dress(); if (token) hearAgain(); });
$('theme').addEventListener('click', () => { theme = theme === 'dark' ? 'light' : 'dark'; kept.set('theme', theme); dress(); });
$('all-rooms').addEventListener('click', () => choose(''));
$('batch').addEventListener('submit', startBatch);
$('more').addEventListener('click', loadClips);
$('attach').addEventListener('submit', (e) => {
  e.preventDefault();
  const id = $('attach-id').value;
  attempt(e.submitter, async () => {
    const context = { language: $('attach-language').value, host: $('attach-host').value, engine: $('attach-engine').value };
    const product = { name: $('attach-product').value, price: $('attach-price').value };
    const body = { source: $('attach-source').value, context: { ...filled(context), ...(product.name && { products: [filled(product)] }) } };
    const room = await call('PUT', '/v1/streams/' + encodeURIComponent(id), body);
    opened.add(id); // its push address is what one wants next
    hear(room);
    toast(t('attached', id));
    e.target.reset();
  });
});
setInterval(() => { if (token) drawRooms(); }, 1000);
setInterval(async () => {
  if (!token) return;
  try {
    for (const room of (await call('GET', '/v1/streams')).streams) hear(room);
    await Promise.all([loadEngines(), loadBatches()]);
  } catch (fault) {
    if (fault.status === 401) leave(fault.message);
    else link(false); // said once, where it stays
  }
}, 10000);

dress();
const inAddress = new URLSearchParams(location.hash.slice(1)).get('token');
if (inAddress) history.replaceState(null, '', location.pathname);
if (inAddress || kept.get('token')) enter(inAddress || kept.get('token'));
else leave();
