'use strict';

// The rooms: how each is, and what an operator does to it.

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
  const fold = h('button', { type: 'button', class: 'quiet fold', onclick: () => { if (!opened.delete(id)) opened.add(id); drawRooms(); } });
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
    const whole = opened.has(id) || chosen === id;
    card.classList.toggle('shut', idle(room) && !whole);
    fold.hidden = !idle(room) || chosen === id;
    fold.setAttribute('aria-expanded', whole);
    fold.setAttribute('aria-label', t(whole ? 'room.less' : 'room.more', id));
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
    const { at, recorded_to_s, heard_to_s, stored_to_s, progress_age_s, ...rest } = room;
    const next = JSON.stringify([rest.lag_s > 8 ? rest : { ...rest, lag_s: 0 }, language, chosen === id]);
    if (next !== topKey) {
      const held = document.activeElement === fold;
      top.replaceChildren(...roomTop(room, time, fold));
      if (held) fold.focus();
    }
    topKey = next;
    const ahead = room.state === 'live' ? (Date.now() - at) / 1000 : 0;
    time.textContent = room.state === 'live' || room.state === 'stalled' ? clock(recorded_to_s + ahead) : '';
  };
  return card;
}

function roomTop(room, time, fold) {
  const signals = room.state === 'off' || room.state === 'waiting' ? [] : Object.entries(room.signals || {}).sort().map(([name, health]) =>
    h('span', { class: 'signal ' + health, title: t('health.' + health) }, t('signal.' + name) + (health === 'present' ? '' : ' · ' + t('health.' + health))));
  const product = room.context?.products?.[0];
  const about = [room.context?.host, product && [product.name, product.price].filter(Boolean).join(' '), room.source === 'push' ? '' : room.source, room.parameters && `${room.parameters.width}×${room.parameters.height}`,
    room.hearing && (room.hearing.engine === 'none' ? t('hearing.none') : t('hearing', room.hearing.engine))].filter(Boolean);
  return [
    h('div', { class: 'title' },
      h('button', { type: 'button', class: 'id', title: room.stream_id, 'aria-pressed': String(chosen === room.stream_id), onclick: () => choose(chosen === room.stream_id ? '' : room.stream_id) }, room.stream_id),
      h('span', { class: 'pill ' + room.state }, t(room.state === 'waiting' && room.source !== 'push' ? 'state.connecting' : 'state.' + room.state)), time, fold),
    about.length > 0 && h('p', { class: 'about', title: about.join(' · ') }, about.join(' · ')),
    signals.length > 0 && h('div', { class: 'signals' }, signals, room.lag_s > 8 && h('span', { class: 'signal behind' }, t('lag', brief(room.lag_s)))),
    room.reason && told(room.reason, room.reason_chinese, 'reason'),
    room.hearing?.note && told(room.hearing.note, room.hearing.chinese, 'reason'),
    room.push && room.state === 'waiting' && h('button', { type: 'button', class: 'push', title: t('copy'), onclick: () => navigator.clipboard?.writeText(room.push.url).then(() => toast(t('copied'))) }, room.push.url),
  ].filter(Boolean);
}

function hear(room) {
  const known = rooms.get(room.stream_id);
  if (known?.push && !room.push && room.source === 'push') room.push = known.push; // the feed does not carry keys
  rooms.set(room.stream_id, { ...room, at: Date.now() });
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
