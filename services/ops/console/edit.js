'use strict';

// Forms with which an operator changes what is: a room's host and product, a clip's ends.

const languages = ['', 'zh', 'en'];

// filled leaves out what was left empty.
function filled(values) { return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')); }

// contextForm changes who hosts a room and what is on show; further products of the room stay.
function contextForm(id) {
  const fields = { host: field('room.host', 80), name: field('room.product', 120), price: field('room.price', 40), was: field('room.was', 40) };
  const save = h('button', { type: 'submit' });
  const summary = h('summary');
  let room = {};
  const form = h('form', { onsubmit: (e) => {
    e.preventDefault();
    const product = { ...room.context?.products?.[0], name: fields.name.input.value, price: fields.price.input.value, was: fields.was.input.value };
    const products = [product, ...(room.context?.products || []).slice(1)].filter((p) => p.name);
    const body = { context: { host: fields.host.input.value, products }, ...(products.length === 0 && { clear: ['products'] }) };
    attempt(save, async () => {
      hear(await call('PATCH', '/v1/streams/' + id, body));
      toast(t('saved'));
      box.open = false;
    });
  } }, Object.values(fields).map((f) => f.label), save);
  const box = h('details', { class: 'context', ontoggle: () => { if (box.open) fill(); } }, summary, form);
  const fill = () => {
    const product = room.context?.products?.[0] || {};
    fields.host.input.value = room.context?.host || '';
    for (const name of ['name', 'price', 'was']) fields[name].input.value = product[name] || '';
  };
  box.update = (now) => {
    room = now;
    summary.textContent = t('room.edit');
    save.textContent = t('save');
    for (const f of Object.values(fields)) f.caption.textContent = t(f.name);
  };
  return box;
}

function field(name, longest) {
  const input = h('input', { maxLength: longest });
  const caption = h('span');
  return { name, input, caption, label: h('label', {}, caption, input) };
}

// trimForm moves a clip's ends, by seconds of the broadcast; a finer hand than a person's is not needed.
function trimForm(clip) {
  if (['requested', 'found', 'failed', 'taken_down'].includes(clip.state) || clip.kind === 'recap') return null;
  const end = (value) => h('input', { type: 'number', step: 0.1, min: 0, required: true, value: value.toFixed(1) });
  const from = end(clip.start_s), to = end(clip.end_s);
  const again = h('button', { type: 'submit' }, t('trim.do'));
  const box = h('details', { class: 'trim' }, h('summary', {}, t('trim')), h('form', { onsubmit: (e) => {
    e.preventDefault();
    attempt(again, async () => {
      const changed = await call('POST', `/v1/clips/${clip.clip_id}/trim`, { start_s: Number(from.value), end_s: Number(to.value) });
      toast(t('trimmed', clock(changed.start_s), clock(changed.end_s)));
      box.open = false;
      know(changed);
    });
  } }, h('label', {}, h('span', {}, t('trim.start')), from), h('label', {}, h('span', {}, t('trim.end')), to), again));
  return box;
}
