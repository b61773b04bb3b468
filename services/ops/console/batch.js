'use strict';

// Archived recordings: a batch is started here, and those that this browser started are followed until they are done.

const batches = new Map(); // batch_id → Batch
const mostBatches = 5;     // that are remembered

function keptBatches() { return (kept.get('batches') || '').split(' ').filter(Boolean); }

async function loadBatches() {
  const wanted = keptBatches().filter((id) => batches.get(id)?.state !== 'done');
  await Promise.all(wanted.map(async (id) => {
    try { batches.set(id, await call('GET', '/v1/batches/' + id)); } catch (fault) {
      if (fault.status === 401) throw fault;
      if (fault.status === 404) kept.set('batches', keptBatches().filter((other) => other !== id).join(' ')); // forgotten there, or of another tenant
    }
  }));
  drawBatches();
}

function drawBatches() {
  const known = keptBatches().map((id) => batches.get(id)).filter(Boolean);
  $('batches').replaceChildren(...known.flatMap((b) => b.sources).map((s) => h('li', {},
    h('div', { class: 'title' },
      h('button', { type: 'button', class: 'id', title: s.source, onclick: () => choose(chosen === s.stream_id ? '' : s.stream_id) }, s.source.split('/').pop() || s.source),
      h('span', { class: 'pill ' + (s.state === 'done' ? 'approved' : '') }, t('batch.' + s.state))),
    h('p', { class: 'about' }, t('batch.so.far', clock(s.heard_to_s || s.recorded_to_s), s.clips, s.published)),
    s.reason && told(s.reason, s.chinese, 'reason'))));
}

function startBatch(e) {
  e.preventDefault();
  attempt(e.submitter, async () => {
    const sources = $('batch-sources').value.split('\n').map((line) => line.trim()).filter(Boolean);
    const started = await call('POST', '/v1/batches', { sources });
    kept.set('batches', [started.batch_id, ...keptBatches().filter((id) => id !== started.batch_id)].slice(0, mostBatches).join(' '));
    batches.set(started.batch_id, started);
    e.target.reset();
    drawBatches();
    toast(t('batch.started', started.sources.length));
  });
}
