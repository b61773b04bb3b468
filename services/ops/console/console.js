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
  setTimeout(() => note.remove(), bad ? 8000 : 4000);
}

// ---- the API -----------------------------------------------------------------------------------------------------------

let token = '';

async function call(method, path, body) {
  const headers = { Authorization: 'Bearer ' + token };
  if (method === 'POST') headers['Idempotency-Key'] = [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
  const answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
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

// idle rooms come after those on air, and show less of themselves.
const idle = (room) => room.state !== 'live' && room.state !== 'stalled';

// ---- rooms -------------------------------------------------------------------------------------------------------------

function drawRooms() {
  const box = $('rooms');
  const there = new Map([...box.children].map((e) => [e.dataset.id, e]));
  const shown = [...rooms.values()].filter((r) => r.state !== 'off').sort((a, b) => idle(a) - idle(b) || (a.stream_id < b.stream_id ? -1 : 1));
  const elements = shown.map((room) => {
    const card = there.get(room.stream_id) || newRoom(room.stream_id);
    card.update(room);
    return card;
  });
  if (elements.length === 0) elements.push(h('p', { class: 'empty' }, t('rooms.none')));
  if (elements.length !== box.children.length || elements.some((e, i) => box.children[i] !== e)) box.replaceChildren(...elements);
  $('all-rooms').hidden = !chosen;
  if (rooms.size === 0) $('attach-box').open = true;
  tally();
}

const openings = ['', 'none', 'countdown', 'price_drop', 'new_arrival', 'unboxing', 'last_chance', 'buy_one_get_one', 'encore', 'live_now', 'praise'];

function newRoom(id) {
  const before = h('input', { type: 'number', min: 0, max: 600, value: 30 });
  const after = h('input', { type: 'number', min: 0, max: 600, value: 0 });
  const button = h('button', { type: 'button', class: 'main', onclick: () => attempt(button, async () => {
    const answer = await call('POST', `/v1/streams/${id}/clips`, { before_s: Number(before.value), after_s: Number(after.value), title: title.value, ...(opening.value && { opening: opening.value }) });
    title.value = '';
    toast(t('snipped', clock(answer.start_s), clock(answer.end_s)) + (answer.note ? ' · ' + said(answer.note, answer.chinese) : ''));
    refresh(answer.clip_id);
  }) });
  const label = () => { button.textContent = t('snip', before.value || 0); };
  before.addEventListener('input', label);
  const labels = [h('span'), h('span'), h('span')];
  const opening = h('select', {}, openings.map((name) => h('option', { value: name })));
  const title = h('input', { class: 'title', maxLength: 80 });
  const snip = h('div', { class: 'snip' }, button, h('label', {}, labels[0], before), h('label', {}, labels[1], after), h('label', { class: 'opening' }, labels[2], opening), title);
  const top = h('div', { class: 'stack' });
  const detach = h('button', { type: 'button', class: 'quiet', onclick: () => {
    if (confirm(t('detach.sure', id))) attempt(detach, async () => { hear(await call('DELETE', '/v1/streams/' + id)); toast(t('detached', id)); });
  } });
  const time = h('span', { class: 'time' });
  const recap = h('button', { type: 'button', class: 'quiet', onclick: () => attempt(recap, async () => {
    const answer = await call('POST', `/v1/streams/${id}/recaps`, {});
    toast(t('recapped', answer.chapters.length, clock(answer.length_s)) + (answer.note ? ' · ' + said(answer.note, answer.chinese) : ''));
    refresh(answer.clip_id);
  }) });
  const context = contextForm(id);
  let topKey = '';
  const card = h('article', { class: 'room' }, top, snip, context, h('div', { class: 'foot' }, recap, detach));
  card.dataset.id = id;
  card.update = (room) => {
    card.classList.toggle('chosen', chosen === id);
    card.classList.toggle('idle', idle(room));
    snip.hidden = !room.broadcast_id;
    labels[0].textContent = t('before');
    labels[1].textContent = t('after');
    labels[2].textContent = t('opening');
    for (const option of opening.options) option.textContent = t('opening.' + option.value);
    title.placeholder = t('title.given');
    detach.textContent = t('detach');
    recap.textContent = t('recap');
    recap.hidden = !room.broadcast_id;
    context.update(room);
    label();
    const { told, recorded_to_s, heard_to_s, stored_to_s, progress_age_s, ...rest } = room;
    const next = JSON.stringify([rest.lag_s > 8 ? rest : { ...rest, lag_s: 0 }, language]);
    if (next !== topKey) top.replaceChildren(...roomTop(room, time));
    topKey = next;
    const ahead = room.state === 'live' ? (Date.now() - told) / 1000 : 0;
    time.textContent = room.state === 'live' || room.state === 'stalled' ? clock(recorded_to_s + ahead) : '';
  };
  return card;
}

function roomTop(room, time) {
  const signals = room.state === 'off' || room.state === 'waiting' ? [] : Object.entries(room.signals || {}).sort().map(([name, health]) =>
    h('span', { class: 'signal ' + health, title: t('health.' + health) }, t('signal.' + name) + (health === 'present' ? '' : ' · ' + t('health.' + health))));
  const product = room.context?.products?.[0];
  const about = [room.context?.host, product && [product.name, product.price].filter(Boolean).join(' '), room.source === 'push' ? '' : room.source, room.parameters && `${room.parameters.width}×${room.parameters.height}`,
    room.hearing && (room.hearing.engine === 'none' ? t('hearing.none') : t('hearing', room.hearing.engine))].filter(Boolean);
  return [
    h('div', { class: 'title' },
      h('button', { type: 'button', title: room.stream_id, onclick: () => choose(chosen === room.stream_id ? '' : room.stream_id) }, room.stream_id),
      h('span', { class: 'pill ' + room.state }, t(room.state === 'waiting' && room.source !== 'push' ? 'state.connecting' : 'state.' + room.state)), time),
    about.length > 0 && h('p', { class: 'about' }, about.join(' · ')),
    signals.length > 0 && h('div', { class: 'signals' }, signals, room.lag_s > 8 && h('span', { class: 'signal behind' }, t('lag', brief(room.lag_s)))),
    room.reason && h('p', { class: 'reason' }, said(room.reason, room.reason_chinese)),
    room.hearing?.note && h('p', { class: 'reason' }, said(room.hearing.note, room.hearing.chinese)),
    room.push && room.state === 'waiting' && h('button', { type: 'button', class: 'push', title: t('copy'), onclick: () => navigator.clipboard?.writeText(room.push.url).then(() => toast(t('copied'))) }, room.push.url),
  ].filter(Boolean);
}

function hear(room) {
  const known = rooms.get(room.stream_id);
  if (known?.push && !room.push && room.source === 'push') room.push = known.push; // the feed does not carry keys
  rooms.set(room.stream_id, { ...room, told: Date.now() });
  drawRooms();
}

function choose(id) {
  chosen = id;
  nextPage = '';
  hearAgain();
  drawRooms();
  drawClips();
  loadClips();
}

// hearAgain draws the recent lines and moments anew.
function hearAgain() {
  $('lines').replaceChildren();
  lines.clear();
  listen();
}

// ---- clips -------------------------------------------------------------------------------------------------------------

function drawClips() {
  const box = $('clips');
  const there = new Map([...box.children].map((e) => [e.dataset.id, e]));
  const shown = [...clips.values()]
    .filter((c) => (!chosen || c.stream_id === chosen) && inFilter[filter](c))
    .sort((a, b) => born(b) - born(a) || (a.clip_id < b.clip_id ? -1 : 1));
  const elements = shown.map((clip) => {
    const card = there.get(clip.clip_id) || newClip(clip.clip_id);
    card.update(clip);
    return card;
  });
  // Cards that stay in order are not touched: moving one would stop its video.
  for (const [id, element] of there) if (!shown.some((c) => c.clip_id === id)) element.remove();
  elements.forEach((element, i) => { if (box.children[i] !== element) box.insertBefore(element, box.children[i] || null); });
  $('no-clips').hidden = shown.length > 0;
  $('more').hidden = !nextPage;
  tally();
}

function born(clip) { return Date.parse(clip.triggered_at || clip.steps[0]?.at || 0) || 0; }

function newClip(id) {
  const screen = h('div', { class: 'screen' });
  const body = h('div', { class: 'body' });
  const card = h('article', { class: 'clip' }, screen, body);
  card.dataset.id = id;
  let screenKey = '', bodyKey = '';
  card.update = (clip) => {
    const key = [clip.playable, clip.playable && path(clip.cover), clip.state, language].join();
    if (key !== screenKey && !(clip.playable && screen.querySelector('video[data-final]'))) drawScreen(screen, clip);
    screenKey = key;
    const next = JSON.stringify([clip, language]);
    if (next !== bodyKey && !body.querySelector('.trim[open]')) { // a form that somebody fills in stays
      body.replaceChildren(...clipBody(clip));
      bodyKey = next;
    }
    card.classList.toggle('gone', ['taken_down', 'rejected', 'failed'].includes(clip.state));
  };
  return card;
}

function path(address) { try { return new URL(address, location.href).pathname; } catch { return ''; } }

const playsHLS = document.createElement('video').canPlayType('application/vnd.apple.mpegurl') !== '';

function drawScreen(screen, clip) {
  const length = h('span', { class: 'tag right' }, clock(clip.end_s - clip.start_s));
  if (clip.playable) {
    const best = clip.renditions.find((r) => r.profile === '720p') || clip.renditions[0];
    const cover = safe(clip.cover);
    const play = h('button', { type: 'button', class: 'play', 'aria-label': t('play') + ' ' + clip.title, onclick: () => {
      screen.replaceChildren(video(safe(best?.url || clip.hls), cover, true));
    } });
    screen.replaceChildren(...[cover && clip.cover && h('img', { src: cover, alt: '', loading: 'lazy' }), play, length, clip.generated && h('span', { class: 'tag left' }, t('generated'))].filter(Boolean));
    return;
  }
  const ended = ['failed', 'rejected', 'taken_down'].includes(clip.state);
  const preview = clip.preview && !ended && h('button', { type: 'button', onclick: () => {
    const address = safe(clip.preview + '?access_token=' + encodeURIComponent(token));
    screen.replaceChildren(playsHLS ? video(address, '', false) : playPreview(address));
  } }, t('preview'));
  const waits = clip.state === 'needs_person';
  screen.replaceChildren(h('div', { class: 'waiting' }, !ended && !waits && h('div', { class: 'spin' }),
    h('div', {}, ended || waits ? t('state.' + clip.state) : t('making')), preview), length);
}

function video(source, poster, final) {
  const element = h('video', { controls: true, autoplay: true, playsInline: true, src: source });
  if (poster) element.poster = poster;
  if (final) element.dataset.final = '1';
  return element;
}

function clipBody(clip) {
  const kind = clip.kind ? t('kind.' + clip.kind) : '';
  const where = [
    h('span', {}, clip.stream_id), h('span', {}, `${clock(clip.start_s)}–${clock(clip.end_s)}`),
    clip.playable && typeof clip.playable_after_s === 'number' && h('b', {}, clip.playable_after_s > 0 ? t('playable.in', brief(clip.playable_after_s)) : t('playable.at.once')),
    clip.by && h('span', {}, t('by', clip.by)),
  ];
  return [
    h('div', { class: 'name' }, h('h3', {}, clip.title || kind || clip.clip_id), h('span', { class: 'pill ' + clip.state }, t('state.' + clip.state))),
    h('div', { class: 'where' }, where),
    reasons(clip.reasons.filter((r) => r.signal !== 'request').slice(0, 3)),
    clip.text && h('p', { class: 'text', title: clip.text, onclick: (e) => e.target.classList.toggle('whole') }, clip.text),
    timeline(clip),
    shots(clip.shots || []),
    ...notes(clip),
    h('div', { class: 'sent' }, clip.publications.map((p) =>
      h(['failed', 'rejected', 'unknown'].includes(p.state) && clip.playable ? 'button' : 'span', { onclick: (e) => sendAgain(e, clip, p), class: 'pill ' + (p.state === 'visible' ? 'published' : p.state === 'failed' || p.state === 'rejected' ? 'failed' : ''), title: said(p.reason, p.chinese) || p.remote_id }, `${p.destination} · ${t('publication.' + p.state)}`)), unsent(clip).map((name) =>
      h('button', { type: 'button', class: 'pill', onclick: (e) => send(e.currentTarget, clip, name, 'send.sure') }, t('send', name)))),
    trimForm(clip),
    actions(clip),
  ].filter(Boolean);
}

// sendAgain asks for a destination once more, where it failed or nobody knows what became of it.
function sendAgain(e, clip, p) {
  if (e.currentTarget.tagName === 'BUTTON') send(e.currentTarget, clip, p.destination, 'again.sure');
}

function send(button, clip, destination, question) {
  if (confirm(t(question, destination))) attempt(button, async () => {
    await call('POST', `/v1/clips/${clip.clip_id}/publications`, { destination });
    toast(t('sending', destination));
  });
}

// unsent are the destinations to which a playable clip goes only by hand, and has not gone.
function unsent(clip) { return clip.playable ? byHand.filter((name) => !clip.publications.some((p) => p.destination === name)) : []; }

// explained says a reason in the reader's language; of one without Chinese, the rule at its head: `flash_sale: "last three minutes"`.
function explained({ detail, chinese }) {
  if (language === 'zh' && chinese) return chinese;
  const [, rule, rest] = /^([a-z_]+)(:.*)$/s.exec(detail) || [];
  const name = rule && t('kind.' + rule);
  return name && name !== 'kind.' + rule ? name + rest : detail;
}

function reasons(list) {
  if (list.length === 0) return null;
  return h('ul', { class: 'reasons' }, list.map((r) => {
    const bar = h('i');
    bar.style.width = Math.round(Math.min(1, Math.max(0.04, r.weight)) * 100) + '%';
    return h('li', {}, h('span', { class: 'weight', title: r.weight.toFixed(2) }, bar), h('span', { class: 'say' }, h('em', {}, t('why.' + r.signal)), explained(r)));
  }));
}

const usual = ['found', 'planned', 'cut', 'rendered', 'decided', 'published'];

// latest gives a clip's steps by name, but not those of before its ends were moved.
function latest(clip) { return new Map(clip.steps.filter((s) => s.since_trigger_s > -1).map((s) => [s.step, s])); }

function timeline(clip) {
  const last = latest(clip);
  const end = last.get('taken_down') || (clip.state === 'failed' && last.get('failed'));
  const row = usual.filter((name) => !end || last.has(name)).map((name) => ({ name, step: last.get(name) }));
  if (end) row.push({ name: end.step, step: end });
  return h('ol', { class: 'steps' }, row.map(({ name, step }) => h('li', {
    class: !step ? 'todo' : name === 'failed' || name === 'taken_down' ? 'bad' : '', title: step ? new Date(step.at).toLocaleString(language) + (step.note ? ' · ' + said(step.note, step.chinese) : '') : '',
  }, t('step.' + name), step && h('span', { class: 'at' }, `+${brief(step.since_trigger_s)}s`))));
}

// shots tells how openings and generated shots were made, or why they were not.
function shots(list) {
  if (list.length === 0) return null;
  return h('details', { class: 'shots' }, h('summary', {}, t('shots', list.length)), h('ul', {}, list.map((s) => {
    const made = [
      t('shot.' + s.became) + (s.became === 'template' ? ' ' + t('opening.' + s.template) : ''), [s.engine !== 'template' && s.engine, s.model !== s.template && s.model].filter(Boolean).join(' '),
      s.width > 0 && `${s.width}×${s.height}`, s.steps > 0 && t('shot.steps', s.steps), s.seed && t('shot.seed', s.seed), s.cache_hit && t('shot.cached'),
      s.attempts > 1 && t('shot.attempts', s.attempts), (s.stages || []).map((g) => `${g.name} ${brief(g.took_s)}s`).join(' + '),
      ...said(s.degraded || [], s.degraded_chinese), s.quality && t('shot.quality', s.quality.sharp.toFixed(3), s.quality.flicker.toFixed(3), Math.round(100 * s.quality.frozen), Math.round(100 * s.quality.black)),
    ];
    return h('li', {}, h('div', {}, made.filter(Boolean).join(' · ')), s.prompt && h('p', { class: 'text', title: `${s.version} ${s.hash}` }, s.prompt), s.fault && h('p', { class: 'note' }, said(s.fault, s.fault_chinese)));
  })));
}

// notes are what a person should know of a clip without asking: why it waits or failed, what was made otherwise than ordered.
function notes(clip) {
  const list = [];
  const note = (text, plain) => text && list.push(h('p', { class: 'note' + (plain ? ' plain' : '') }, text));
  const last = latest(clip);
  for (const name of ['planned', 'cut', 'rendered']) if (last.get(name)?.note) note(said(last.get(name).note, last.get(name).chinese), true);
  if (clip.clipped_to && !last.get('rendered')?.note) note(said(clip.clipped_to, clip.clipped_to_chinese), true);
  const failed = clip.state === 'failed' && [...clip.steps].reverse().find((s) => s.step === 'failed');
  if (failed) note(said(failed.note, failed.chinese));
  const v = clip.verdict;
  if (!v) return list;
  const terms = v.reason ? '' : (v.findings || []).filter((f) => f.term).map((f) => `“${f.term}” (${t('where.' + f.where)})`).join(', ');
  const by = v.by === 'rule' ? '' : v.by;
  const reason = said(v.reason, v.chinese);
  if (v.verdict !== 'approved') note([by, reason, terms].filter(Boolean).join(' · '));
  else if (by || reason) note([by && t('state.approved'), by, reason].filter(Boolean).join(' · '), true);
  return list;
}

function actions(clip) {
  const decide = (verdict, button, reason) => attempt(button, async () => know(await call('POST', `/v1/clips/${clip.clip_id}/decision`, { verdict, reason })));
  const ends = ['taken_down', 'failed'].includes(clip.state);
  if (ends) return null;
  const row = [];
  if (!clip.playable) {
    const reason = clip.state === 'needs_person' && h('input', { placeholder: t('reason'), maxLength: 200 });
    const yes = h('button', { type: 'button', class: 'good', onclick: () => decide('approved', yes, reason ? reason.value : '') }, t('approve'));
    const no = h('button', { type: 'button', class: 'bad', onclick: () => decide('rejected', no, reason ? reason.value : '') }, t('reject'));
    row.push(reason, clip.verdict?.verdict !== 'approved' && yes, clip.state !== 'rejected' && no);
  } else {
    const best = clip.renditions.find((r) => r.profile === '720p') || clip.renditions[0];
    const down = h('button', { type: 'button', class: 'bad push-right', onclick: () => {
      if (confirm(t('takedown.sure'))) attempt(down, async () => know(await call('DELETE', '/v1/clips/' + clip.clip_id)));
    } }, t('takedown'));
    row.push(best && h('a', { href: safe(best.url), target: '_blank', rel: 'noreferrer' }, t('download')), down);
  }
  return h('div', { class: 'acts' }, row.filter(Boolean));
}

function know(clip) {
  clips.set(clip.clip_id, clip);
  drawClips();
}

// refresh reads a clip anew, once for many steps that come together.
const waiting = new Map();
function refresh(id) {
  if (!id || waiting.has(id)) return;
  waiting.set(id, setTimeout(async () => {
    waiting.delete(id);
    try { know(await call('GET', '/v1/clips/' + id)); } catch { /* the next step asks again */ }
  }, 120));
}

async function loadClips() {
  const query = new URLSearchParams({ limit: '60' });
  if (chosen) query.set('stream_id', chosen);
  if (nextPage) query.set('after', nextPage);
  await attempt(null, async () => {
    const answer = await call('GET', '/v1/clips?' + query);
    for (const clip of answer.clips) clips.set(clip.clip_id, clip);
    nextPage = answer.next_after;
    drawClips();
  });
}

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
  $('tally').replaceChildren(item(count(rooms.values(), (r) => r.state === 'live'), 'tally.live'),
    item(count(clips.values(), inFilter.published), 'tally.published'), item(count(clips.values(), inFilter.needs_person), 'tally.needs'));
}

// ---- coming and going --------------------------------------------------------------------------------------------------

async function load() {
  const answer = await call('GET', '/v1/streams');
  rooms.clear();
  for (const room of answer.streams) rooms.set(room.stream_id, { ...room, told: Date.now() });
  if (chosen && !rooms.has(chosen)) chosen = '';
  drawRooms();
  nextPage = '';
  byHand = (await call('GET', '/v1/destinations')).manual;
  await Promise.all([loadEngines(), loadClips()]);
}

async function enter(given) {
  token = given.trim();
  try { await load(); } catch (fault) {
    leave(fault.message);
    return;
  }
  kept.set('token', token);
  $('gate').hidden = true;
  $('desk').hidden = $('leave').hidden = false;
  listen();
}

function leave(why) {
  feed?.close();
  token = '';
  kept.set('token', null);
  rooms.clear();
  clips.clear();
  $('lines').replaceChildren();
  $('tally').replaceChildren();
  $('link').textContent = '';
  $('desk').hidden = $('leave').hidden = true;
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
    type: 'button', 'aria-pressed': String(name === filter), onclick: () => { filter = name; dress(); },
  }, t('filter.' + name))));
  if ($('link').textContent) link(Boolean($('link').dataset.on));
  if (token) { drawRooms(); drawEngines(); drawClips(); }
}

