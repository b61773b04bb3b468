'use strict';

// The clips: a card each, with its story and what is left to decide.

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
  $('no-clips').textContent = t(clips.size > 0 ? 'clips.none.here' : 'clips.none');
  $('only').hidden = !chosen;
  $('only').textContent = chosen;
  $('only').setAttribute('aria-label', t('only.off', chosen));
  $('more').hidden = !nextPage;
  tally();
}

function born(clip) { return Date.parse(clip.triggered_at || clip.steps[0]?.at || 0) || 0; }

function newClip(id) {
  const screen = h('div', { class: 'screen' });
  const body = h('div', { class: 'body' });
  const card = h('article', { class: 'clip' }, screen, body);
  card.dataset.id = id;
  let screenKey = '', bodyKey = '', state = '';
  card.update = (clip) => {
    const key = [clip.playable, clip.playable && path(clip.cover), clip.state, language].join();
    if (key !== screenKey && !(clip.playable && screen.querySelector('video[data-final]'))) drawScreen(screen, clip);
    screenKey = key;
    const next = JSON.stringify([clip, language]);
    const busy = clip.state === state && (body.querySelector('.trim[open]') || [...body.querySelectorAll('.acts input')].some((i) => i.value));
    if (next !== bodyKey && !busy) { // a form that somebody fills in stays
      body.replaceChildren(...clipBody(clip));
      bodyKey = next;
      state = clip.state;
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
      const film = video(safe(best?.url || clip.hls), cover, true);
      film.addEventListener('error', () => { toast(t('play.failed'), true); drawScreen(screen, clip); refresh(clip.clip_id); });
      screen.replaceChildren(film);
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
    clip.text && unfolding(clip.text, clip.text),
    timeline(clip),
    shots(clip.shots || []),
    ...notes(clip),
    h('div', { class: 'sent' }, clip.publications.map((p) =>
      h(['failed', 'rejected', 'unknown'].includes(p.state) && clip.playable ? 'button' : 'span', { onclick: (e) => sendAgain(e, clip, p), class: 'pill ' + ({ visible: 'published', failed: 'failed', rejected: 'failed', unknown: 'unknown' }[p.state] || ''), title: said(p.reason, p.chinese) || p.remote_id }, `${p.destination} · ${t('publication.' + p.state)}`)), unsent(clip).map((name) =>
      h('button', { type: 'button', class: 'pill', onclick: (e) => send(e.currentTarget, clip, name, 'send.sure') }, t('send', name)))),
    trimForm(clip),
    actions(clip),
  ].filter(Boolean);
}

// unfolding is a text of which two lines are shown until somebody wants the whole.
function unfolding(text, title) {
  const toggle = (e) => e.currentTarget.setAttribute('aria-expanded', e.currentTarget.classList.toggle('whole'));
  return h('p', { class: 'text', title, tabIndex: 0, role: 'button', 'aria-expanded': 'false', onclick: toggle,
    onkeydown: (e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); toggle(e); } } }, text);
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
    return h('li', {}, h('div', {}, made.filter(Boolean).join(' · ')), s.prompt && unfolding(s.prompt, `${s.version} ${s.hash}`), s.fault && told(s.fault, s.fault_chinese, 'note'));
  })));
}

// notes are what a person should know of a clip without asking: why it waits or failed, what was made otherwise than ordered.
function notes(clip) {
  const list = [];
  const note = (text, plain) => text && list.push(h('p', { class: 'note' + (plain ? ' plain' : '') }, text));
  const last = latest(clip);
  for (const name of ['planned', 'cut', 'rendered']) if (last.get(name)?.note) list.push(told(last.get(name).note, last.get(name).chinese, 'note plain'));
  if (clip.clipped_to && !last.get('rendered')?.note) note(said(clip.clipped_to, clip.clipped_to_chinese), true);
  const failed = clip.state === 'failed' && [...clip.steps].reverse().find((s) => s.step === 'failed');
  if (failed) list.push(told(failed.note, failed.chinese, 'note'));
  for (const p of clip.publications) if (p.reason) list.push(told(p.reason, p.chinese, ['failed', 'rejected', 'unknown'].includes(p.state) ? 'note' : 'note plain', p.destination + (language === 'zh' ? '：' : ': ')));
  const v = clip.verdict;
  if (!v) return list;
  const terms = v.reason ? '' : (v.findings || []).filter((f) => f.term).map((f) => `“${f.term}” (${t('where.' + f.where)})`).join(', ');
  const by = v.by === 'rule' ? '' : v.by;
  const all = (reason) => [by && t('state.' + v.verdict), by, reason, v.verdict !== 'approved' && terms].filter(Boolean).join(' · ');
  if (all(v.reason)) list.push(told(all(v.reason), all(v.chinese || v.reason), v.verdict === 'approved' ? 'note plain' : 'note'));
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