$('gate').addEventListener('submit', (e) => { e.preventDefault(); enter($('token').value); });
$('leave').addEventListener('click', () => leave());
$('language').addEventListener('click', () => { language = language === 'zh' ? 'en' : 'zh'; kept.set('language', language); dress(); if (token) hearAgain(); });
$('theme').addEventListener('click', () => { theme = theme === 'dark' ? 'light' : 'dark'; kept.set('theme', theme); dress(); });
$('all-rooms').addEventListener('click', () => choose(''));
$('more').addEventListener('click', loadClips);
$('attach').addEventListener('submit', (e) => {
  e.preventDefault();
  const id = $('attach-id').value;
  attempt(e.submitter, async () => {
    const context = { language: $('attach-language').value, host: $('attach-host').value, engine: $('attach-engine').value };
    const product = { name: $('attach-product').value, price: $('attach-price').value };
    const body = { source: $('attach-source').value, context: { ...filled(context), ...(product.name && { products: [filled(product)] }) } };
    hear(await call('PUT', '/v1/streams/' + encodeURIComponent(id), body));
    toast(t('attached', id));
    e.target.reset();
  });
});
setInterval(() => { if (token) drawRooms(); }, 1000);
setInterval(async () => {
  if (!token) return;
  try {
    for (const room of (await call('GET', '/v1/streams')).streams) hear(room);
    await loadEngines();
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
